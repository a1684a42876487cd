"""The command ``plasgate_ip_doctor``: print the findings of the modules in `doctor`."""

import json
from collections import Counter
from dataclasses import asdict
from itertools import chain, groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_plasgate_ip.doctor import configuration, project, trial_call
from django_plasgate_ip.doctor.findings import Finding, Level, problems_first

_WIDTH = max(len(level.value) for level in Level)


class Command(BaseCommand):
    """Reports problems that would stop visitors from being verified, and how to fix them."""

    help = (
        "Check the settings, the site and the connection to PlasGate. Each finding is ok, a "
        "warning or an error, and says what to do. Secrets are masked. The command calls the "
        "exchange endpoint once, with both keys and a made-up code, and waits for the answer. This "
        "spends no balance. Exit status: 1 if there is an error."
    )
    # The command reports failed system checks as findings, so they must not stop it.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--offline`` and ``--json``."""
        parser.add_argument("--offline", action="store_true", help="Do not call PlasGate.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings, problems first. Raises CommandError if one of them is an error."""
        if not options["json"]:
            self.stdout.write("Examining the settings, the site and the network ...")
            # The call may take some seconds.
            self.stdout.flush()
        modules = [configuration, project]
        if not options["offline"]:
            modules.append(trial_call)
        found = problems_first(chain.from_iterable(module.examine() for module in modules))
        if options["json"]:
            self._print_json(found)
        else:
            self._print_text(found)
        if errors := sum(finding.level is Level.ERROR for finding in found):
            raise CommandError(f"Errors: {errors}.")

    def _print_json(self, found: list[Finding]) -> None:
        values = [asdict(finding) | {"level": finding.level.value} for finding in found]
        self.stdout.write(json.dumps({"findings": values}, indent=2))

    def _print_text(self, found: list[Finding]) -> None:
        style = self.style
        styles = {Level.OK: style.SUCCESS, Level.WARNING: style.WARNING, Level.ERROR: style.ERROR}
        for section, group in groupby(found, key=_section):
            self.stdout.write(style.MIGRATE_HEADING(section))
            for finding in group:
                word = styles[finding.level](finding.level.value.ljust(_WIDTH))
                self.stdout.write(f"  {word}  {finding.what}")
                if finding.do:
                    self.stdout.write(f"  {'':{_WIDTH}}  -> {finding.do}")
        counts = Counter(finding.level for finding in found)
        self.stdout.write(", ".join(f"{level.value}: {counts[level]}" for level in Level))


def _section(finding: Finding) -> str:
    return finding.about if finding.level is Level.OK else "Problems"
