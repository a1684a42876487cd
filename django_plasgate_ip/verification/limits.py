"""Limits before money: how many attempts may start in an hour.

Every start may spend balance, and sends a message of sorts to somebody's operator. The rows
themselves are counted, so that all machines see all starts and nothing else must be kept.
"""

import ipaddress
import re
from collections.abc import Iterator
from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import newest
from django_plasgate_ip.verification.newest import Limit

HOUR = timedelta(hours=1)
#: In ``PLASGATE_IP_TRUSTED_PROXIES``, as nginx says it: a proxy that comes through a Unix socket,
#: and so from no address.
UNIX = "unix:"


def check(verification: PhoneVerification) -> None:
    """Raise `TooManyStarts` if `verification`, which is stored already, is one too many.

    It is counted after it was stored, so that of any number of starts at once each sees those
    committed before it: no more than the limit come through, whatever the race. One query, where
    no limit is reached.
    """
    now = timezone.now()
    since = now - HOUR
    limits = list(_limits(verification))
    if not limits or not newest.is_any_passed(limits, since):
        return
    # None, if another start has been refused in this moment, and so does not count any more.
    made = [at for limit in limits if (at := limit.passed_at(since)) is not None]
    if made:
        raise TooManyStarts(max(made) + HOUR - now)


def _limits(verification: PhoneVerification) -> Iterator[Limit]:
    for column, value, setting in (
        ("phone_number", verification.phone_number, "PLASGATE_IP_MAX_STARTS_PER_NUMBER"),
        ("user", verification.user_id, "PLASGATE_IP_MAX_STARTS_PER_USER"),
        ("address", verification.address, "PLASGATE_IP_MAX_STARTS_PER_ADDRESS"),
        (None, "all", "PLASGATE_IP_MAX_STARTS_PER_SITE"),
    ):
        # The setting last: to look for those that are not set is most of what this takes.
        if value and (most := getattr(conf, setting)) is not None:
            yield Limit(column, value, most)


def address_of(request: HttpRequest) -> str:
    """Return a keyed hash of the visitor's address; empty where no limit needs one.

    An IPv6 address counts as its /64, of which one subscriber has 2^64. The address itself is not
    stored. All visitors whose address can't be told have the same one: no limit at all would be
    the dearer mistake.
    """
    if conf.PLASGATE_IP_MAX_STARTS_PER_ADDRESS is None:
        return ""
    address = str(_network(_client_address(request)))
    return salted_hmac("django_plasgate_ip.address", address, algorithm="sha256").hexdigest()[:32]


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _network(address: _Address | None) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    bits = 64 if isinstance(address, ipaddress.IPv6Address) else 32
    return ipaddress.ip_network((address, bits), strict=False) if address else None


def _client_address(request: HttpRequest) -> _Address | None:
    """Return the nearest address that is not one of our own proxies."""
    # SECURITY: anybody can send X-Forwarded-For; what a trusted proxy appended is at its end, and
    # the first entry from there that is no proxy of ours is the only one that nobody could forge.
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    remote = request.META.get("REMOTE_ADDR", "")
    if remote or UNIX not in conf.PLASGATE_IP_TRUSTED_PROXIES:
        hops.append(remote)
    address = None
    for hop in reversed(hops):
        try:
            address = _parsed(hop)
        except ValueError:
            break
        if not _is_trusted(address):
            break
    return address


def _parsed(hop: str) -> _Address:
    """Return the address, without the port that some proxies add. Raises ValueError."""
    text = hop.strip()
    with_port = re.fullmatch(r"\[(.+)\](?::\d+)?|([\d.]+):\d+", text)
    address = ipaddress.ip_address((with_port[1] or with_port[2]) if with_port else text)
    # A socket for both families says ::ffff:192.0.2.1 for 192.0.2.1; by their /64, all of IPv4
    # would be one address.
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: _Address) -> bool:
    return any(
        address in ipaddress.ip_network(proxy, strict=False)
        for proxy in conf.PLASGATE_IP_TRUSTED_PROXIES
        if proxy != UNIX
    )
