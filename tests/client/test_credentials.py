"""A site with tenants: each tenant's keys verify its own visitors only."""

from dataclasses import astuple
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_plasgate_ip.client import Credentials
from django_plasgate_ip.client.credentials import for_request
from tests import small_site
from tests.visitor import Visitor, newest

KEYS = {
    "angkor.shop.example": Credentials("angkor&private=", "$5$rounds=535000$angkor$secret"),
    "bokor.shop.example": Credentials("bokor-private", "$5$rounds=535000$bokor$secret"),
}


def test_a_tenants_visitors_are_verified_with_its_keys_and_the_row_has_neither(
    user, answers, settings
):
    answers()
    settings.ALLOWED_HOSTS = [".shop.example"]
    settings.PLASGATE_IP_CREDENTIALS = lambda request: KEYS[request.get_host()]
    # The site has no keys of its own.
    del settings.PLASGATE_IP_PRIVATE_KEY, settings.PLASGATE_IP_SECRET_KEY

    for host, keys in KEYS.items():
        browser = Visitor(SERVER_NAME=host)
        browser.force_login(user)
        browser.verify()

        row = vars(newest())
        assert row["status"] == "verified"
        assert row["key_fingerprint"] == sha256(keys.private_key.encode()).hexdigest()[:32]
        assert not set(astuple(keys)) & set(map(str, row.values()))
        assert browser.sent["private_key"] == keys.private_key
        assert browser.sent["redirect_uri"] == f"http://{host}/phone/callback/"
        call = answers.calls[-1]
        assert parse_qs(urlsplit(call.url).query) == {"private_key": [keys.private_key]}
        assert call.headers["X-Secret"] == keys.secret_key
    assert len(answers.calls) == 2


@pytest.mark.parametrize(
    "returned",
    [
        ("a-private-key", "a-secret"),
        *(Credentials(key, "a-secret") for key in ("", "a private-key", "clé")),
        Credentials("a-private-key", "a-secret\n"),
        Credentials("a-private-key", None),  # type: ignore[arg-type]
    ],
    ids=range(6),
)
def test_invalid_keys_are_reported_with_the_setting_and_without_the_keys(rf, settings, returned):
    settings.PLASGATE_IP_CREDENTIALS = lambda request: returned

    with pytest.raises(ImproperlyConfigured, match=r"^PLASGATE_IP_CREDENTIALS must") as caught:
        for_request(rf.get("/"))
    assert "a-secret" not in str(caught.value)


def test_a_settings_file_can_import_credentials(tmp_path):
    small_site.write(tmp_path)
    (tmp_path / "shop.py").write_text(
        "from django_plasgate_ip.client import Credentials\n"
        "from settings import *\n"
        "PLASGATE_IP_CREDENTIALS = lambda request: Credentials('a-private', 'a-secret')\n"
    )

    done = small_site.run(tmp_path, "-m", "django", "check", DJANGO_SETTINGS_MODULE="shop")
    assert done.returncode == 0, done.stdout
