"""``manage.py plasgate_ip_reencrypt``: a thin shell over `retention.reencrypt`."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_plasgate_ip import retention
from django_plasgate_ip.management import batches
from django_plasgate_ip.management.progress import Bar


class Command(BaseCommand):
    """Encrypts all claims with the first key, so that older ones can be dropped."""

    help = (
        "Encrypt all claims again with the first of PLASGATE_IP_ENCRYPTION_KEYS. Safe beside live "
        "traffic; where it was stopped, it can go on with --after."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take ``--after`` and ``--batch-size``."""
        parser.add_argument("--after", type=UUID, help="The id to go on behind.")
        batches.add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the rows. Raises CommandError if any could not be read."""
        batch_size, after = batches.size(options), options["after"]
        unreadable = 0
        with Bar(self.stdout, retention.with_claims(after).count()) as bar:
            for batch in retention.reencrypt(batch_size, after):
                bar.advance(batch.seen)
                unreadable += batch.unreadable
                if options["verbosity"] > 1:
                    self.stdout.write(f"done up to --after {batch.last}")
        self.stdout.write(f"{bar.done - unreadable} attempts encrypted with the first key")
        if unreadable:
            raise CommandError(
                f"{unreadable} attempts can be opened by none of PLASGATE_IP_ENCRYPTION_KEYS. They "
                "are as they were; add their key at the end of the list and run this again."
            )
