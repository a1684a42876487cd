"""``manage.py plasgate_ip_doctor``: prints what the modules of `doctor` find."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from textwrap import fill
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_plasgate_ip.doctor import configuration, project, trial_call
from django_plasgate_ip.doctor.findings import Finding, Level

_WIDTH = max(len(level.value) for level in Level)
_MARGIN = " " * (_WIDTH + 4)
_COLUMNS = 100


def examine(*, offline: bool = False) -> Iterator[Finding]:
    """Yield each finding as soon as it is known.

    `offline` leaves out the call to PlasGate. The site's own database and cache are still used.
    """
    yield from configuration.examine()
    yield from project.examine()
    if not offline:
        yield from trial_call.examine()


class Command(BaseCommand):
    """Reports what keeps the first visitor from being verified, and what to do about it."""

    help = (
        "Examine the settings, the site and the connection to PlasGate. For each, report ok, "
        "warning or error, and what to do. Secrets are masked. The command sends both keys and a "
        "made-up code to the exchange endpoint, once, and spends no balance. Exit status: 1 if "
        "there is an error."
    )
    # A failed check is one of the findings. It must not stop the command.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--offline`` and ``--json``."""
        parser.add_argument("--offline", action="store_true", help="Do not call PlasGate.")
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="Print one JSON object."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings. Raises CommandError, exit status 1, if one is an error."""
        findings = examine(offline=options["offline"])
        counts = self._as_json(findings) if options["as_json"] else self._as_text(findings)
        if errors := counts[Level.ERROR]:
            raise CommandError(f"Errors: {errors}.")

    def _as_json(self, findings: Iterable[Finding]) -> Counter[Level]:
        found = list(findings)
        said = [asdict(finding) | {"level": finding.level.value} for finding in found]
        self.stdout.write(json.dumps({"findings": said}, indent=2))
        return Counter(finding.level for finding in found)

    def _as_text(self, findings: Iterable[Finding]) -> Counter[Level]:
        counts: Counter[Level] = Counter()
        section = ""
        for finding in findings:
            if finding.about != section:
                section = finding.about
                self.stdout.write(self.style.MIGRATE_HEADING(section))
            self._print(finding)
            counts[finding.level] += 1
        self.stdout.write(", ".join(f"{level.value}: {counts[level]}" for level in Level))
        return counts

    def _print(self, finding: Finding) -> None:
        styles = {
            Level.OK: self.style.SUCCESS,
            Level.WARNING: self.style.WARNING,
            Level.ERROR: self.style.ERROR,
        }
        word = styles[finding.level](finding.level.value.ljust(_WIDTH))
        self.stdout.write(f"  {word}  {_folded(finding.what, '')}")
        if finding.do:
            self.stdout.write(f"{_MARGIN}{_folded(finding.do, '-> ')}")
        # The next finding may have to wait for the network.
        self.stdout.flush()


def _folded(text: str, lead: str) -> str:
    """Return `lead` and the text, in lines of a page's width, without the first line's margin."""
    folded = fill(
        text,
        _COLUMNS,
        initial_indent=_MARGIN + lead,
        subsequent_indent=_MARGIN + " " * len(lead),
        # A URL must stay whole, so that it can be copied.
        break_long_words=False,
        break_on_hyphens=False,
    )
    return folded.removeprefix(_MARGIN)
