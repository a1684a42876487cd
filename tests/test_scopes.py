"""Scopes: which sets are legal, which scope is added to them, and which need a number."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_plasgate_ip import scopes
from django_plasgate_ip.exceptions import InvalidScopes


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (iter(["openid", "phone"]), "openid phone"),
        ("  phone \n openid phone ", "phone openid"),
        ("openid ip:mobile_id mobile_id", "openid ip:mobile_id mobile_id"),
        ("phone_verify profile", "phone_verify profile"),
        ("mobile_id ip:profile", "mobile_id ip:profile phone_verify"),
        ("profile ip:phone_verify", "profile ip:phone_verify phone_verify"),
    ],
)
def test_scopes_keep_their_order_and_phone_verify_is_added_to_profile(given, sent):
    assert scopes.normalise(given) == tuple(sent.split())


@pytest.mark.parametrize("unknown", ["PHONE", "ip:openid"])
def test_an_unknown_scope_is_refused_and_named(unknown):
    with pytest.raises(InvalidScopes) as caught:
        scopes.normalise(["mobile_id", unknown])
    for name in (repr(unknown), *scopes.KNOWN):
        assert name in str(caught.value)


@pytest.mark.parametrize("extras", ["", "openid ip:phone_verify ip:mobile_id ip:phone ip:profile"])
def test_extras_alone_are_refused(extras):
    with pytest.raises(ImproperlyConfigured, match="At least one of the scopes phone_verify"):
        scopes.normalise(extras)


@pytest.mark.parametrize(
    ("names", "needed"),
    [
        ("phone_verify", True),
        ("ip:phone_verify mobile_id", True),
        ("ip:profile phone", True),
        ("openid ip:phone phone ip:mobile_id mobile_id", False),
    ],
)
def test_phone_verify_and_profile_need_a_number_with_and_without_a_prefix(names, needed):
    assert scopes.needs_number(names.split()) is needed
