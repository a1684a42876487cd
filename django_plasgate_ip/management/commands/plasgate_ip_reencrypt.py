"""The command ``plasgate_ip_reencrypt``: encrypt all claims with the first key."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_plasgate_ip import encryption
from django_plasgate_ip.management.arguments import add_batch_size
from django_plasgate_ip.models import PhoneVerification


class Command(BaseCommand):
    """Encrypts all claims with the first key, so that the older keys can be removed."""

    help = (
        "Encrypt all claims again with the first key of PLASGATE_IP_ENCRYPTION_KEYS. The site can "
        "stay online meanwhile. To continue a stopped run, pass the last id that it printed to "
        "--after."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--after`` and ``--batch-size``."""
        parser.add_argument("--after", type=UUID, help="Skip verifications up to this id.")
        add_batch_size(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Encrypt the claims batch by batch. Raises CommandError if some could not be decrypted."""
        rows = PhoneVerification.objects.on_primary().exclude(claims={})
        if options["after"]:
            rows = rows.filter(pk__gt=options["after"])
        total, seen, unreadable = rows.count(), 0, 0
        for batch in encryption.reencrypt(rows, options["batch_size"]):
            seen += batch.rows
            unreadable += batch.unreadable
            if seen < total:
                self.stdout.write(f"{seen} of {total} verifications done, up to {batch.last}")
        self.stdout.write(f"Encrypted with the first key: {seen - unreadable}")
        if unreadable:
            raise CommandError(
                "Verifications that no key in PLASGATE_IP_ENCRYPTION_KEYS can decrypt: "
                f"{unreadable}. They are unchanged. Add their key at the end of the list and run "
                "the command again."
            )
