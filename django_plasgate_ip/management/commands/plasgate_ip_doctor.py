"""``manage.py plasgate_ip_doctor``: a thin shell over `doctor`."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from textwrap import fill
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_plasgate_ip.doctor.examination import examine
from django_plasgate_ip.doctor.findings import Finding, Level

_WIDTH = max(len(level.value) for level in Level)
_MARGIN = " " * (_WIDTH + 4)
_COLUMNS = 100


class Command(BaseCommand):
    """Prints what is fine, what is worth a look and what is broken, and what to do."""

    help = (
        "Look at the settings, the site and the way to PlasGate, and say of each whether it is "
        "fine, and what to do if not. Secrets are masked. It sends both keys and a wrong code to "
        "the exchange endpoint, once, and spends no balance. Exit status: 1 if anything is broken."
    )
    # What they complain of is part of the findings, and must not keep them from being told.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take ``--offline`` and ``--json``."""
        parser.add_argument("--offline", action="store_true", help="Ask nobody on the network.")
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="Print one JSON object."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings. Raises CommandError, exit status 1, if anything is broken."""
        findings = examine(offline=options["offline"])
        counts = self._as_json(findings) if options["as_json"] else self._as_text(findings)
        if broken := counts[Level.BROKEN]:
            raise CommandError(f"{broken} broken.")

    def _as_json(self, findings: Iterable[Finding]) -> Counter[Level]:
        found = list(findings)
        said = [asdict(finding) | {"level": finding.level.value} for finding in found]
        self.stdout.write(json.dumps({"findings": said}, indent=2))
        return Counter(finding.level for finding in found)

    def _as_text(self, findings: Iterable[Finding]) -> Counter[Level]:
        """Print each as soon as it is known, since a network may be slow."""
        counts: Counter[Level] = Counter()
        section = ""
        for finding in findings:
            if finding.about != section:
                section = finding.about
                self.stdout.write(self.style.MIGRATE_HEADING(section))
            self._print(finding)
            counts[finding.level] += 1
        self.stdout.write(", ".join(f"{counts[level]} {level.value}" for level in Level))
        return counts

    def _print(self, finding: Finding) -> None:
        styles = {
            Level.FINE: self.style.SUCCESS,
            Level.LOOK: self.style.WARNING,
            Level.BROKEN: self.style.ERROR,
        }
        word = styles[finding.level](finding.level.value.ljust(_WIDTH))
        self.stdout.write(f"  {word}  {_folded(finding.what, '')}")
        if finding.do:
            self.stdout.write(f"{_MARGIN}{_folded(finding.do, '-> ')}")
        self.stdout.flush()


def _folded(text: str, lead: str) -> str:
    """Return `lead` and the text, which may go on in further lines, without the first margin."""
    folded = fill(
        text,
        _COLUMNS,
        initial_indent=_MARGIN + lead,
        subsequent_indent=_MARGIN + " " * len(lead),
        # A URL is there to be copied.
        break_long_words=False,
        break_on_hyphens=False,
    )
    return folded.removeprefix(_MARGIN)
