"""How the commands about one person are told who it is."""

from typing import Any

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.core.management.base import CommandError, CommandParser

from django_plasgate_ip import personal_data
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerificationQuerySet


def add_arguments(parser: CommandParser) -> None:
    """Take one of ``--user`` and ``--number``."""
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", help="The login name of an account.")
    who.add_argument("--number", help="A phone number in any form, whoever's account it is.")


def attempts(options: dict[str, Any]) -> PhoneVerificationQuerySet:
    """Return this person's attempts. Raises CommandError for nobody and for no number."""
    try:
        if options["user"] is not None:
            return personal_data.attempts_of_user(options["user"])
        return personal_data.attempts_of_number(options["number"])
    except ObjectDoesNotExist:
        raise CommandError("There is no user with this login name.") from None
    except MultipleObjectsReturned:
        raise CommandError("There is more than one user with this login name.") from None
    except InvalidPhoneNumber as error:
        raise CommandError(str(error)) from None
