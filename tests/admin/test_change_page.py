"""The admin's page of one verification: what it shows, and what the admin log records."""

import logging
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry

from django_plasgate_ip.admin import model_admin
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.testing import make_verification
from tests.kept import CLAIMS, KEY, NEW_KEY, NONCE, User, failed, pending, verified
from tests.staff import LIST, cells, detail, post, staff, text
from tests.visitor import MASKED, MOBILE_ID, NUMBER, SUB

pytestmark = pytest.mark.django_db


def test_the_page_says_what_happened_and_where_to_look(viewer):
    verification = failed(
        Reason.CREDENTIALS_REJECTED,
        claims={},
        operator="Cellcard",
        error_description="Unpaid <b>bill</b>",
    )
    response = viewer.get(detail(verification))
    page = text(response)

    for shown in (
        "Status: error",
        "Reason: keys or balance refused",
        str(Reason.CREDENTIALS_REJECTED.staff_message),
        "Do not trust what it says. Error description: Unpaid <b>bill</b>",
        MASKED,
        "Duration: 4.2 s",
        "What has changed: nothing",
        "Operator: Cellcard",
        "Method: mobile network (PlasGate)",
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
    assert "icon-no" not in html


def test_changes_are_named_with_their_acknowledgement(viewer):
    row = verified(mobile_id_changed=True, claimed_at_login=True, method="sms")
    page = text(viewer.get(detail(row)))

    assert "What has changed: SIM or device changed, claimed at a login Acknowledged at: -" in page
    assert "Method: sms" in page
    assert "Acknowledged at" not in text(viewer.get(detail(verified())))


def test_what_the_site_confirmed_is_told_from_what_the_operator_did(viewer):
    verification = make_verification(method="sms")
    page = text(viewer.get(detail(verification)))

    assert cells(viewer.get(f"{LIST}?method=sms"))[0]["badge"] == "verified by sms"
    assert "Method: sms" in page
    assert "Scopes" not in page
    assert "Redirect URI" not in page


def test_only_a_reason_is_explained(viewer):
    pages = [text(viewer.get(detail(row))) for row in (failed(), verified(), pending())]
    assert ["What it means" in page for page in pages] == [True, False, False]
    assert not any("Do not trust" in page for page in pages)


def test_the_user_is_linked_for_staff_who_may_open_their_page(viewer, monkeypatch):
    user = User.objects.create_user("dara")
    url = detail(verified(user=user))
    link = f'<a href="/admin/auth/user/{user.pk}/change/">dara</a>'
    other = staff("view_phoneverification", "view_user")
    assert link in other.get(url).content.decode()
    assert "User: -" in text(other.get(detail(verified())))
    pages = [viewer.get(url)]
    monkeypatch.delitem(admin.site._registry, User)
    pages.append(other.get(url))
    for page in pages:
        assert "User: dara" in text(page)
        assert ">dara</a>" not in page.content.decode()


def test_the_number_is_shown_in_full_with_the_permission(viewer, reader):
    url = detail(verified(claims={}))
    assert f"Phone number: {MASKED} " in text(viewer.get(url))
    assert f"Phone number: {NUMBER} " in text(reader.get(url))
    for client in (viewer, reader):
        assert NUMBER not in client.get(LIST).content.decode()
    assert "Phone number: -" in text(reader.get(detail(pending(phone_number=""))))


def test_the_admin_is_built_on_the_class_of_the_installed_theme():
    assert model_admin._base() is admin.ModelAdmin
    with mock.patch.object(apps, "is_installed", {"unfold"}.__contains__):
        assert model_admin._base().__module__ == "unfold.admin"


def test_claims_are_shown_escaped_with_the_permission(reader):
    claims = CLAIMS | {"given_name": "<script>alert(1)</script>"}
    response = reader.get(detail(verified(claims=claims)))
    page, html = text(response), response.content.decode()
    assert '"login_hint": "85577696118"' in page
    assert '"family_name": "អុំអេង"' in page
    assert '"address": { "locality": "Phnom Penh City", "postal_code": "12000",' in page
    assert f"Sub: {SUB}" in page
    assert f"Mobile ID: {MOBILE_ID}" in page
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "no-store" in response["Cache-Control"]


def test_each_view_of_claims_is_recorded(reader, caplog):
    caplog.set_level(logging.INFO, "django_plasgate_ip.security")
    verification = verified()
    reader.get(detail(verification))
    reader.get(detail(verification))
    entries = LogEntry.objects.all()
    pk, staff = str(verification.pk), int(reader.session["_auth_user_id"])
    assert {(e.user_id, e.object_id, e.object_repr, e.change_message) for e in entries} == {
        (staff, pk, f"{pk} (verified)", "Viewed the full number and the claims.")
    }
    assert len(entries) == 2
    assert caplog.messages == [f"claims_viewed staff={staff} verification={pk}"] * 2
    assert "Viewed the full number and the claims." in text(
        reader.get(detail(verification, "history"))
    )


def test_only_a_page_with_a_number_or_claims_is_recorded(viewer, reader):
    verification = verified()
    viewer.get(detail(verification))
    for url in (LIST, detail(verification, "history"), detail(pending(phone_number=""))):
        reader.get(url)
    post(reader, detail(verification), status="failed", _save="1")
    assert not LogEntry.objects.exists()
    # Each has one of the values.
    blank: dict[str, Any] = {"phone_number": "", "claims": {}, "sub": "", "mobile_id": ""}
    for name, value in {"phone_number": NUMBER, "claims": CLAIMS, "sub": SUB}.items():
        reader.get(detail(verified(**blank | {name: value})))
    assert LogEntry.objects.count() == 3


@pytest.mark.parametrize("keys", [[NEW_KEY], []], ids=["other", "no"])
def test_a_lost_key_breaks_no_page(superuser, settings, keys):
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [KEY]
    verification = verified()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = keys
    page = text(superuser.get(detail(verification)))
    assert "PLASGATE_IP_ENCRYPTION_KEYS" in page
    assert f"Sub: {SUB}" in page
    assert "login_hint" not in page
    for url in (LIST, detail(verification, "delete")):
        assert MASKED in text(superuser.get(url))
    assert post(superuser, detail(verification, "delete"), post="yes").status_code == 302
    assert not PhoneVerification.objects.exists()
