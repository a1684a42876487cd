"""What the system checks report with the current settings."""

from django.core.checks import CheckMessage, run_checks

PREFIX = "django_plasgate_ip."


def messages(*, deploy: bool = False) -> list[CheckMessage]:
    """Return what ``manage.py check`` reports about the app."""
    found = run_checks(include_deployment_checks=deploy)
    return [message for message in found if str(message.id).startswith(PREFIX)]


def ids(*, deploy: bool = False) -> list[str]:
    """Return the ids of these messages, without their prefix."""
    return [str(message.id).removeprefix(PREFIX) for message in messages(deploy=deploy)]
