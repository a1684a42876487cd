"""A minimal site in its own folder, whose tests run in another process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# A developer's machine has no keys of PlasGate, so the site has none unless TEST_KEY is set.
SETTINGS = """
import os

PLASGATE_IP_PRIVATE_KEY = os.environ.get("TEST_KEY", "")
PLASGATE_IP_SECRET_KEY = os.environ.get("TEST_KEY", "")
SECRET_KEY = "a fake key, for tests only"
USE_TZ = True
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    *(f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions")),
    "django_plasgate_ip",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    },
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""

URLS = """
from django.http import HttpResponse
from django.urls import include, path

from django_plasgate_ip.decorators import phone_verified_required


@phone_verified_required
def members(request):
    return HttpResponse("in")


urlpatterns = [
    path("phone/", include("django_plasgate_ip.urls")),
    path("members/", members),
]
"""


def write(folder: Path) -> None:
    """Write ``settings.py`` and ``urls.py``."""
    (folder / "settings.py").write_text(SETTINGS)
    (folder / "urls.py").write_text(URLS)


def run(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder` with the checkout's package, and return its status and output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={**clean, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
