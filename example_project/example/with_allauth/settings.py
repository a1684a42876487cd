"""Settings of the example with django-allauth."""

from example.settings import *  # noqa: F403
from example.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "allauth", "allauth.account"]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ROOT_URLCONF = "example.with_allauth.urls"

ACCOUNT_ADAPTER = "example.with_allauth.adapter.PhoneAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "phone"}
# Without "phone": allauth would send codes by SMS. The members' page asks for the number, and the
# mobile network confirms it.
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
