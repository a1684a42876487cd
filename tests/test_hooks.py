"""Settings that are a function: what is one, and what to say of one that is none."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_plasgate_ip import hooks

NAME = "PLASGATE_IP_FALLBACK_URL"


async def in_the_background() -> None:
    """Be awaited, which nobody does."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("shop.phones.keys_for", True),
        ("shop.ទូរស័ព្ទ", True),
        ("shop", False),
        ("shop:phones", False),
        ("shop.example/sms", False),
        ("https://shop.example", False),
        ("./sms.html", False),
        ("shop.1", False),
        ("shop.phones\n", False),
        ("", False),
        (None, False),
        (len, False),
    ],
)
def test_a_dotted_path_is_names_with_dots_between(value: Any, expected: bool) -> None:
    assert hooks.is_dotted_path(value) is expected


@pytest.mark.parametrize("value", [len, "builtins.len"])
def test_a_function_is_loaded_itself_or_by_its_path(value: Any) -> None:
    assert hooks.load(NAME, value) is len


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("no.such.module", "can't be imported: no.such.module"),
        ("os.no_such_function", "can't be imported: os.no_such_function"),
        ("tests.other_sites.broken.on_import", "can't be imported"),
        ("os.sep", "neither a function"),
        ("shop", "neither a function"),
        (7, "neither a function"),
        (in_the_background, "is async"),
        ("tests.test_hooks.in_the_background", "is async"),
    ],
)
def test_what_is_none_is_told_with_the_settings_name(value: Any, told: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}.*{told}"):
        hooks.load(NAME, value)
