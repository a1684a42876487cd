"""The command ``plasgate_ip_export``: print everything the app stores about one person."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from django_plasgate_ip import personal_data
from django_plasgate_ip.management.arguments import add_person, verifications_of_person
from django_plasgate_ip.querysets import PhoneVerificationQuerySet
from django_plasgate_ip.security_events import SecurityEvent, record


class Command(BaseCommand):
    """Prints one JSON object per line, a verification with its decrypted claims."""

    help = (
        "Print all verifications of one person, with their claims, as one JSON object per line. "
        "The output is neither encrypted nor masked, so store it in a safe place."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--user`` and ``--number``."""
        add_person(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the verifications. Raises CommandError if the output fails."""
        verifications = verifications_of_person(options)
        record(SecurityEvent.EXPORTED, staff=None, claims=True)
        failure = self._print(verifications)
        if failure:
            # SECURITY: raised in this frame, because the frames of `_print` hold decrypted claims,
            # and an error report shows the variables of each frame.
            raise CommandError(f"The output is incomplete: {failure}.")

    def _print(self, verifications: PhoneVerificationQuerySet) -> str:
        """Print the verifications. Return the name of the exception that stopped it, or ""."""
        try:
            for values in personal_data.export(verifications):
                self.stdout.write(json.dumps(values, cls=DjangoJSONEncoder, ensure_ascii=False))
        except (OSError, UnicodeEncodeError) as error:
            return type(error).__name__
        return ""
