"""What each permission allows in the admin, and what no page shows without one."""

import pytest
from django.contrib.admin.models import LogEntry

from django_plasgate_ip import phones
from django_plasgate_ip.models import PhoneVerification
from tests.kept import HIDDEN, User, failed, pending, verified
from tests.staff import EXPORT, LIST, detail, note, post, staff, text
from tests.visitor import MASKED, NUMBER

pytestmark = pytest.mark.django_db

POPUP = "?_popup=1&_to_field=id"


def test_nobody_adds_or_edits_a_verification(superuser):
    permissions = (f"{action}_phoneverification" for action in ("view", "add", "change"))
    verification = failed()
    changes = {"status": "verified", "reason": "", "phone_number": "+85577696119"}
    for client in (superuser, staff(*permissions)):
        assert client.get(f"{LIST}add/").status_code == 403
        for url in (f"{LIST}add/", detail(verification)):
            for button in ("_save", "_saveasnew"):
                assert post(client, url, **changes, **{button: "1"}).status_code == 403
        assert post(client, LIST, **changes, _save="1").status_code == 200
        assert "Save" not in text(client.get(detail(verification)))
        assert "/phoneverification/add/" not in client.get("/admin/").content.decode()
    stored = PhoneVerification.objects.get()
    values = (stored.status, stored.reason, phones.e164(stored.phone_number))
    assert values == ("failed", "not_verified", NUMBER)


def test_staff_without_the_view_permission_see_nothing():
    verification = verified()
    for client in (staff(), staff("view_claims")):
        for url in (LIST, EXPORT, detail(verification), detail(verification, "history")):
            assert client.get(url).status_code == 403
    assert not LogEntry.objects.exists()


def test_deleting_needs_its_permission_and_a_confirmation(viewer, deleter):
    selected, kept = [verified(), pending()], failed()
    url = detail(selected[0], "delete")
    action = {"action": "delete_selected", "_selected_action": [row.pk for row in selected]}
    assert viewer.get(url).status_code == 403
    assert post(viewer, url, post="yes").status_code == 403
    post(viewer, LIST, **action, index="0", post="yes")
    assert f"{MASKED} (pending)" in text(post(deleter, LIST, **action, index="0"))
    assert PhoneVerification.objects.count() == 3
    assert post(deleter, LIST, **action, post="yes").status_code == 302
    assert list(PhoneVerification.objects.all()) == [kept]
    assert post(deleter, detail(kept, "delete"), post="yes").status_code == 302
    # The entries outlive the rows, so they have no masked number.
    entries = {entry.object_repr for entry in LogEntry.objects.all()}
    assert entries == {f"{row.pk} ({row.status})" for row in (*selected, kept)}


@pytest.mark.parametrize("name", [NUMBER, "077696118", phones.parse(NUMBER), 85577696118])
def test_a_login_name_that_is_a_number_is_masked(viewer, reader, monkeypatch, name):
    dara = User.objects.create_user("dara")
    verification = verified(user=dara, phone_number="")
    note(dara, verification)
    # The user model may have a field of any type. Each page greets its reader by name.
    monkeypatch.setattr(User, "get_username", lambda user: name if user == dara else "staff")
    urls = (LIST, detail(verification), detail(verification, "history"), EXPORT)
    pages = [viewer.get(url).getvalue().decode() for url in urls]
    assert [(MASKED in page, "77696118" in page) for page in pages] == [(True, False)] * 4
    assert str(name) in reader.get(EXPORT).getvalue().decode()


@pytest.mark.parametrize("make", [verified, failed])
def test_no_page_shows_what_is_hidden(reader, make):
    client = staff("view_phoneverification", "delete_phoneverification", "view_user", "delete_user")
    dara = User.objects.create_user("dara")
    verification = make(user=dara)
    reader.get(detail(verification))  # writes an entry into the history
    urls = [f"{LIST}?q=dara", *(detail(verification, p) for p in ("history", "delete"))]
    urls += [f"{url}{popup}" for url in (LIST, detail(verification)) for popup in ("", POPUP)]
    urls += [f"/admin/auth/user/{dara.pk}/{page}/" for page in ("change", "delete")]
    pages = {url: client.get(url) for url in urls}
    action = {"action": "delete_selected", "_selected_action": verification.pk, "index": "0"}
    pages["delete several"] = post(client, LIST, **action)
    post(client, detail(verification, "delete"), post="yes")
    pages |= {"deleted": client.get(LIST), "recent actions": client.get("/admin/")}

    for name, response in pages.items():
        shown = response.content.decode() + text(response)
        assert [value for value in HIDDEN if value in shown] == [], name
