"""``manage.py plasgate_ip_export``: print everything the app stores about one person, as JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from django_plasgate_ip import personal_data
from django_plasgate_ip.management.arguments import add_person, verifications_of_person
from django_plasgate_ip.models import PhoneVerificationQuerySet


class Command(BaseCommand):
    """Prints one JSON object a line: a verification with its decrypted claims."""

    help = (
        "Print all verifications of one person, with their claims, as one JSON object a line. "
        "Nothing in the output is encrypted or masked: take care where you store it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--user`` and ``--number``."""
        add_person(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the verifications, if there are any. Raises CommandError if printing fails."""
        failure = self._print(verifications_of_person(options))
        if failure:
            # SECURITY: raised here, because the frames of `_print` hold decrypted claims, which an
            # error report would show.
            raise CommandError(f"Not everything was printed: {failure}.")

    def _print(self, verifications: PhoneVerificationQuerySet) -> str:
        """Return the name of the exception that stopped the output, or an empty text."""
        try:
            for values in personal_data.export(verifications):
                self.stdout.write(json.dumps(values, cls=DjangoJSONEncoder, ensure_ascii=False))
        except (OSError, UnicodeEncodeError) as error:
            return type(error).__name__
        return ""
