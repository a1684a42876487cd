"""The attacks that have a name, one by one."""

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_from_bytes, unquote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Receivers
from tests.hostile.browser import HOST, STAYS, host_of, skeleton
from tests.hostile.conftest import PlasGate
from tests.hostile.payloads import EVIL, OPEN_REDIRECTS, POISONS, SCRIPTS
from tests.visitor import (
    CODE,
    FAILED,
    MOBILE_ID,
    NUMBER,
    STATE,
    SUB,
    TYPED,
    VERIFIED,
    Page,
    Visitor,
    attempt,
    outcome,
)

OTHERS_NUMBER = "+85512345678"
OTHERS_CODE = "00000000-0000-4000-8000-000000000000.theirs.code"
OTHERS_STATE = "11111111-1111-4111-8111-111111111111"
OTHERS_ANSWER = VERIFIED | {
    "login_hint": OTHERS_NUMBER[1:],
    "mobile_id": MOBILE_ID[::-1],
    "sub": SUB[::-1],
}
EXCHANGED = ["code", "state", "redirect_uri", "response_type"]


@pytest.fixture
def attacker(other_user: User) -> Visitor:
    """Return the browser of somebody who has an account, too."""
    browser = Visitor()
    browser.force_login(other_user)
    return browser


def row_of(user: User) -> PhoneVerification:
    """Return the user's newest attempt."""
    found = PhoneVerification.objects.latest_for(user)
    assert found is not None
    return found


def verified_users() -> set[str]:
    """Return who is verified, by anything at all."""
    rows = PhoneVerification.objects.verified()
    return {row.user.get_username() if row.user else "" for row in rows}


# Somebody else's code


def test_an_attackers_own_code_in_the_victims_session_is_a_mismatch(
    visitor: Visitor, user: User, attacker: Visitor, plasgate: PlasGate, receivers: Receivers
) -> None:
    """The victim follows a link with a code that the attacker's own phone has earned."""
    plasgate.codes[OTHERS_CODE, OTHERS_STATE] = OTHERS_ANSWER
    attacker.start(OTHERS_NUMBER)
    visitor.start()

    response = visitor.come_back(code=OTHERS_CODE, state=OTHERS_STATE)

    row = row_of(user)
    assert (row.status, row.reason) == ("failed", "number_mismatch")
    assert (str(row.phone_number), row.sub, row.mobile_id) == (NUMBER, "", "")
    assert "answered for another number" in visitor.get(response["Location"]).content.decode()
    assert verified_users() == set()
    assert [name for name, _row in receivers.heard] == ["failed"]

    # The victim's own code comes too late: the attempt is over, and no second call is made.
    visitor.come_back()
    assert outcome() != ("verified", "")
    assert len(plasgate.sent) == 1


def test_a_victims_code_in_the_attackers_session_is_a_mismatch(
    visitor: Visitor, attacker: Visitor, other_user: User, plasgate: PlasGate
) -> None:
    visitor.start()
    attacker.start(OTHERS_NUMBER)

    attacker.come_back(code=CODE, state=STATE)

    row = row_of(other_user)
    assert (row.status, row.reason, row.mobile_id) == ("failed", "number_mismatch", "")
    assert verified_users() == set()


@pytest.mark.parametrize("status", ["success", "failed"])
def test_no_answer_about_somebody_else_brings_anything_of_theirs(
    visitor: Visitor, user: User, plasgate: PlasGate, status: str
) -> None:
    answer = OTHERS_ANSWER | {"status": status, "phone_number": OTHERS_NUMBER[1:]}
    plasgate.codes[CODE, STATE] = answer
    visitor.verify()

    row = row_of(user)
    assert row.status == "failed"
    assert (row.sub, row.mobile_id) == ("", "")
    assert str(row.phone_number) == NUMBER


def test_with_the_nonce_not_even_a_code_for_the_same_number_can_be_carried_over(
    visitor: Visitor, attacker: Visitor, other_user: User, plasgate: PlasGate, settings: Any
) -> None:
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    visitor.start()
    attacker.start(TYPED)
    link = visitor.callback_url()

    attacker.get(link)

    row = row_of(other_user)
    assert (row.status, row.reason) == ("error", "invalid_callback")
    assert plasgate.sent == []


