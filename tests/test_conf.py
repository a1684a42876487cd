"""`Setting`, the settings that are cleaned, and `load_function`."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_plasgate_ip.conf import conf, load_function

CREDENTIALS = "PLASGATE_IP_CREDENTIALS"


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("BASE_URL", "https://stageapi.plasgate.com/ip", "https://stageapi.plasgate.com/ip/"),
        ("BASE_URL", "https://stageapi.plasgate.com/ip//", "https://stageapi.plasgate.com/ip/"),
        ("PUBLIC_URL", "https://shop.example/", "https://shop.example"),
        ("PUBLIC_URL", "", None),
    ],
)
def test_the_base_url_ends_with_one_slash_and_the_public_url_has_none(
    name, written, meant, settings
):
    setattr(settings, f"PLASGATE_IP_{name}", written)
    assert getattr(conf, f"PLASGATE_IP_{name}") == meant


@pytest.mark.parametrize("value", [len, "builtins.len"])
def test_a_function_is_loaded_from_itself_or_from_its_path(value, settings):
    settings.PLASGATE_IP_CREDENTIALS = value
    assert load_function(CREDENTIALS) is len


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no.such.module", "can't be imported.$"),
        ("tests.other_sites.broken.on_import", "can't be imported"),
        (7, "is neither a function"),
        ("asyncio.sleep", "is async"),
    ],
)
def test_an_unusable_function_is_reported_with_the_settings_name(value, problem, settings):
    settings.PLASGATE_IP_CREDENTIALS = value
    with pytest.raises(ImproperlyConfigured, match=f"^{CREDENTIALS} {problem}"):
        load_function(CREDENTIALS)
