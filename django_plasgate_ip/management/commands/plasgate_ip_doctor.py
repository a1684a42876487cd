"""``manage.py plasgate_ip_doctor``: prints what the modules of `doctor` find."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_plasgate_ip.doctor import configuration, project, trial_call
from django_plasgate_ip.doctor.findings import Finding, Level

_WIDTH = max(len(level.value) for level in Level)


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
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings. Raises CommandError, exit status 1, if one is an error."""
        rooms = [configuration, project]
        if not options["offline"]:
            rooms.append(trial_call)
        findings = chain.from_iterable(room.examine() for room in rooms)
        counts = self._as_json(findings) if options["json"] else self._as_text(findings)
        if errors := counts[Level.ERROR]:
            raise CommandError(f"Errors: {errors}.")

    def _as_json(self, findings: Iterable[Finding]) -> Counter[Level]:
        found = list(findings)
        said = [asdict(finding) | {"level": finding.level.value} for finding in found]
        self.stdout.write(json.dumps({"findings": said}, indent=2))
        return Counter(finding.level for finding in found)

    def _as_text(self, findings: Iterable[Finding]) -> Counter[Level]:
        style = self.style
        styles = {Level.OK: style.SUCCESS, Level.WARNING: style.WARNING, Level.ERROR: style.ERROR}
        counts: Counter[Level] = Counter()
        for section, group in groupby(findings, key=attrgetter("about")):
            self.stdout.write(style.MIGRATE_HEADING(section))
            for finding in group:
                word = styles[finding.level](finding.level.value.ljust(_WIDTH))
                self.stdout.write(f"  {word}  {finding.what}")
                if finding.do:
                    self.stdout.write(f"  {'':{_WIDTH}}  -> {finding.do}")
                # The next finding may have to wait for the network.
                self.stdout.flush()
                counts[finding.level] += 1
        self.stdout.write(", ".join(f"{level.value}: {counts[level]}" for level in Level))
        return counts
