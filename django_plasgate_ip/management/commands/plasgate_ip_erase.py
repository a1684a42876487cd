"""``manage.py plasgate_ip_erase``: delete all that is held about one person."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_plasgate_ip import personal_data
from django_plasgate_ip.management.commands import _person


class Command(BaseCommand):
    """Deletes one person's attempts and the admin's notes about them."""

    help = "Delete all attempts of one person, with their claims. The account itself stays."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take ``--user`` or ``--number``, and ``--no-input``."""
        _person.add_arguments(parser)
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="Don't ask."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, then delete. Raises CommandError for a no."""
        attempts = _person.attempts(options)
        question = f"Delete {attempts.count()} attempts for good? [y/N] "
        if options["interactive"] and input(question).strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was deleted.")
        self.stdout.write(f"{personal_data.erase(attempts)} attempts deleted")