@pytest.mark.parametrize("state", ["", STATE.upper(), OTHERS_STATE])
def test_a_code_with_another_state_is_not_the_one_that_was_given_out(
    visitor: Visitor, plasgate: PlasGate, state: str
) -> None:
    visitor.start()
    visitor.come_back(state=state)

    assert outcome() in (("error", "invalid_callback"), ("error", "credentials_rejected"))
    assert [sent["state"] for sent in plasgate.sent] == ([state] if state else [])


def test_a_callback_link_opened_by_others_spends_nothing_and_ends_nothing(
    visitor: Visitor, attacker: Visitor, plasgate: PlasGate
) -> None:
    visitor.start()
    link = visitor.callback_url()

    for browser in (attacker, Visitor()):
        assert browser.get(link).status_code == 400
    assert plasgate.sent == []
    assert outcome() == ("pending", "")

    visitor.get(link)
    assert outcome() == ("verified", "")
    # Nor does the link tell who comes later what became of it.
    for browser in (attacker, Visitor()):
        assert browser.get(link).status_code == 400
        assert browser.get(f"/phone/{attempt().pk}/").status_code == 404
    assert len(plasgate.sent) == 1


def test_a_code_that_verified_once_verifies_nobody_again(
    visitor: Visitor, user: User, attacker: Visitor, other_user: User, plasgate: PlasGate
) -> None:
    visitor.verify()
    del plasgate.codes[CODE, STATE]
    attacker.start(TYPED)

    attacker.come_back()

    assert verified_users() == {user.get_username()}
    assert row_of(other_user).reason == "credentials_rejected"


# Somebody else in the same browser


def test_who_signs_in_between_gets_nothing_of_it(
    visitor: Visitor, user: User, other_user: User, plasgate: PlasGate
) -> None:
    """The attacker signs the victim in under the attacker's account, so as to own the number."""
    visitor.start()
    visitor.submit(visitor.get("/accounts/login/"), username="mallory", password="a password")

    response = visitor.come_back()

    assert response.status_code == 400
    assert verified_users() == set()
    assert plasgate.sent == []
    assert PhoneVerification.objects.for_user(other_user).count() == 0
    assert visitor.get(f"/phone/{row_of(user).pk}/").status_code == 404


def test_who_signs_in_between_as_an_anonymous_visitor_gets_nothing_of_it(
    passer_by: Visitor,
    user: User,
    plasgate: PlasGate,
    receivers: Receivers,
    django_capture_on_commit_callbacks: Any,
) -> None:
    passer_by.start()
    login = passer_by.get("/accounts/login/")
    with django_capture_on_commit_callbacks(execute=True):
        passer_by.submit(login, username="teak", password="a password")

    passer_by.come_back()

    assert outcome() == ("error", "user_changed")
    assert attempt().user is None
    assert verified_users() == set()
    assert plasgate.sent == []
    assert [name for name, _row in receivers.heard] == ["failed"]


def test_who_signs_out_between_and_in_again_starts_again(
    visitor: Visitor, user: User, plasgate: PlasGate
) -> None:
    visitor.start()
    visitor.logout()
    visitor.force_login(user)

    assert visitor.come_back().status_code == 400
    assert verified_users() == set()
    assert plasgate.sent == []

    visitor.verify()
    assert verified_users() == {user.get_username()}


# Ways out of the site


@pytest.mark.parametrize("payload", OPEN_REDIRECTS, ids=lambda payload: repr(payload)[:40])
def test_next_leads_nobody_off_the_site(visitor: Visitor, plasgate: PlasGate, payload: str) -> None:
    """From a link to the start page, from the form, and from a row that somebody has edited."""
    look = skeleton(visitor.get("/phone/", {"next": "/here/"}))
    page = visitor.get("/phone/", {"next": payload})
    assert skeleton(page) == look
    visitor.submit(page, phone_number=TYPED, next=payload)
    leads_here(visitor.come_back())

    visitor.start()
    stored = payload.replace("\x00", "")  # which no row of PostgreSQL can hold
    PhoneVerification.objects.filter(pk=attempt().pk).update(next_url=stored)
    leads_here(visitor.come_back())
    links = Page(visitor.get(f"/phone/{attempt().pk}/")).links
    assert all(host_of(link) in STAYS for link in links.values())


