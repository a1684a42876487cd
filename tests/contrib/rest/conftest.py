"""A site that includes the endpoints, and an app that sends the name and password each time."""

from base64 import b64encode
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import include, path
from rest_framework.authentication import BasicAuthentication, SessionAuthentication

from django_plasgate_ip.contrib.rest import views
from tests import urls


class Site:
    urlpatterns = [
        path("api/phone/", include("django_plasgate_ip.contrib.rest.urls")),
        *urls.urlpatterns,
    ]


@pytest.fixture(autouse=True)
def site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ROOT_URLCONF = Site
    # The first class decides whether an anonymous request gets 401 or 403.
    classes = [BasicAuthentication, SessionAuthentication]
    monkeypatch.setattr(views._View, "authentication_classes", classes)


def app_of(user: User | None, **kwargs: Any) -> Client:
    """Return an app; `user` is signed in by each request's ``Authorization`` header."""
    name = b64encode(f"{user.username}:a password".encode()).decode() if user else ""
    headers = {"Authorization": f"Basic {name}"} if user else {}
    return Client(enforce_csrf_checks=True, headers=headers, **kwargs)
