"""The scopes of the API page, as the operator reads them."""

from collections.abc import Set

from django_plasgate_ip.sandbox.exceptions import Malformed

CUSTOM = ("phone_verify", "mobile_id", "phone", "profile")
SUPPORTED = (*CUSTOM, "openid", *(f"ip:{name}" for name in CUSTOM))


def granted(text: str) -> frozenset[str]:
    """Return the custom scopes that a ``scope`` parameter asks for, without their ``ip:``.

    Raises `Malformed` for a scope that the API page doesn't list, and for a text with none of the
    custom ones: the page wants at least one of them beside ``openid`` and the ``ip:`` forms.
    """
    asked = set(text.split())
    if not asked.issubset(SUPPORTED):
        raise Malformed(f"scope has an unknown value; supported are {' '.join(SUPPORTED)}.")
    if asked.isdisjoint(CUSTOM):
        raise Malformed(f"scope needs at least one of {' '.join(CUSTOM)}.")
    return frozenset(name.removeprefix("ip:") for name in asked - {"openid"})


def need_number(scopes: Set[str]) -> bool:
    """Whether the API page requires ``login_hint`` for one of `scopes`."""
    return not scopes.isdisjoint({"phone_verify", "profile"})
