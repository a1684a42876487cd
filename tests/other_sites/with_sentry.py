"""Settings of a site with the hand-off, whose errors and requests go to Sentry."""

import sentry_sdk

from tests.handoff.settings import *  # noqa: F403

# As in a site's settings, before its views are imported: the SDK replaces functions of Django. The
# tests call it again, with the options of the documentation.
sentry_sdk.init()
