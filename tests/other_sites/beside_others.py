"""Settings of a site with axes, auditlog and the debug toolbar."""

from tests.handoff.settings import *  # noqa: F403
from tests.handoff.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "axes", "auditlog", "debug_toolbar"]
MIDDLEWARE = [
    "debug_toolbar.middleware.DebugToolbarMiddleware",
    *MIDDLEWARE,
    "auditlog.middleware.AuditlogMiddleware",
    "axes.middleware.AxesMiddleware",
]

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "django_plasgate_ip.backends.VerifiedPhoneBackend",
]
AXES_FAILURE_LIMIT = 2

DEBUG_TOOLBAR_CONFIG = {
    # The toolbar has forms, and the tests' browsers send a page's only form.
    "INSERT_BEFORE": "nowhere",
    "IS_RUNNING_TESTS": False,
    "RESULTS_CACHE_SIZE": 100,
    "SHOW_TOOLBAR_CALLBACK": lambda request: True,
}

PLASGATE_IP_LOGIN_REQUIRED = False
PLASGATE_IP_CALLBACK_NONCE = True
PLASGATE_IP_ENCRYPTION_KEYS = ["Y2FuYXJ5LWVuY3J5cHRpb24ta2V5LTMyLWJ5dGVzISE="]
