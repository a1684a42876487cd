"""The README's Python runs, and does what the text around it says.

What is followed in a site of its own is in test_packaging.py and test_pytest_plugin.py, the login
by phone in test_backends.py, and a page with a QR code in tests/handoff/test_invitation.py.
"""

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import environ
import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.db import SessionStore
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.urls import include, path
from docutils import nodes

from django_plasgate_ip import signals
from django_plasgate_ip.decorators import phone_verified_required
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import make_verification
from tests import urls
from tests.test_readme import document, section
from tests.visitor import MASKED, TYPED

pytestmark = pytest.mark.django_db

HANDOFF = "django_plasgate_ip.handoff"


def blocks(within: Any) -> Iterator[str]:
    """Return the Python below a heading."""
    for block in within.findall(nodes.literal_block):
        if "python" in block["classes"]:
            yield block.astext()


def request_of(user: Any, **posted: str) -> Any:
    factory = RequestFactory()
    request: Any = factory.post("/", posted) if posted else factory.get("/payout/")
    request.user, request.session = user, SessionStore()
    request._messages = FallbackStorage(request)
    return request


@pytest.fixture
def names(user: User, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Return what the README takes for granted, and put back what its code registers."""
    monkeypatch.setitem(os.environ, "PLASGATE_IP_PRIVATE_KEY", "a key")
    monkeypatch.setitem(os.environ, "PLASGATE_IP_SECRET_KEY", "$5$rounds=535000$a$secret")
    (tmp_path / ".env").write_text("")
    receivers, registered = signals.phone_verified.receivers[:], admin.site._registry.copy()
    yield {
        "__name__": "readme",
        "BASE_DIR": tmp_path,
        "INSTALLED_APPS": [],
        "PhoneVerification": PhoneVerification,
        "User": User,
        "Article": mock.Mock(objects=mock.Mock(annotate=LogEntry.objects.annotate)),
        "context": {},
        "environ": environ,
        "include": include,
        "os": os,
        "path": path,
        "phone_verified_required": phone_verified_required,
        "request": request_of(user),
        "urlpatterns": [],
        "user": user,
    }
    signals.phone_verified.receivers = receivers
    signals.phone_verified.sender_receivers_cache.clear()
    admin.site._registry = registered


def run(names: dict[str, Any], title: str) -> dict[str, Any]:
    for text in blocks(section(title)):
        exec(compile(text, "README.rst", "exec"), names)  # noqa: S102 - our own
    return names


@pytest.mark.parametrize(
    "text", [text for text in blocks(document("README.rst")) if HANDOFF not in text]
)
def test_every_block_runs(names: dict[str, Any], text: str) -> None:
    # Its articles are made of what there is here: an admin's log has a "user".
    exec(compile(text.replace('"author"', '"user"'), "README.rst", "exec"), names)  # noqa: S102


def test_the_sites_own_form_sends_a_number_off(names: dict[str, Any], user: User) -> None:
    signup = run(names, "Your own form")["signup"]
    names["render"] = lambda request, template, context: HttpResponse(context["problem"])

    assert "/authenticate?" in signup(request_of(user, phone=TYPED))["Location"]
    assert signup(request_of(user, phone="077")).content == b"Please check the number."


def test_the_receiver_greets(names: dict[str, Any], user: User) -> None:
    run(names, "Signals")
    request = request_of(user)

    signals.phone_verified.send(
        PhoneVerification, verification=make_verification(user), request=request
    )

    assert [str(message) for message in get_messages(request)] == [f"{MASKED} is yours."]


def test_a_changed_sim_goes_to_the_sites_page_until_it_is_acknowledged(
    names: dict[str, Any], user: User, settings: Any
) -> None:
    page = path("me/", lambda request: HttpResponse(), name="confirm-it-is-me")
    settings.ROOT_URLCONF = type("Site", (), {"urlpatterns": [*urls.urlpatterns, page]})
    guard, acknowledge = blocks(section("A changed SIM"))
    make_verification(user, mobile_id_changed=True)
    exec(guard, names)  # noqa: S102

    assert names["payout"](request_of(user))["Location"] == "/me/?next=%2Fpayout%2F"
    exec(acknowledge, names)  # noqa: S102
    assert names["payout"](request_of(user)) is None


def test_a_tenant_is_found_by_its_host(names: dict[str, Any], user: User) -> None:
    keys_for = run(names, "Several tenants")["keys_for"]
    shop = SimpleNamespace(private_key="a", secret_key="b")
    names["Shop"] = mock.Mock(
        _default_manager=mock.Mock(all=lambda: mock.Mock(get=mock.Mock(return_value=shop)))
    )

    assert keys_for(request_of(user)).private_key == "a"
    names["get_object_or_404"] = mock.Mock(side_effect=Http404)
    with pytest.raises(Http404):
        keys_for(request_of(user))
