"""A site in a process of its own, which ends with the tests."""

import os
from pathlib import Path
from urllib.request import urlopen

from tests.servers import LONG, ROOT, Server


class Site(Server):
    """The site of a settings module of this folder; `policy`: its Content Security Policy."""

    def __init__(self, folder: Path, settings: str, policy: str) -> None:
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": f"tests.browser.{settings}",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project")]),
            "SITE_DATABASE": f"sqlite:///{folder / 'site.sqlite3'}",
            "SITE_POLICY": policy,
            "SITE_SECRET_KEY": "a fake key, for tests only",
        }
        super().__init__(folder / "log", env, "tests.browser.serve", "{fd}")
        self.has_accounts = settings == "example_settings"
        self.operator = self.origin.replace("127.0.0.1", "localhost")
        urlopen(f"http://127.0.0.1:{self.port}/phone/", timeout=LONG).close()
