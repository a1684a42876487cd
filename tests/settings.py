"""Settings for the tests."""

import os
import tempfile
from pathlib import Path

import environ

env = environ.Env()

SECRET_KEY = "a fake key, for tests only"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_plasgate_ip",
    "django_plasgate_ip.sandbox",
]

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

ROOT_URLCONF = "tests.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
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

DATABASES = {"default": env.db_url("DATABASE_URL", default="sqlite:///:memory:")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Each process has a file as its database. All threads share the one connection of an in-memory
    # database, so that races between threads could not be tested.
    name = f"django-plasgate-ip-{os.getpid()}.sqlite3"
    DATABASES["default"] |= {
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF",
            # Otherwise a transaction that reads and then writes fails at once, without the timeout.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
        "TEST": {"NAME": Path(tempfile.gettempdir()) / name},
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("km", "Khmer")]
USE_TZ = True
TIME_ZONE = "Asia/Phnom_Penh"  # not UTC, so that naive times fail tests
STATIC_URL = "static/"
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}

# The examples of the provider's API page. They are not valid keys.
PLASGATE_IP_PRIVATE_KEY = (
    "xP4tZ_G7fn3Y_Bw6Hj9Z2Y8cRojv7skdQK9xl5pWgHR6N8mH7T3RfV3YsP8vcFk2lgd7w5Xu9MPsoR-PJ3q4S"
)
PLASGATE_IP_SECRET_KEY = (
    "$5$rounds=535000$D8fKlgJ6D5t1uV9h$PZTJgSh8qV2VVoHs4iBl5Q7IKRoUbXSOuFe5nZhPi5D"
)