@pytest.mark.parametrize("payload", OPEN_REDIRECTS, ids=lambda payload: repr(payload)[:40])
def test_next_leads_nobody_off_the_site_after_a_failure_or_a_login(
    visitor: Visitor, stranger: Visitor, plasgate: PlasGate, payload: str
) -> None:
    plasgate.codes[CODE, STATE] = FAILED
    visitor.start()
    stored = payload.replace("\x00", "")
    PhoneVerification.objects.update(next_url=stored)
    retry = Page(visitor.get(visitor.come_back()["Location"])).links["Try again"]
    assert host_of(retry) == HOST
    visitor.submit(visitor.get(retry), phone_number=TYPED)
    assert host_of(attempt().next_url) in STAYS

    login = stranger.get("/phone/", {"next": payload})
    leads_here(login)
    inside = stranger.submit(
        stranger.get(login["Location"]), username="teak", password="a password"
    )
    leads_here(inside)


def leads_here(response: Any) -> None:
    """Fail unless the browser is sent on, and stays on this site."""
    assert response.status_code == 302
    location = response["Location"]
    assert host_of(location) in STAYS
    assert location.isascii()
    assert location.isprintable()
    assert "Set-Cookie" not in response.headers
    assert "stolen" not in response.cookies


def test_the_table_is_worth_its_name() -> None:
    """Most of it does lead away, in a browser that is asked to go there."""
    away = [payload for payload in OPEN_REDIRECTS if host_of(payload) != HOST]

    assert len(away) > 50
    assert len(OPEN_REDIRECTS) == len(set(OPEN_REDIRECTS)) > 80


# A host that is not ours


HOSTS: list[dict[str, str]] = [
    {"Host": EVIL},
    {"Host": f"{HOST}.{EVIL}"},
    {"Host": f"{HOST}:80@{EVIL}"},
    {"Host": f"{EVIL}#{HOST}"},
    {"Host": f"{HOST}/{EVIL}"},
    {"Host": ""},
    {"Host": "[::1"},
    {"Host": "a" * 5000},
]
FORWARDED: list[dict[str, str]] = [
    {"X-Forwarded-Host": EVIL},
    {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "ftp", "X-Forwarded-Port": "99"},
    {"X-Host": EVIL, "X-Forwarded-Server": EVIL, "Forwarded": f"host={EVIL}"},
    {"X-Original-URL": f"//{EVIL}/", "X-Rewrite-URL": f"//{EVIL}/"},
]


def start_with(browser: Visitor, headers: dict[str, str], **fields: str) -> Any:
    """Send the start form with these headers."""
    browser.get("/phone/")
    token = browser.cookies["csrftoken"].value
    data = {"phone_number": TYPED, "csrfmiddlewaretoken": token} | fields
    return browser.post("/phone/", data, headers=headers)


@pytest.mark.parametrize("headers", HOSTS, ids=str)
@pytest.mark.parametrize("public_url", [None, "https://shop.example"])
def test_a_host_that_the_site_does_not_know_starts_nothing(
    visitor: Visitor, settings: Any, headers: dict[str, str], public_url: str | None
) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = public_url

    assert start_with(visitor, headers).status_code in (400, 403)
    assert not PhoneVerification.objects.exists()
    assert EVIL not in str(visitor.get("/phone/", headers=headers).headers)


@pytest.mark.parametrize("headers", FORWARDED, ids=str)
@pytest.mark.parametrize("public_url", [None, "https://shop.example"])
def test_a_forwarded_host_is_not_believed(
    visitor: Visitor, plasgate: PlasGate, settings: Any, headers: dict[str, str], public_url: str
) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = public_url

    response = start_with(visitor, headers, next=f"http://{EVIL}/")

    assert host_of(response["Location"]) == "cloudapi.plasgate.com"
    visitor.authorize_url = response["Location"]
    callback = (public_url or f"http://{HOST}") + "/phone/callback/"
    assert visitor.sent["redirect_uri"] == callback == attempt().redirect_uri
    assert attempt().next_url == ""

    leads_here(visitor.get(visitor.callback_url(), headers=headers))
    assert [sent["redirect_uri"] for sent in plasgate.sent] == [callback]
    assert outcome() == ("verified", "")


