"""A site without a base.html and accounts of its own, and with the strictest policy.

Its visitors are anonymous, and have a fallback. A page sends them to PlasGate, because
``form-action 'self'`` would stop a redirect.
"""

from tests.browser.example_settings import *  # noqa: F403
from tests.browser.example_settings import INSTALLED_APPS

INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "example"]
ROOT_URLCONF = "tests.urls"
LOGIN_REDIRECT_URL = "/"

PLASGATE_IP_LOGIN_REQUIRED = False
PLASGATE_IP_MAX_STARTS_PER_ADDRESS = 1000
PLASGATE_IP_CONTINUE_PAGE = True
PLASGATE_IP_FALLBACK_URL = "/sms/"
