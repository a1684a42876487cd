"""A site with tenants: each one's visitors are verified with its own keys, and with no other's."""

import subprocess
import sys
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest

from django_plasgate_ip import flow
from django_plasgate_ip.client import Credentials
from django_plasgate_ip.client.credentials import for_request
from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY
from tests.visitor import TYPED, Page, Visitor, attempt, outcome

KEYS = {
    "angkor.shop.example": Credentials("angkor-private", "$5$rounds=535000$angkor$secret"),
    "bokor.shop.example": Credentials("bokor-private", "$5$rounds=535000$bokor$secret"),
}


def keys_for(request: HttpRequest) -> Credentials:
    """Be a site's function, whose tenants have hosts of their own."""
    try:
        return KEYS[request.get_host()]
    except KeyError:
        raise Http404("There is no such shop.") from None


@pytest.fixture(autouse=True)
def shops(settings: Any) -> None:
    """Run the site for both tenants; it has no keys of its own."""
    settings.ALLOWED_HOSTS = [".shop.example"]
    settings.PLASGATE_IP_CREDENTIALS = keys_for
    del settings.PLASGATE_IP_PRIVATE_KEY
    del settings.PLASGATE_IP_SECRET_KEY


def visitor_of(host: str, user: User, cookies: SimpleCookie | None = None) -> Visitor:
    """Return the browser of `user`, who is on this host."""
    browser = Visitor(SERVER_NAME=host)
    if cookies is None:
        browser.force_login(user)
    else:
        # What SESSION_COOKIE_DOMAIN = ".shop.example" does.
        browser.cookies = cookies
    return browser


@pytest.mark.parametrize("setting", [keys_for, "tests.client.test_credentials.keys_for"])
def test_a_tenants_visitors_are_verified_with_its_keys(
    user: User, answers: Answers, settings: Any, setting: Any
) -> None:
    settings.PLASGATE_IP_CREDENTIALS = setting
    answers()

    for host, keys in KEYS.items():
        browser = visitor_of(host, user)
        browser.verify()

        assert outcome() == ("verified", "")
        assert browser.sent["private_key"] == keys.private_key
        assert browser.sent["redirect_uri"] == f"http://{host}/phone/callback/"
        call = answers.calls[-1]
        assert parse_qs(urlsplit(call.url).query) == {"private_key": [keys.private_key]}
        assert call.headers["X-Secret"] == keys.secret_key
    assert len(answers.calls) == 2


@pytest.mark.parametrize("private_key", [None, "angkor-private", "bokor-private"])
def test_what_was_started_with_one_tenant_is_not_finished_with_another(
    user: User, answers: Answers, private_key: str | None
) -> None:
    """Although they share the session, and whatever the address says."""
    answers()
    here = visitor_of("angkor.shop.example", user)
    here.start()
    there = visitor_of("bokor.shop.example", user, here.cookies)
    there.authorize_url = here.authorize_url

    there.come_back(private_key=private_key)

    assert outcome() == ("error", "invalid_callback")
    assert answers.calls == []


def test_another_tenants_key_in_the_callback_is_refused(user: User, answers: Answers) -> None:
    answers()
    browser = visitor_of("angkor.shop.example", user)
    browser.start()

    browser.come_back(private_key="bokor-private")

    assert outcome() == ("error", "invalid_callback")
    assert answers.calls == []


def test_keys_that_were_replaced_meanwhile_get_no_code_of_the_old_ones(
    user: User, answers: Answers, settings: Any
) -> None:
    answers()
    browser = visitor_of("angkor.shop.example", user)
    browser.start()
    settings.PLASGATE_IP_CREDENTIALS = lambda request: Credentials("new-private", "new-secret")

    browser.come_back(private_key=None)

    assert outcome() == ("error", "invalid_callback")
    assert answers.calls == []


