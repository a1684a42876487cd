"""Command-line arguments that several commands share."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.core.management.base import CommandError, CommandParser

from django_plasgate_ip import personal_data
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.querysets import PhoneVerificationQuerySet
from django_plasgate_ip.retention import BATCH_SIZE


def add_batch_size(parser: CommandParser) -> None:
    """Add ``--batch-size``."""
    help_text = f"The number of verifications in one transaction (default: {BATCH_SIZE})."
    parser.add_argument("--batch-size", type=batch_size, default=BATCH_SIZE, help=help_text)


def batch_size(text: str) -> int:
    """Return the number. Raises ValueError or ArgumentTypeError, which argparse reports."""
    rows = int(text)
    if rows < 1:
        raise ArgumentTypeError("must be 1 or more")
    return rows


def add_person(parser: CommandParser) -> None:
    """Add ``--user`` and ``--number``. Exactly one of them is required."""
    person = parser.add_mutually_exclusive_group(required=True)
    person.add_argument("--user", help="The login name of a user.")
    person.add_argument("--number", help="A phone number in any format, of any user.")


def verifications_of_person(options: dict[str, Any]) -> PhoneVerificationQuerySet:
    """Return the person's verifications. Raises CommandError for an invalid name or number."""
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
