"""Arguments that several commands take."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.core.management.base import CommandError, CommandParser

from django_plasgate_ip import personal_data
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerificationQuerySet
from django_plasgate_ip.retention import BATCH_SIZE


def add_batch_size(parser: CommandParser) -> None:
    """Add ``--batch-size``."""
    help_text = f"Rows in one transaction; {BATCH_SIZE} by default."
    parser.add_argument("--batch-size", type=batch_size, default=BATCH_SIZE, help=help_text)


def batch_size(text: str) -> int:
    """Return the number. Raises an error that argparse shows to the user."""
    rows = int(text)
    if rows < 1:
        raise ArgumentTypeError("must be 1 or more")
    return rows


def add_person(parser: CommandParser) -> None:
    """Add ``--user`` and ``--number``, of which one must be given."""
    person = parser.add_mutually_exclusive_group(required=True)
    person.add_argument("--user", help="The login name of an account.")
    person.add_argument("--number", help="A phone number in any form, of any account.")


def verifications_of_person(options: dict[str, Any]) -> PhoneVerificationQuerySet:
    """Return the person's verifications. Raises CommandError if the person can't be found."""
    try:
        if options["user"] is not None:
            return personal_data.verifications_of_user(options["user"])
        return personal_data.verifications_of_number(options["number"])
    except ObjectDoesNotExist:
        raise CommandError("There is no user with this login name.") from None
    except MultipleObjectsReturned:
        raise CommandError("There is more than one user with this login name.") from None
    except InvalidPhoneNumber as error:
        raise CommandError(str(error)) from None