def test_a_provider_that_refuses_a_tenants_keys_is_an_error_as_ever(
    user: User, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    answers(http=403)

    visitor_of("bokor.shop.example", user).verify()

    assert outcome() == ("error", "credentials_rejected")
    assert not [text for text in ("bokor-private", "bokor$secret") if text in caplog.text]


def test_where_there_is_no_tenant_the_sites_own_answer_is_given(user: User) -> None:
    browser = visitor_of("no-such.shop.example", user)

    assert browser.start().status_code == 404
    assert not PhoneVerification.objects.exists()


@pytest.mark.parametrize(
    "returned",
    [
        None,
        ("a-private-key", "a-secret"),
        Credentials("", "a-secret"),
        Credentials("a-private-key", ""),
        Credentials("a-private-key", "a-secret\n"),
        Credentials("a private-key", "a-secret"),
        Credentials("clé", "a-secret"),
        Credentials("a-private-key", None),  # type: ignore[arg-type]
    ],
    ids=range(8),
)
def test_what_is_no_pair_of_keys_is_told_with_the_setting_and_without_the_keys(
    user: User, settings: Any, returned: Any
) -> None:
    settings.PLASGATE_IP_CREDENTIALS = lambda request: returned

    with pytest.raises(ImproperlyConfigured, match=r"^PLASGATE_IP_CREDENTIALS must") as caught:
        visitor_of("angkor.shop.example", user).start()

    assert "a-secret" not in str(caught.value)
    assert not PhoneVerification.objects.exists()


def test_a_function_that_is_none_is_told_before_anything_is_stored(
    user: User, settings: Any
) -> None:
    settings.PLASGATE_IP_CREDENTIALS = "shop.no_such_function"

    with pytest.raises(ImproperlyConfigured, match="PLASGATE_IP_CREDENTIALS can't be imported"):
        visitor_of("angkor.shop.example", user).start()

    assert not PhoneVerification.objects.exists()


def test_a_pair_of_keys_shows_neither() -> None:
    assert repr(KEYS["angkor.shop.example"]) == "Credentials()"


def test_without_the_setting_the_sites_own_keys_are_used(rf: Any, settings: Any) -> None:
    del settings.PLASGATE_IP_CREDENTIALS
    settings.PLASGATE_IP_PRIVATE_KEY = PLASGATE_IP_PRIVATE_KEY
    settings.PLASGATE_IP_SECRET_KEY = PLASGATE_IP_SECRET_KEY

    assert for_request(rf.get("/")) == Credentials(PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY)


def test_a_settings_file_can_import_credentials(tmp_path: Path) -> None:
    (tmp_path / "shop_settings.py").write_text(
        "from django_plasgate_ip.client import Credentials\n"
        "from tests.settings import *\n"
        "DEBUG = True\n"
        "PLASGATE_IP_CREDENTIALS = lambda request: Credentials('a-private', 'a-secret')\n"
    )
    process = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        cwd=Path(__file__).parents[2],
        env={"DJANGO_SETTINGS_MODULE": "shop_settings", "PYTHONPATH": f".:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (process.returncode, process.stderr) == (0, "")


def test_the_row_holds_neither_key(user: User) -> None:
    visitor_of("angkor.shop.example", user).start()

    (row,) = PhoneVerification.objects.filter(pk=attempt().pk).values()
    assert not [value for value in row.values() if "angkor-" in str(value)]


def test_a_sites_own_form_is_sent_with_the_tenants_keys(user: User, rf: Any) -> None:
    request = rf.get("/", SERVER_NAME="bokor.shop.example")
    request.user, request.session = user, visitor_of("bokor.shop.example", user).session

    assert "private_key=bokor-private" in flow.begin(request, TYPED).authorize_url


def test_a_phone_that_carries_an_attempt_is_sent_to_plasgate_for_its_own_tenant_alone(
    user: User, settings: Any
) -> None:
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    phone = visitor_of("angkor.shop.example", user, SimpleCookie())
    phone.start()
    PhoneVerification.objects.update(user=user, session_id="a computer's")
    there = visitor_of("bokor.shop.example", user, phone.cookies)
    own_page = f"/phone/{attempt().pk}/"

    assert Page(phone.get(own_page)).links["Continue"] == phone.authorize_url
    elsewhere = there.get(own_page)
    assert elsewhere.status_code == 200
    assert "Continue" not in Page(elsewhere).links
