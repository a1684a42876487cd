"""``manage.py plasgate_ip_purge``: a thin shell over `retention`."""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import QuerySet

from django_plasgate_ip import retention
from django_plasgate_ip.management import batches
from django_plasgate_ip.management.progress import Bar

_STEPS: tuple[
    tuple[str, Callable[[], QuerySet[Any]], Callable[[int], Iterator[int]]],
    ...,
] = (
    ("stale attempts ended", retention.stale, retention.end_stale),
    ("attempts deleted", retention.old, retention.delete_old),
    ("attempts emptied of their claims", retention.with_old_claims, retention.empty_claims),
    ("hand-offs deleted", retention.old_handoffs, retention.delete_handoffs),
)


class Command(BaseCommand):
    """Ends stale attempts, deletes old ones, empties old claims, forgets old hand-offs."""

    help = (
        "End attempts that never came back or were cut off, delete attempts older than "
        "PLASGATE_IP_ATTEMPT_RETENTION, empty claims older than PLASGATE_IP_CLAIMS_RETENTION, "
        "and delete hand-offs to a phone that are over. Run it every few minutes; it may run twice "
        "at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take ``--dry-run`` and ``--batch-size``."""
        parser.add_argument("--dry-run", action="store_true", help="Only count.")
        batches.add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do each step, or count what it would do. Raises CommandError for a bad batch size."""
        batch_size = batches.size(options)
        for name, query, act in _STEPS:
            total = query().count()
            if options["dry_run"]:
                self.stdout.write(f"{total} {name} (not done: --dry-run)")
                continue
            with Bar(self.stdout, total) as bar:
                for rows in act(batch_size):
                    bar.advance(rows)
            self.stdout.write(f"{bar.done} {name}")
