"""A site in a process of its own, which ends with the tests."""

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import WITH_US

ROOT = Path(__file__).parents[2]


class Site:
    """The site of a settings module of this folder; `policy`: its Content Security Policy."""

    def __init__(self, folder: Path, settings: str, policy: str) -> None:
        self.name = settings.removesuffix("_settings")
        self.has_accounts = self.name == "example"
        self._log = folder / "log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", WITH_US, "sh", sys.executable, "-m", "tests.browser.serve"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": f"tests.browser.{settings}",
                    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project")]),
                    "SITE_DATABASE": f"sqlite:///{folder / 'site.sqlite3'}",
                    "SITE_POLICY": policy,
                    "SITE_SECRET_KEY": "a fake key, for tests only",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip().decode()
        assert port, self.log
        self.origin = f"http://127.0.0.1:{port}"
        self.operator = f"http://localhost:{port}"

    @property
    def log(self) -> str:
        """Return the site's log."""
        return self._log.read_text()

    def stop(self) -> None:
        """Close the standard input, at which the whole process group ends."""
        self._process.communicate()
