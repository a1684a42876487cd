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
        Reason.CREDENTIALS_REJECTED, operator="Cellcard", error_description="Unpaid <b>bill</b>"
    )
    response = viewer.get(detail(verification))
    page, html = text(response), response.content.decode()

    for shown in (
        "Status: error Reason: keys or balance refused",
        f"What it means: {Reason.CREDENTIALS_REJECTED.staff_message}",
        "Do not trust what it says. Error description: Unpaid <b>bill</b>",
        f"Phone number: {MASKED} Operator: Cellcard",
        "Duration: 4.2 s",
        "What has changed: nothing",
        str(verification.pk),
        "Method: mobile network (PlasGate)",
        "https://www.example.com/phone/callback/",
        "March 1, 2026, 10:15 a.m.",
        "mobile_id phone_verify profile",
    ):
        assert shown in page
    assert '<span class="plasgate-ip-badge plasgate-ip-badge-error">error</span>' in html
    assert 'href="/static/django_plasgate_ip/admin.css"' in html
    assert [hidden for hidden in ("<b>bill</b>", NONCE, "icon-no") if hidden in html] == []


def test_the_page_has_only_what_the_verification_has(viewer):
    changed = verified(mobile_id_changed=True, claimed_at_login=True)
    site_confirmed = make_verification(method="sms")
    rows = (changed, site_confirmed, failed(), pending(phone_number=""))
    pages = [text(viewer.get(detail(row))) for row in rows]

    changes = "What has changed: SIM or device changed, claimed at a login Acknowledged at: -"
    for shown, where in {
        changes: [True, False, False, False],
        "Acknowledged at": [True, False, False, False],
        "Method: sms": [False, True, False, False],
        "Scopes": [True, False, True, True],
        "Redirect URI": [True, False, True, True],
        "What it means": [False, False, True, False],
        "Do not trust": [False, False, False, False],
        "Phone number: - Operator: - User: -": [False, False, False, True],
        "None": [False, False, False, False],
    }.items():
        assert [shown in page for page in pages] == where, shown
    assert cells(viewer.get(f"{LIST}?method=sms"))[0]["badge"] == "verified by sms"


def test_the_user_is_linked_for_staff_who_may_open_their_page(viewer, monkeypatch):
    user = User.objects.create_user("dara")
    url = detail(verified(user=user))
    other = staff("view_phoneverification", "view_user")
    linked = other.get(url).content.decode()
    assert f'<a href="/admin/auth/user/{user.pk}/change/">dara</a>' in linked
    assert "User: -" in text(other.get(detail(verified())))
    pages = [viewer.get(url)]
    monkeypatch.delitem(admin.site._registry, User)
    pages.append(other.get(url))
    for page in pages:
        assert "User: dara" in text(page)
        assert ">dara</a>" not in page.content.decode()


def test_the_admin_is_built_on_the_class_of_the_installed_theme():
    assert model_admin._base() is admin.ModelAdmin
    with mock.patch.object(apps, "is_installed", {"unfold"}.__contains__):
        assert model_admin._base().__module__ == "unfold.admin"


def test_the_number_and_the_claims_are_shown_with_the_permission_and_escaped(viewer, reader):
    url = detail(verified(claims=CLAIMS | {"given_name": "<script>alert(1)</script>"}))
    response = reader.get(url)
    page, html = text(response), response.content.decode()
    for shown in (
        f"Phone number: {NUMBER} ",
        '"login_hint": "85577696118"',
        '"family_name": "អុំអេង"',
        '"address": { "locality": "Phnom Penh City", "postal_code": "12000",',
        f"Sub: {SUB} Mobile ID: {MOBILE_ID}",
    ):
        assert shown in page
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "no-store" in response["Cache-Control"]
    assert f"Phone number: {MASKED} " in text(viewer.get(url))
    assert "Phone number: -" in text(reader.get(detail(pending(phone_number=""))))
    # The list masks the numbers for everybody.
    assert NUMBER not in reader.get(LIST).content.decode()


def test_each_view_of_a_number_or_claims_is_recorded(viewer, reader, caplog):
    caplog.set_level(logging.INFO, "django_plasgate_ip.security")
    verification = verified()
    viewer.get(detail(verification))
    for url in (LIST, detail(verification, "history"), detail(pending(phone_number=""))):
        reader.get(url)
    post(reader, detail(verification), status="failed", _save="1")
    assert not LogEntry.objects.exists()

    # Each has one of the values.
    blank: dict[str, Any] = {"phone_number": "", "claims": {}, "sub": "", "mobile_id": ""}
    values: dict[str, Any] = {"phone_number": NUMBER, "claims": CLAIMS, "sub": SUB}
    viewed = [verified(**blank | {name: value}).pk for name, value in values.items()]
    viewed.append(viewed[0])
    for pk in viewed:
        reader.get(f"{LIST}{pk}/change/")
    staff, message = int(reader.session["_auth_user_id"]), "Viewed the full number and the claims."
    entries = LogEntry.objects.order_by("pk")
    assert [(e.user_id, e.object_id, e.object_repr, e.change_message) for e in entries] == [
        (staff, str(pk), f"{pk} (verified)", message) for pk in viewed
    ]
    events = [said for said in caplog.messages if said.startswith("claims_viewed")]
    assert events == [f"claims_viewed staff={staff} verification={pk}" for pk in viewed]
    assert message in text(reader.get(f"{LIST}{viewed[0]}/history/"))


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
