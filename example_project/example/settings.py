"""Settings of the example, from the environment and an optional ``.env`` (see ``.env.example``)."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import environ

BASE_DIR = Path(__file__).parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=True)
# os.environ for values that may begin with "$": env.str() would read the rest as another variable's
# name. PlasGate's secrets begin with "$", and Django's random keys may.
SECRET_KEY = os.environ.get("SECRET_KEY", "django-insecure-example" if DEBUG else "")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG

INSTALLED_APPS = [
    "example",
    "django_plasgate_ip",
    "django_plasgate_ip.handoff",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
}

# Phone verification: PlasGate if there is a key. In development without one, the sandbox: a virtual
# operator on this server.
PLASGATE_IP_PRIVATE_KEY = os.environ.get("PLASGATE_IP_PRIVATE_KEY", "")
PLASGATE_IP_SECRET_KEY = os.environ.get("PLASGATE_IP_SECRET_KEY", "")
if DEBUG and not (PLASGATE_IP_PRIVATE_KEY or PLASGATE_IP_SECRET_KEY):
    INSTALLED_APPS += ["django_plasgate_ip.sandbox"]
    PLASGATE_IP_CREDENTIALS = "django_plasgate_ip.sandbox.credentials.for_request"
    # You will try the same few numbers again and again.
    PLASGATE_IP_MAX_STARTS_PER_NUMBER = PLASGATE_IP_MAX_STARTS_PER_USER = None
PLASGATE_IP_BASE_URL = env.str("PLASGATE_IP_BASE_URL", default="https://cloudapi.plasgate.com/ip/")
PLASGATE_IP_FALLBACK_URL = "phone-code"
PLASGATE_IP_ENCRYPTION_KEYS = env.list("PLASGATE_IP_ENCRYPTION_KEYS", default=None)
PLASGATE_IP_PUBLIC_URL = env.str("PLASGATE_IP_PUBLIC_URL", default=None)
if PLASGATE_IP_PUBLIC_URL:
    ALLOWED_HOSTS += [urlsplit(PLASGATE_IP_PUBLIC_URL).hostname]
    CSRF_TRUSTED_ORIGINS = [PLASGATE_IP_PUBLIC_URL.rstrip("/")]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

if env.str("DATABASE_URL", default=""):
    DATABASES = {"default": env.db_url("DATABASE_URL")}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": BASE_DIR / "db.sqlite3",
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},  # writers wait for each other
        }
    }

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "members"
LOGOUT_REDIRECT_URL = "home"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("km", "ខ្មែរ")]
TIME_ZONE = "Asia/Phnom_Penh"
STATIC_URL = "static/"
