"""The command ``plasgate_ip_purge``: apply the retention settings."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from django_plasgate_ip import retention
from django_plasgate_ip.apps import handoff_app
from django_plasgate_ip.management.arguments import add_batch_size

# For each step: a description for the output, its rows, and the function that handles them.
_STEPS = (
    ("stale verifications ended", retention.stale, retention.end_stale),
    ("verifications deleted", retention.old, retention.delete_old),
    ("old claims emptied", retention.with_old_claims, retention.empty_claims),
)


class Command(BaseCommand):
    """Ends stale verifications, deletes old verifications and empties old claims."""

    help = (
        "End verifications that were abandoned or interrupted, delete verifications older than "
        "PLASGATE_IP_ATTEMPT_RETENTION, and empty claims older than PLASGATE_IP_CLAIMS_RETENTION. "
        "Run it every few minutes. Concurrent runs are safe."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--dry-run`` and ``--batch-size``."""
        parser.add_argument("--dry-run", action="store_true", help="Count, but change nothing.")
        add_batch_size(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run each step, or count its rows."""
        for name, rows, act in _steps():
            total = rows().count()
            if options["dry_run"]:
                self.stdout.write(f"{total} {name} (not done: --dry-run)")
                continue
            done = 0
            for changed in act(options["batch_size"]):
                done += changed
                if done < total:
                    self.stdout.write(f"{done} of {total} {name}")
            self.stdout.write(f"{done} {name}")


def _steps() -> Iterator[tuple[Any, ...]]:
    yield from _STEPS
    if handoff := handoff_app():
        yield "old hand-offs deleted", handoff.old, handoff.delete_old
