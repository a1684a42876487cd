"""A site that has nothing of its own: no base.html, no accounts, and the strictest policy.

Its visitors verify anonymously, may go another way, and are sent on by a page instead of a
redirect, which ``form-action 'self'`` would stop.
"""

from tests.browser.example_settings import *  # noqa: F403
from tests.browser.example_settings import INSTALLED_APPS

INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "example"]
ROOT_URLCONF = "tests.browser.bare_urls"
LOGIN_REDIRECT_URL = "/"

PLASGATE_IP_LOGIN_REQUIRED = False
PLASGATE_IP_MAX_STARTS_PER_ADDRESS = 1000
PLASGATE_IP_CONTINUE_PAGE = True
PLASGATE_IP_FALLBACK_URL = "/sms/"
