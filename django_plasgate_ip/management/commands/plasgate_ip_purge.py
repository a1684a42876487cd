"""``manage.py plasgate_ip_purge``: end, empty and delete what has been kept for long enough."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from django_plasgate_ip import retention
from django_plasgate_ip.management.arguments import add_batch_size

# What a step does, the rows that it finds, and the function that does it.
_STEPS = (
    ("stale verifications ended", retention.stale, retention.end_stale),
    ("verifications deleted", retention.old, retention.delete_old),
    ("verifications emptied of their claims", retention.with_old_claims, retention.empty_claims),
)


class Command(BaseCommand):
    """Ends stale verifications, deletes old ones and empties old claims."""

    help = (
        "End verifications that never came back or were cut off, empty claims older than "
        "PLASGATE_IP_CLAIMS_RETENTION, and delete verifications older than "
        "PLASGATE_IP_ATTEMPT_RETENTION. Run it every few minutes; it may run twice at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--dry-run`` and ``--batch-size``."""
        parser.add_argument("--dry-run", action="store_true", help="Only count.")
        add_batch_size(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do each step, or count what it would do."""
        for name, rows, act in _STEPS:
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
