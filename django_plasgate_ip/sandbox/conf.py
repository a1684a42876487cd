"""The sandbox's own settings. It reads no other: the app and the sandbox meet only over HTTP."""

from typing import Any

from django.conf import settings

DEFAULTS: dict[str, Any] = {
    # The only ``private_key`` that the sandbox accepts.
    "PLASGATE_IP_SANDBOX_PRIVATE_KEY": "sandbox-private-key",
    # The only ``X-Secret`` that the sandbox accepts, with dollar signs as in a real one.
    "PLASGATE_IP_SANDBOX_SECRET_KEY": "$5$rounds=535000$sandbox$secret-key",  # nosec B105
    # Seconds that `Outcome.NO_ANSWER_IN_TIME` sleeps. The app waits for less.
    "PLASGATE_IP_SANDBOX_DELAY": 30,
}


def setting(name: str) -> Any:
    """Return the setting `name`, or its default. Each call reads it again."""
    return getattr(settings, name, DEFAULTS[name])
