"""The suite's settings, with the hand-off installed: ``pytest --ds=tests.handoff.settings``."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as CORE

INSTALLED_APPS = [*CORE, "django_plasgate_ip.handoff"]
