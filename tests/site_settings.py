"""Settings of a site in other processes (`tests.servers`), on the test database."""

import json
import os
from pathlib import Path
from typing import Any

from django_plasgate_ip import signals
from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"] |= json.loads(os.environ["SITE_DATABASE"])
globals().update(json.loads(os.environ["SITE_SETTINGS"]))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}


def note(signal: Any, verification: Any, **kwargs: Any) -> None:
    """Append a line for a signal. Small appends of several processes do not mix."""
    name = "verified" if signal is signals.phone_verified else "failed"
    line = f"{name} {verification.pk} {verification.reason}".rstrip()
    with Path(os.environ["SITE_SIGNALS"]).open("a") as file:
        file.write(f"{line}\n")


signals.phone_verified.connect(note)
signals.phone_verification_failed.connect(note)
