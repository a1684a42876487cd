"""The command ``plasgate_ip_erase``: delete everything the app stores about one person."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_plasgate_ip import personal_data
from django_plasgate_ip.management.arguments import add_person, verifications_of_person


class Command(BaseCommand):
    """Deletes one person's verifications and their entries in the admin log."""

    help = (
        "Delete all verifications of one person, with their claims and their entries in the admin "
        "log. The account is kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--user``, ``--number`` and ``--no-input``."""
        add_person(parser)
        parser.add_argument(
            "--noinput",
            "--no-input",
            action="store_false",
            dest="interactive",
            help="Do not ask for confirmation.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask for confirmation, then delete. Raises CommandError if the answer is not yes."""
        verifications = verifications_of_person(options)
        question = f"Delete {verifications.count()} verifications permanently? [y/N] "
        if options["interactive"] and not _is_confirmed(question):
            raise CommandError("Nothing was deleted.")
        self.stdout.write(f"{personal_data.erase(verifications)} verifications deleted")


def _is_confirmed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        # Under cron, for example.
        raise CommandError(
            "Nothing was deleted: nobody can answer, without a terminal. Use --no-input."
        ) from None
