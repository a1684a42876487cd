"""The sandbox's own settings. It reads none of the app's: the two meet over HTTP alone."""

# ruff: noqa: N802  (a property bears its setting's name)

from typing import TypeVar

from django.conf import settings

T = TypeVar("T")


class Settings:
    """Typed, uncached access to the ``PLASGATE_IP_SANDBOX_*`` settings."""

    @property
    def PLASGATE_IP_SANDBOX_PRIVATE_KEY(self) -> str:
        """The only ``private_key`` that the sandbox accepts."""
        return _setting("PLASGATE_IP_SANDBOX_PRIVATE_KEY", "sandbox-private-key")

    @property
    def PLASGATE_IP_SANDBOX_SECRET_KEY(self) -> str:
        """The only ``X-Secret`` that the sandbox accepts, with dollar signs as in a real one."""
        return _setting("PLASGATE_IP_SANDBOX_SECRET_KEY", "$5$rounds=535000$sandbox$secret-key")

    @property
    def PLASGATE_IP_SANDBOX_DELAY(self) -> float:
        """Seconds that `Outcome.NO_ANSWER_IN_TIME` sleeps; longer than the caller waits."""
        return _setting("PLASGATE_IP_SANDBOX_DELAY", 30)


def _setting(name: str, default: T) -> T:
    value: T = getattr(settings, name, default)
    return value


conf = Settings()
