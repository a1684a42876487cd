"""The staff's pages over their real URLs, by what each permission lets a member of staff see."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone as django_timezone

from django_plasgate_ip import phones
from django_plasgate_ip.admin import model_admin
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.staff import (
    HIDDEN,
    LIST,
    MASKED,
    MOBILE_ID,
    NONCE,
    NUMBER,
    STARTED,
    SUB,
    User,
    cells,
    detail,
    failed,
    found,
    many,
    pending,
    pks,
    post,
    staff,
    text,
    verified,
)

pytestmark = pytest.mark.django_db

STYLESHEET = "static/django_plasgate_ip/admin.css"


# The list


def test_list_says_who_how_and_when(viewer: Client) -> None:
    verified(user=User.objects.create_user("dara"))
    assert cells(viewer.get(LIST)) == [
        {
            "number": MASKED,
            "login": "dara",
            "badge": "verified",
            "reason": "-",
            "scopes": "mobile_id phone_verify profile",
            "created_at": "March 1, 2026, 10:15 a.m.",
            "took": "4.2 s",
        }
    ]


def test_list_gives_the_reason_in_words(viewer: Client) -> None:
    failed(Reason.NOT_ON_MOBILE_DATA)
    (row,) = cells(viewer.get(LIST))
    assert (row["badge"], row["reason"]) == ("failed", "not on mobile data")


def test_anonymous_verification_without_a_number_can_be_listed_and_opened(viewer: Client) -> None:
    verification = pending(phone_number="", scopes="mobile_id")
    (row,) = cells(viewer.get(LIST))
    assert (row["number"], row["login"], row["took"]) == ("-", "-", "-")
    page = text(viewer.get(detail(verification)))
    assert "phone number: -" in page.lower()
    assert "User: -" in page
    assert "None" not in page


def test_newest_come_first(viewer: Client) -> None:
    many(3)
    logins = [row["login"] for row in cells(viewer.get(LIST))]
    assert logins == ["person-0002", "person-0001", "person-0000"]


@pytest.mark.parametrize("query", [{}, {"q": "person-"}, {"_facets": "True"}])
def test_list_asks_the_same_few_questions_however_many_rows(
    viewer: Client, query: dict[str, str]
) -> None:
    asked = []
    for rows in (1, 20, 120):
        PhoneVerification.objects.all().delete()
        User.objects.filter(is_staff=False).delete()
        many(rows)
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert len(cells(viewer.get(LIST, query))) == min(rows, 50)
        asked.append(len(queries))
    assert len(set(asked)) == 1, asked
    assert asked[0] <= 10


def test_no_page_offers_the_sites_users_to_choose_from(superuser: Client) -> None:
    verification = verified()
    User.objects.create_user("somebody-without-a-verification")

    for page in (LIST, detail(verification)):
        assert "somebody-without-a-verification" not in superuser.get(page).content.decode()


def test_list_does_not_ask_a_user_how_it_would_like_to_be_shown(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(user: Any) -> str:
        raise AssertionError("a site's own __str__ may ask the database, for each row")

    verified(user=User.objects.create_user("teak"))
    monkeypatch.setattr(User, "__str__", ask)
    # The page's own greeting of who is signed in.
    monkeypatch.setattr(User, "get_short_name", lambda user: "staff")

    assert [row["login"] for row in cells(viewer.get(LIST))] == ["teak"]


def test_list_offers_no_order_that_would_sort_the_whole_table(viewer: Client) -> None:
    many(3)

    html = viewer.get(LIST).content.decode()
    headers = re.findall(r'<th scope="col" class="([^"]*)column-(\w+)', html)

    assert {name for classes, name in headers if "sort" in classes} == {"created_at"}
    assert "login" in {name for _classes, name in headers}


# Its filters


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status__exact": "failed"}, {"not_verified", "not_on_mobile_data"}),
        ({"status__exact": "error"}, {"expired"}),
        ({"reason__exact": "not_on_mobile_data"}, {"not_on_mobile_data"}),
        ({"status__exact": "error", "reason__exact": "not_verified"}, set()),
    ],
)
def test_filters_by_status_and_reason(
    viewer: Client, query: dict[str, str], expected: set[str]
) -> None:
    reasons = (Reason.NOT_VERIFIED, Reason.NOT_ON_MOBILE_DATA, Reason.EXPIRED)
    rows = {reason: failed(reason) for reason in reasons}
    assert found(viewer, **query) == pks(*(rows[Reason(reason)] for reason in expected))


def test_filters_by_a_changed_sim(viewer: Client) -> None:
    changed, same = verified(mobile_id_changed=True), verified()
    html = viewer.get(LIST).content.decode()
    assert "By SIM or device changed" in html
    links = {
        choice: unescape(link)
        for link, choice in re.findall(r'<a href="(\?mobile_id_changed[^"]+)"[^>]*>\s*(\w+)', html)
    }
    for choice, row in (("Yes", changed), ("No", same)):
        response = viewer.get(LIST + links[choice])
        assert len(cells(response)) == 1
        assert str(row.pk) in response.content.decode()


@pytest.mark.parametrize("choice", ["Today", "Past 7 days", "This month", "This year"])
def test_filters_by_date(viewer: Client, choice: str) -> None:
    now = django_timezone.now()
    today, long_ago = pending(created_at=now), pending(created_at=now - timedelta(days=400))
    assert found(viewer) == pks(today, long_ago)
    html = viewer.get(LIST).content.decode()
    (link,) = re.findall(rf'<a href="(\?[^"]+)"[^>]*>\s*{choice}\s*</a>', html)
    response = viewer.get(LIST + unescape(link))
    assert [row["number"] for row in cells(response)] == [MASKED]
    assert str(today.pk) in response.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"user__id__exact": "{user}"},
        {"user": "{user}"},
        {"pk__in": "{pk}"},
        {"id__exact": "{pk}"},
        {"scopes": "phone_verify"},
        {"completed_at__isnull": "True"},
        {"mobile_id_changed__exact": "0", "completed_at__isnull": "True"},
        {"created_at__gte": "2026-03-01 00:00+00:00"},
    ],
)
def test_list_can_be_asked_for_what_it_shows(viewer: Client, query: dict[str, str]) -> None:
    user = User.objects.create_user("dara")
    wanted = pending(user=user, scopes="phone_verify")
    verified(created_at=STARTED - timedelta(days=9))
    query = {name: value.format(user=user.pk, pk=wanted.pk) for name, value in query.items()}
    assert found(viewer, **query) == pks(wanted)


@pytest.mark.parametrize(
    "lookup",
    [
        "phone_number",
        "phone_number__startswith",
        "phone_number__gt",
        "claims",
        "claims__contains",
        "sub",
        "sub__startswith",
        "mobile_id",
        "mobile_id__startswith",
        "mobile_id__isnull",
        "session_id",
        "browser__startswith",
        "nonce",
        "nonce__startswith",
        "redirect_uri__endswith",
        "next_url__contains",
        "user__password__startswith",
        "user__plasgate_ip_verifications__mobile_id__startswith",
        "user__plasgate_ip_verifications__phone_number__startswith",
    ],
)
def test_hidden_columns_cannot_be_spelt_out_by_lookups(
    viewer: Client, superuser: Client, lookup: str
) -> None:
    verified(user=User.objects.create_user("dara"))
    for client in (viewer, superuser):
        assert client.get(LIST, {lookup: "1"}).status_code == 400
        assert client.get(LIST, {lookup: "1", "_popup": "1"}).status_code == 400


@pytest.mark.parametrize("field", ["phone_number", "claims", "sub", "mobile_id", "nonce"])
def test_hidden_columns_are_no_keys_of_a_popup(viewer: Client, field: str) -> None:
    verification = verified()
    query = {"_to_field": field, "_popup": "1"}
    assert viewer.get(LIST, query).status_code == 400
    assert viewer.get(detail(verification), query).status_code == 400


@pytest.mark.parametrize("who", ["viewer", "deleter"])
def test_list_cannot_be_ordered_by_hidden_columns(who: str, request: Any) -> None:
    client = request.getfixturevalue(who)
    verified()
    for column in range(9):
        for order in (f"{column}", f"-{column}"):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(LIST, {"o": order}).status_code == 200
            ordered = [q["sql"].partition("ORDER BY")[2] for q in queries]
            for hidden in ("phone_number", "claims", "sub", "mobile_id", "nonce"):
                assert not [sql for sql in ordered if f'"{hidden}"' in sql]


# Nobody adds or edits


@pytest.mark.parametrize("who", ["viewer", "deleter", "superuser"])
def test_nobody_adds(who: str, request: Any) -> None:
    client = request.getfixturevalue(who)
    assert client.get(f"{LIST}add/").status_code == 403
    response = post(client, f"{LIST}add/", phone_number=NUMBER, scopes="phone_verify")
    assert response.status_code == 403
    assert not PhoneVerification.objects.exists()
    assert "/phoneverification/add/" not in client.get("/admin/").content.decode()


@pytest.mark.parametrize("who", ["viewer", "reader", "deleter", "superuser"])
@pytest.mark.parametrize("button", ["_save", "_continue", "_addanother", "_saveasnew"])
def test_nobody_edits(who: str, button: str, request: Any) -> None:
    client = request.getfixturevalue(who)
    verification = failed()
    changes = {"status": "verified", "reason": "", "phone_number": "+85577696119", button: "1"}
    assert post(client, detail(verification), **changes).status_code == 403
    assert post(client, LIST, **{**changes, "_save": "1"}).status_code == 200
    stored = PhoneVerification.objects.get()
    assert (stored.pk, stored.status, stored.reason) == (
        verification.pk,
        "failed",
        "not_verified",
    )
    assert phones.e164(stored.phone_number) == NUMBER


def test_edit_permission_edits_nothing() -> None:
    client = staff("view_phoneverification", "change_phoneverification", "add_phoneverification")
    verification = failed()
    assert client.get(f"{LIST}add/").status_code == 403
    response = client.get(detail(verification))
    assert 'type="submit" value="Save' not in response.content.decode()
    assert post(client, detail(verification), status="verified", _save="1").status_code == 403


@pytest.mark.parametrize("permissions", [(), ("view_claims",), ("view_user",)])
def test_staff_without_view_permission_see_nothing(permissions: tuple[str, ...]) -> None:
    client = staff(*permissions)
    verification = verified()
    for url in (LIST, detail(verification), detail(verification, "history")):
        assert client.get(url).status_code == 403
    assert not LogEntry.objects.exists()


def test_everybody_else_is_sent_to_the_login() -> None:
    client = Client()
    client.force_login(User.objects.create_user("dara"))
    response = client.get(LIST)
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/admin/login/")


# Deleting


def test_delete_needs_its_permission(viewer: Client) -> None:
    verification = verified()
    url = detail(verification, "delete")
    assert viewer.get(url).status_code == 403
    assert post(viewer, url, post="yes").status_code == 403
    action = {"action": "delete_selected", "_selected_action": verification.pk, "index": "0"}
    post(viewer, LIST, **action, post="yes")
    assert PhoneVerification.objects.exists()


def test_delete_asks_and_deletes(deleter: Client) -> None:
    verification, other = verified(), pending()
    url = detail(verification, "delete")
    assert f"{MASKED} (verified)" in text(deleter.get(url))
    assert post(deleter, url, post="yes").status_code == 302
    assert list(PhoneVerification.objects.all()) == [other]


def test_delete_of_several_asks_and_deletes(deleter: Client) -> None:
    doomed, kept = [verified(), pending()], failed()
    action = {"action": "delete_selected", "_selected_action": [v.pk for v in doomed]}
    assert f"{MASKED} (pending)" in text(post(deleter, LIST, **action, index="0"))
    assert PhoneVerification.objects.count() == 3
    assert post(deleter, LIST, **action, post="yes").status_code == 302
    assert list(PhoneVerification.objects.all()) == [kept]


def test_delete_of_a_user_deletes_the_verifications(superuser: Client) -> None:
    dara = User.objects.create_user("dara")
    doomed, kept = verified(user=dara), verified()
    url = f"/admin/auth/user/{dara.pk}/delete/"
    confirmation = text(superuser.get(url))
    assert f"{MASKED} (verified)" in confirmation
    assert post(superuser, url, post="yes").status_code == 302
    assert list(PhoneVerification.objects.all()) == [kept]
    assert not User.objects.filter(pk=doomed.user_id).exists()


def test_delete_of_a_user_needs_the_permission_for_the_verifications() -> None:
    client = staff("view_user", "delete_user")
    dara = User.objects.create_user("dara")
    verified(user=dara)
    assert post(client, f"/admin/auth/user/{dara.pk}/delete/", post="yes").status_code == 403
    assert PhoneVerification.objects.filter(user=dara).exists()


# The detail


def test_detail_says_what_happened_and_where_to_look(viewer: Client) -> None:
    verification = failed(
        Reason.CREDENTIALS_REJECTED, claims={}, error_description="Unpaid <b>bill</b>"
    )
    response = viewer.get(detail(verification))
    page = text(response)
    assert "Status: error" in page
    assert "Reason: keys or balance refused" in page
    assert str(Reason.CREDENTIALS_REJECTED.staff_message) in page
    assert "Error description: Unpaid <b>bill</b>" in page
    assert "<b>bill</b>" not in response.content.decode()
    assert MASKED in page
    assert "4.2 s" in page
    assert "March 1, 2026, 10:15 a.m." in page
    assert "mobile_id phone_verify profile" in page
    assert str(verification.pk) in page


def test_detail_says_nothing_of_what_a_success_means(viewer: Client) -> None:
    assert "What it means" in text(viewer.get(detail(failed())))
    for verification in (verified(), pending()):
        assert "What it means" not in text(viewer.get(detail(verification)))


@pytest.mark.parametrize(
    ("make", "look", "words"),
    [
        (pending, "live", "pending"),
        (verified, "verified", "verified"),
        (failed, "failed", "failed"),
        (lambda: failed(Reason.EXPIRED), "error", "error"),
    ],
)
def test_status_is_a_badge_with_its_words(
    viewer: Client, make: Callable[..., PhoneVerification], look: str, words: str
) -> None:
    badge = f'<span class="plasgate-ip-badge plasgate-ip-badge-{look}">{words}</span>'
    url = detail(make())
    for page in (LIST, url):
        response = viewer.get(page)
        assert badge in response.content.decode()
        assert 'href="/static/django_plasgate_ip/admin.css"' in response.content.decode()


def test_base_is_the_one_of_the_theme_in_use() -> None:
    # What a whole site makes of it: tests/other_sites/unfold_theme_tests.py.
    assert model_admin._base() is admin.ModelAdmin
    with mock.patch.object(apps, "is_installed", {"unfold"}.__contains__):
        assert model_admin._base().__module__ == "unfold.admin"


def test_badges_and_bars_can_be_read_on_white_and_on_black() -> None:
    css = (Path(model_admin.__file__).parents[1] / STYLESHEET).read_text()
    colours = dict(re.findall(r"--plasgate-ip-(verified|failed|error|live): (#[0-9a-f]{6});", css))
    assert set(colours) == {"verified", "failed", "error", "live"}
    for colour in colours.values():
        assert contrast(colour, "#ffffff") >= 4.5  # a badge's text
        for background in ("#121212", "#212121", "#101828"):  # the admin's, and unfold's
            assert contrast(colour, background) >= 3


def contrast(one: str, other: str) -> float:
    """Return WCAG's contrast ratio of two colours, #rrggbb."""
    dark, light = sorted(luminance(colour) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_detail_is_in_fieldsets(viewer: Client, reader: Client) -> None:
    verification = verified()

    def titles(client: Client) -> list[str]:
        html = client.get(detail(verification)).content.decode()
        return [title.strip() for title in re.findall(r"fieldset-heading[^>]*>([^<]*)<", html)]

    assert titles(viewer) == ["Who", "SIM or device", "When", "Request"]
    assert titles(reader) == ["Who", "SIM or device", "When", "Request", "Claims"]


def test_detail_says_whether_the_sim_changed_and_when_that_was_approved(viewer: Client) -> None:
    same = viewer.get(detail(verified())).content.decode()
    changed = verified(mobile_id_changed=True, mobile_id_acknowledged_at=STARTED)
    page = text(viewer.get(detail(changed)))
    assert re.search(r'field-mobile_id_changed".*?icon-no', same, re.DOTALL)
    assert "Change acknowledged at: -" in text(viewer.get(detail(verified())))
    html = viewer.get(detail(changed)).content.decode()
    assert re.search(r'field-mobile_id_changed".*?icon-yes', html, re.DOTALL)
    assert "SIM or device changed" in page
    assert "Change acknowledged at: March 1, 2026, 10:15 a.m." in page


def test_detail_has_nothing_to_fill_in(superuser: Client) -> None:
    html = superuser.get(detail(verified())).content.decode()
    (form,) = re.findall(r'<form[^>]*id="phoneverification_form".*?</form>', html, re.DOTALL)
    names = re.findall(r'<(?:input|select|textarea)[^>]*name="([^"]*)"', form)
    assert set(names) <= {"csrfmiddlewaretoken", "change-form-action", "_selected_action", "index"}
    assert "Save" not in form


def test_detail_links_the_user(viewer: Client) -> None:
    dara = User.objects.create_user("dara")
    html = viewer.get(detail(verified(user=dara))).content.decode()
    assert f'<a href="/admin/auth/user/{dara.pk}/change/">dara</a>' in html


def test_detail_names_the_redirect_uri_to_register_and_not_its_nonce(superuser: Client) -> None:
    page = text(superuser.get(detail(pending())))
    assert "https://www.example.com/phone/callback/" in page
    assert NONCE not in page


@pytest.mark.parametrize("pk", ["00000000-0000-0000-0000-000000000000", "7", "x' OR 1=1"])
def test_detail_of_nothing_goes_to_the_index(viewer: Client, pk: str) -> None:
    verified()
    response = viewer.get(f"{LIST}{quote(pk)}/change/")
    assert (response.status_code, response["Location"]) == (302, "/admin/")


# Claims


Page = Callable[[Client, PhoneVerification], Any]

PAGES: dict[str, Page] = {
    "list": lambda c, v: c.get(LIST),
    "search": lambda c, v: c.get(LIST, {"q": "dara"}),
    "popup": lambda c, v: c.get(LIST, {"_popup": "1", "_to_field": "id"}),
    "facets": lambda c, v: c.get(LIST, {"_facets": "True"}),
    "error": lambda c, v: c.get(LIST, {"e": "1"}),
    "detail": lambda c, v: c.get(detail(v)),
    "detail in a popup": lambda c, v: c.get(detail(v), {"_popup": "1", "_to_field": "id"}),
    "history": lambda c, v: c.get(detail(v, "history")),
    "delete": lambda c, v: c.get(detail(v, "delete")),
    "delete several": lambda c, v: post(
        c, LIST, action="delete_selected", _selected_action=v.pk, index="0"
    ),
    "deleted": lambda c, v: post(c, detail(v, "delete"), post="yes") and c.get(LIST),
    "recent actions": lambda c, v: post(c, detail(v, "delete"), post="yes") and c.get("/admin/"),
    "user": lambda c, v: c.get(f"/admin/auth/user/{v.user_id}/change/"),
    "delete the user": lambda c, v: c.get(f"/admin/auth/user/{v.user_id}/delete/"),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("make", [verified, failed, pending])
def test_no_page_tells_what_is_hidden(
    reader: Client, page: Page, make: Callable[..., PhoneVerification]
) -> None:
    verification = make(user=User.objects.create_user("dara"))
    reader.get(detail(verification))  # what this leaves in the history
    client = staff("view_phoneverification", "delete_phoneverification", "view_user", "delete_user")
    response = page(client, verification)
    assert response.status_code == 200
    html = response.content.decode()
    assert [value for value in HIDDEN if value in html or value in text(response)] == []


@pytest.mark.parametrize(
    ("field", "viewer_gets", "superuser_gets"),
    [("user", 403, 200), ("phone_number", 403, 403), ("mobile_id", 403, 403)],
)
def test_autocomplete_tells_nothing(
    viewer: Client, superuser: Client, field: str, viewer_gets: int, superuser_gets: int
) -> None:
    verified(user=User.objects.create_user("dara"))
    query = {"app_label": "django_plasgate_ip", "model_name": "phoneverification"}
    for client, status in ((viewer, viewer_gets), (superuser, superuser_gets)):
        response = client.get("/admin/autocomplete/", {**query, "field_name": field, "term": ""})
        assert response.status_code == status
        assert [value for value in HIDDEN if value in response.content.decode()] == []


def test_admin_log_has_the_number_masked(reader: Client, deleter: Client) -> None:
    verification = verified()
    reader.get(detail(verification))
    post(deleter, detail(verification, "delete"), post="yes")
    assert {entry.object_repr for entry in LogEntry.objects.all()} == {f"{MASKED} (verified)"}
    log = " ".join(f"{e.object_repr} {e.change_message}" for e in LogEntry.objects.all())
    assert [value for value in HIDDEN if value in log] == []


@pytest.mark.parametrize("who", ["reader", "superuser"])
def test_claims_are_shown_whole_to_those_who_may(who: str, request: Any) -> None:
    client = request.getfixturevalue(who)
    page = text(client.get(detail(verified())))
    assert '"login_hint": "85577696118"' in page
    assert '"family_name": "អុំអេង"' in page
    assert '"address": { "locality": "Phnom Penh City", "street_address": "30 7th 594" }' in page
    assert f"Sub: {SUB}" in page
    assert f"Mobile ID: {MOBILE_ID}" in page


def test_claims_are_no_markup(reader: Client) -> None:
    verification = verified(claims={"given_name": "<script>alert(1)</script>"})
    html = reader.get(detail(verification)).content.decode()
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_claims_are_not_kept_by_the_browser(reader: Client) -> None:
    assert "no-store" in reader.get(detail(verified()))["Cache-Control"]


def test_every_look_at_claims_is_recorded(reader: Client) -> None:
    verification = verified()
    reader.get(detail(verification))
    reader.get(detail(verification))
    entries = LogEntry.objects.all()
    assert {(e.user_id, e.object_id, e.change_message) for e in entries} == {
        (int(reader.session["_auth_user_id"]), str(verification.pk), "Looked at the claims.")
    }
    assert len(entries) == 2
    assert "Looked at the claims." in text(reader.get(detail(verification, "history")))


def test_ids_alone_are_claims_as_well(reader: Client) -> None:
    reader.get(detail(verified(claims={}, mobile_id="")))
    reader.get(detail(verified(claims={}, sub="")))
    assert LogEntry.objects.count() == 2


def test_claims_of_a_failed_verification_are_recorded_too(reader: Client) -> None:
    reader.get(detail(failed()))
    assert LogEntry.objects.count() == 1


def test_nothing_is_recorded_where_there_are_no_claims(reader: Client) -> None:
    reader.get(detail(pending()))
    assert not LogEntry.objects.exists()


def test_nothing_is_recorded_for_what_was_not_seen(viewer: Client, reader: Client) -> None:
    verification = verified()
    viewer.get(detail(verification))
    for url in (LIST, detail(verification, "history")):
        reader.get(url)
    post(reader, detail(verification), status="failed", _save="1")
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    "keys",
    [[Fernet.generate_key().decode()], [], ["no key"]],
    ids=["another key", "no key", "malformed key"],
)
def test_claims_of_a_wrong_key_name_the_setting(
    reader: Client, settings: Any, keys: list[str]
) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    verification = verified()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = keys
    page = text(reader.get(detail(verification)))
    assert "PLASGATE_IP_ENCRYPTION_KEYS" in page
    assert f"Sub: {SUB}" in page
    assert "85577696118" not in page


def test_wrong_key_breaks_no_other_page(deleter: Client, settings: Any) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    verification = verified()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    for url in (LIST, detail(verification), detail(verification, "delete")):
        assert MASKED in text(deleter.get(url))
    assert post(deleter, detail(verification, "delete"), post="yes").status_code == 302
    assert not PhoneVerification.objects.exists()
