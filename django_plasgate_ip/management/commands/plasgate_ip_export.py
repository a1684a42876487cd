"""``manage.py plasgate_ip_export``: all that is held about one person, as JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from django_plasgate_ip import personal_data
from django_plasgate_ip.management.commands import _person
from django_plasgate_ip.models import PhoneVerificationQuerySet


class Command(BaseCommand):
    """Prints one JSON object a line, each an attempt with its decrypted claims."""

    help = (
        "Print all attempts of one person, with their claims, as one JSON object a line. The "
        "output holds everything in clear: mind where it goes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take ``--user`` or ``--number``."""
        _person.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the attempts; none is no error. Raises CommandError if the output breaks off."""
        failure = self._print(_person.attempts(options))
        if failure:
            # SECURITY: raised out here, bare: the frames below hold claims in clear.
            raise CommandError(f"Not everything was printed: {failure}.")

    def _print(self, attempts: PhoneVerificationQuerySet) -> str:
        """Return the name of what went wrong with the output, or nothing."""
        try:
            for values in personal_data.export(attempts):
                self.stdout.write(json.dumps(values, cls=DjangoJSONEncoder, ensure_ascii=False))
        except (OSError, UnicodeEncodeError) as error:
            return type(error).__name__
        return ""