@pytest.mark.parametrize("headers", [{"Host": EVIL}, {"X-Forwarded-Host": EVIL}], ids=str)
def test_a_public_url_wins_even_where_the_site_believes_every_host(
    visitor: Visitor, plasgate: PlasGate, settings: Any, headers: dict[str, str]
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.USE_X_FORWARDED_HOST = True
    settings.PLASGATE_IP_PUBLIC_URL = "https://shop.example"

    response = start_with(visitor, headers, next=f"http://{EVIL}/")

    visitor.authorize_url = response["Location"]
    assert visitor.sent["redirect_uri"] == "https://shop.example/phone/callback/"
    assert EVIL not in response["Location"]
    # What was on this site for a spoofed host is not for the true one, to which PlasGate leads.
    leads_here(visitor.come_back())
    assert outcome() == ("verified", "")


def test_a_callback_under_a_spoofed_host_sends_what_was_stored(
    visitor: Visitor, plasgate: PlasGate, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    visitor.start(next="/here/")

    response = visitor.get(visitor.callback_url(), headers={"Host": EVIL})

    assert response["Location"] == "/here/"
    assert [sent["redirect_uri"] for sent in plasgate.sent] == ["http://testserver/phone/callback/"]


# Markup


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("name", ["error_description", "error"])
def test_a_script_in_the_callback_runs_on_no_page(
    visitor: Visitor, admin_client: Client, plasgate: PlasGate, script: str, name: str
) -> None:
    visitor.start()
    plain = visitor.come_back(**{name: "plain"})
    looks = looks_of(visitor, admin_client, plain["Location"])
    visitor.start()

    response = visitor.come_back(**{name: script})

    assert outcome() == ("failed", "provider_denied")
    assert attempt().error_description
    assert looks_of(visitor, admin_client, response["Location"]) == looks


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("status", ["success", "failed"])
def test_a_script_in_the_answer_runs_on_no_page(
    visitor: Visitor, admin_client: Client, plasgate: PlasGate, script: str, status: str
) -> None:
    answer = VERIFIED | {"status": status, "error_description": "plain", "sid": "plain"}
    plasgate.codes[CODE, STATE] = answer
    looks = looks_of(visitor, admin_client, visitor.verify()["Location"])

    plasgate.codes[CODE, STATE] = answer | {
        "error_description": script,
        "sid": script,
        "sub": SUB if status == "success" else script,
        "mobile_id": script.replace("\u202e", "").replace("\u2066", ""),
    }
    response = visitor.verify()

    assert attempt().status == ("verified" if status == "success" else "failed")
    assert attempt().claims["sid"] == script
    assert looks_of(visitor, admin_client, response["Location"]) == looks


def looks_of(browser: Visitor, admin: Client, detail: str) -> list[Any]:
    """Return what the visitor's page and the staff's pages of the newest attempt are made of."""
    said = browser.get(detail, headers={"Accept": "application/json"})
    assert said["Content-Type"] == "application/json"
    change = f"/admin/django_plasgate_ip/phoneverification/{attempt().pk}/change/"
    pages = [browser.get(detail), admin.get(change)]
    assert [page.status_code for page in pages] == [200, 200]
    return [sorted(said.json()), *map(skeleton, pages)]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_in_a_form_that_comes_back_is_the_fields_value(
    visitor: Visitor, script: str
) -> None:
    look = skeleton(visitor.start("bad", next="bad"))

    response = visitor.start(script, next=script)

    assert response.status_code == 400
    assert skeleton(response) == look
    fields = Page(response).fields
    assert (fields["phone_number"], fields["next"]) == (script, script)


# What breaks a header, a log line, a database


def callback_with(name: str) -> Callable[[Visitor, bytes], Any]:
    """Return what comes back with poison at the end of one parameter, and as another's name."""

    def come_back(browser: Visitor, poison: bytes) -> Any:
        browser.start()
        path, _, query = browser.callback_url(**{name: None}).partition("?")
        value = {"code": CODE, "state": STATE}.get(name, "a")
        poisoned = f"{name}={quote(value)}{quote_from_bytes(poison)}"
        return browser.get(f"{path}?{query}&{poisoned}&{quote_from_bytes(poison)}=1")

    return come_back


def header_with(name: str, value: str = "") -> Callable[[Visitor, bytes], Any]:
    """Return what sends poison in a header with both requests."""

    def send(browser: Visitor, poison: bytes) -> Any:
        headers = {name: value + poison.decode("latin-1")}
        start = start_with(browser, headers)
        if start.status_code == 302:
            browser.authorize_url = start["Location"]
            return browser.get(browser.callback_url(), headers=headers)
        return start

    return send


def form_with(name: str, value: str = "") -> Callable[[Visitor, bytes], Any]:
    """Return what sends poison in a field of the form, and comes back where it was let go."""

    def send(browser: Visitor, poison: bytes) -> Any:
        browser.get("/phone/")
        other = {"phone_number": TYPED, "next": "/here/"} | {name: value}
        body = "&".join(f"{field}={quote(text)}" for field, text in other.items())
        start = browser.generic(
            "POST",
            "/phone/",
            f"{body}&a=1".replace(quote(value), quote(value) + quote_from_bytes(poison), 1),
            CONTENT_TYPE="application/x-www-form-urlencoded",
            headers={"X-CSRFToken": browser.cookies["csrftoken"].value},
        )
        if start.status_code == 302:
            browser.authorize_url = start["Location"]
            return browser.come_back()
        return start

    return send


PLACES: dict[str, Callable[[Visitor, bytes], Any]] = {
    **{
        name: callback_with(name)
        for name in (
            "code",
            "state",
            "session_state",
            "private_key",
            "redirect_uri",
            "nonce",
            "error",
            "error_description",
            "anything",
        )
    },
    "the address of the start page": lambda browser, poison: browser.get(
        f"/phone/?next=/here/{quote_from_bytes(poison)}&{quote_from_bytes(poison)}=1"
    ),
    "the typed number": form_with("phone_number", TYPED),
    "next": form_with("next", "/here/"),
    "Accept": header_with("Accept", "text/html"),
    "Accept-Language": header_with("Accept-Language", "en"),
    "X-Forwarded-For": header_with("X-Forwarded-For", "10.0.0.1"),
    "Referer": header_with("Referer", "http://testserver/phone/"),
    "User-Agent": header_with("User-Agent", "Mozilla"),
    "Sec-Purpose": header_with("Sec-Purpose", "none"),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
@pytest.mark.parametrize("send", PLACES.values(), ids=PLACES)
def test_poison_breaks_nothing_wherever_it_is_put(
    visitor: Visitor,
    plasgate: PlasGate,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    send: Callable[[Visitor, bytes], Any],
    poison: bytes,
) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_ADDRESS = 5
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = 1
    caplog.set_level(logging.DEBUG)

    response = send(visitor, poison)

    assert response.status_code in (200, 302, 400, 403)
    assert "stolen" not in response.cookies
    assert all(value.isprintable() for value in response.headers.values())
    if response.status_code == 302:
        assert host_of(response["Location"]) == HOST
    # What is stored can be shown, logged and exported; what is logged is one line.
    for row in PhoneVerification.objects.all():
        for field in (row.error_description, row.next_url, row.redirect_uri, row.language):
            assert field.isprintable()
    ours = [record for record in caplog.records if record.name.startswith("django")]
    assert all(record.getMessage().isprintable() for record in ours)


def test_poison_in_the_code_reaches_plasgate_and_nobody_else(
    visitor: Visitor, plasgate: PlasGate
) -> None:
    """The code and the state are opaque: they go back as they came, in JSON, which escapes them."""
    poison = "\r\nX-Secret: mine\x00\x1b\u2028\U0001f600"
    visitor.start()

    visitor.come_back(code=poison, state=poison[::-1])

    (sent,) = plasgate.sent
    assert sorted(sent) == sorted(EXCHANGED)
    assert (sent["code"], sent["state"]) == (poison, poison[::-1])
    assert outcome() == ("error", "credentials_rejected")


@pytest.mark.parametrize("size", [10_000, 1_000_000])
@pytest.mark.parametrize("name", ["code", "state", "error_description", "anything"])
def test_a_huge_parameter_is_cut_or_sent_and_harms_nothing(
    visitor: Visitor, plasgate: PlasGate, name: str, size: int
) -> None:
    visitor.start()

    response = visitor.come_back(**{name: "x" * size})

    assert response.status_code == 302
    assert not attempt().is_live
    assert len(attempt().error_description) <= 500
    assert visitor.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("charset", ["utf-7", "utf-16-le", "raw_unicode_escape", "cp037"])
def test_a_charset_of_the_visitors_own_changes_nothing(
    visitor: Visitor, plasgate: PlasGate, settings: Any, charset: str
) -> None:
    """Django decodes a query by the request's own Content-Type, even to lone surrogates."""
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    surrogates = "+2AA-\\ud800"
    named = {"Content-Type": f"text/plain; charset={charset}"}
    page = visitor.generic("GET", f"/phone/?next={quote(surrogates)}", headers=named)
    assert Page(page).fields["next"] == surrogates
    visitor.start()

    visitor.generic("GET", visitor.callback_url(nonce=surrogates), headers=named)
    assert outcome() == ("error", "invalid_callback")
    assert plasgate.sent == []

    visitor.start()
    visitor.generic("GET", visitor.callback_url(), headers=named)
    assert outcome() == ("verified", "")


@pytest.mark.parametrize("charset", ["utf-7", "raw_unicode_escape"])
@pytest.mark.parametrize("field", ["phone_number", "next"])
def test_a_form_in_a_charset_of_the_visitors_own_comes_back_readable(
    visitor: Visitor, stranger: Visitor, charset: str, field: str
) -> None:
    body = f'--B\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n+2AA-\\ud800\r\n--B--\r\n'
    for browser, status in ((visitor, 400), (stranger, 302)):
        browser.get("/accounts/login/")
        response = browser.generic(
            "POST",
            "/phone/",
            body,
            CONTENT_TYPE=f"multipart/form-data; boundary=B; charset={charset}",
            headers={"X-CSRFToken": browser.cookies["csrftoken"].value},
        )

        assert response.status_code == status
        assert "\ufffd" not in unquote(response.headers.get("Location", ""))
    assert not PhoneVerification.objects.exists()


def post_json(browser: Visitor, body: bytes) -> Any:
    """Send the start form as a script's client does."""
    browser.get("/phone/")
    headers = {
        "X-CSRFToken": browser.cookies["csrftoken"].value,
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    return browser.generic("POST", "/phone/", body, "application/json", headers=headers)


@pytest.mark.parametrize("url", ["/\ud800", "\udfff", "/\x00", "/\r\n/", f"//{EVIL}", f"/\\{EVIL}"])
def test_an_address_that_only_json_can_spell_is_dropped(visitor: Visitor, url: str) -> None:
    said = post_json(visitor, json.dumps({"phone_number": TYPED, "next": url}).encode())

    assert said.status_code == 200
    assert attempt().next_url == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"077696118"',
        b'{"phone_number": 77696118}',
        b'{"phone_number": ["077696118"]}',
        b'{"phone_number": {"a": "077696118"}}',
        b'{"phone_number": "\\ud800"}',
        b'{"phone_number": "077696118\\u0000"}',
        b'{"phone_number": "\xff"}',
        b'{"phone_number": NaN}',
        b'{"\\ud800": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_json_that_is_no_form_starts_nothing(visitor: Visitor, body: bytes) -> None:
    response = post_json(visitor, body)

    assert response.status_code == 400
    assert set(response.json()["errors"]) == {"phone_number"}
    assert not PhoneVerification.objects.exists()
