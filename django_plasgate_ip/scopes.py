"""The scopes that PlasGate supports, and which of them need a phone number.

From the API page's "Scopes Explained": ``openid`` and the ``ip:`` forms are optional extras.
At least one of the four custom scopes is required. ``phone_verify`` and ``profile`` need a number.
"""

from collections.abc import Iterable

from django_plasgate_ip.exceptions import InvalidScopes

CUSTOM = ("phone_verify", "mobile_id", "phone", "profile")
KNOWN = ("openid", *(f"ip:{name}" for name in CUSTOM), *CUSTOM)
_NEED_NUMBER = frozenset({"phone_verify", "profile"})


def normalise(scopes: str | Iterable[str]) -> tuple[str, ...]:
    """Return the scopes to send, in the order given, each once.

    `scopes` is an iterable of names or one space-separated text. PlasGate gives ``profile`` only
    after it verified the number, so ``phone_verify`` is added to it. Raises `InvalidScopes` for an
    unknown name, and for scopes with none of the four custom ones.
    """
    names = scopes.split() if isinstance(scopes, str) else scopes
    wanted = tuple(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in KNOWN]:
        raise InvalidScopes(f"Unknown scopes {unknown!r}: PlasGate knows {', '.join(KNOWN)}.")
    if not set(wanted) & set(CUSTOM):
        raise InvalidScopes(f"At least one of the scopes {', '.join(CUSTOM)} is required.")
    if "profile" in bare(wanted) and "phone_verify" not in wanted:
        wanted += ("phone_verify",)
    return wanted


def bare(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes without their ``ip:`` prefix."""
    return frozenset(name.removeprefix("ip:") for name in scopes)


def gives_number(scopes: Iterable[str]) -> bool:
    """Whether a verification with these scopes has a number: a confirmed or a reported one."""
    return needs_number(scopes) or "phone" in bare(scopes)


def needs_number(scopes: Iterable[str]) -> bool:
    """Whether PlasGate confirms a number for these scopes. If not, the app needs none."""
    return bool(bare(scopes) & _NEED_NUMBER)
