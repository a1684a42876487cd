"""The admin's page of one verification: what it shows, and what the admin log records."""

import re
from typing import Any
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client

from django_plasgate_ip.admin import model_admin
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.staff import (
    LIST,
    MASKED,
    MOBILE_ID,
    NONCE,
    SUB,
    detail,
    failed,
    pending,
    post,
    text,
    verified,
)

pytestmark = pytest.mark.django_db


def test_the_page_says_what_happened_and_where_to_look(viewer: Client) -> None:
    verification = failed(
        Reason.CREDENTIALS_REJECTED, claims={}, error_description="Unpaid <b>bill</b>"
    )
    response = viewer.get(detail(verification))
    page = text(response)

    for shown in (
        "Status: error",
        "Reason: keys or balance refused",
        str(Reason.CREDENTIALS_REJECTED.staff_message),
        "Error description: Unpaid <b>bill</b>",
        MASKED,
        "Duration: 4.2 s",
        "SIM or device changed",
        "https://www.example.com/phone/callback/",
        "March 1, 2026, 10:15 a.m.",
        "mobile_id phone_verify profile",
        str(verification.pk),
    ):
        assert shown in page
    html = response.content.decode()
    assert '<span class="plasgate-ip-badge plasgate-ip-badge-error">error</span>' in html
    assert 'href="/static/django_plasgate_ip/admin.css"' in html
    assert "<b>bill</b>" not in html
    assert NONCE not in html


def test_only_a_reason_is_explained(viewer: Client) -> None:
    assert "What it means" in text(viewer.get(detail(failed())))
    for verification in (verified(), pending()):
        assert "What it means" not in text(viewer.get(detail(verification)))


def test_the_page_has_no_input(superuser: Client) -> None:
    html = superuser.get(detail(verified())).content.decode()
    (form,) = re.findall(r'<form[^>]*id="phoneverification_form".*?</form>', html, re.DOTALL)
    names = re.findall(r'<(?:input|select|textarea)[^>]*name="([^"]*)"', form)
    assert set(names) <= {"csrfmiddlewaretoken", "change-form-action", "_selected_action", "index"}
    assert "Save" not in form


def test_the_admin_is_built_on_the_class_of_the_installed_theme() -> None:
    assert model_admin._base() is admin.ModelAdmin
    with mock.patch.object(apps, "is_installed", {"unfold"}.__contains__):
        assert model_admin._base().__module__ == "unfold.admin"


# Claims


def test_claims_are_shown_with_the_permission(reader: Client) -> None:
    response = reader.get(detail(verified()))
    page = text(response)
    assert '"login_hint": "85577696118"' in page
    assert '"family_name": "អុំអេង"' in page
    assert '"address": { "locality": "Phnom Penh City", "street_address": "30 7th 594" }' in page
    assert f"Sub: {SUB}" in page
    assert f"Mobile ID: {MOBILE_ID}" in page
    assert "no-store" in response["Cache-Control"]


def test_claims_are_escaped(reader: Client) -> None:
    verification = verified(claims={"given_name": "<script>alert(1)</script>"})
    html = reader.get(detail(verification)).content.decode()
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_each_view_of_claims_is_recorded(reader: Client) -> None:
    verification = verified()
    reader.get(detail(verification))
    reader.get(detail(verification))
    entries = LogEntry.objects.all()
    assert {(e.user_id, e.object_id, e.change_message) for e in entries} == {
        (int(reader.session["_auth_user_id"]), str(verification.pk), "Viewed the claims.")
    }
    assert len(entries) == 2
    assert "Viewed the claims." in text(reader.get(detail(verification, "history")))


def test_each_of_the_operators_values_counts_as_claims(reader: Client) -> None:
    reader.get(detail(verified(claims={}, mobile_id="")))
    reader.get(detail(verified(claims={}, sub="")))
    reader.get(detail(failed()))  # only its claims
    assert LogEntry.objects.count() == 3
    reader.get(detail(pending()))
    assert LogEntry.objects.count() == 3


def test_a_page_without_claims_is_not_recorded(viewer: Client, reader: Client) -> None:
    verification = verified()
    viewer.get(detail(verification))
    for url in (LIST, detail(verification, "history")):
        reader.get(url)
    post(reader, detail(verification), status="failed", _save="1")
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("keys", [[Fernet.generate_key().decode()], []], ids=["other", "no"])
def test_claims_of_a_lost_key_name_the_setting(
    reader: Client, settings: Any, keys: list[str]
) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    verification = verified()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = keys
    page = text(reader.get(detail(verification)))
    assert "PLASGATE_IP_ENCRYPTION_KEYS" in page
    assert f"Sub: {SUB}" in page
    assert "85577696118" not in page


def test_a_lost_key_breaks_no_other_page(deleter: Client, settings: Any) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    verification = verified()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    for url in (LIST, detail(verification), detail(verification, "delete")):
        assert MASKED in text(deleter.get(url))
    assert post(deleter, detail(verification, "delete"), post="yes").status_code == 302
    assert not PhoneVerification.objects.exists()
