"""Limits before money: how many attempts may start in an hour.

Every start may spend balance, and sends a message of sorts to somebody's operator. The rows
themselves are counted, so that all machines see all starts and nothing else must be kept.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from django_plasgate_ip import phones
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.models import PhoneVerification, rows

HOUR = timedelta(hours=1)
#: In ``PLASGATE_IP_TRUSTED_PROXIES``, as nginx says it: a proxy that comes through a Unix socket,
#: and so from no address.
UNIX = "unix:"


@dataclass(frozen=True)
class _Limit:
    most: int
    condition: Q
    # The row's own values that the condition is about, to tell one limit's rows from another's.
    field: str = ""


def check(verification: PhoneVerification) -> None:
    """Raise `TooManyStarts` if `verification`, which is stored already, is one too many.

    It is counted after it was stored, so that of any number of starts at once each sees those
    committed before it: no more than the limit come through, whatever the race. One query.
    """
    now = timezone.now()
    limits = list(_limits(verification))
    starts = _starts(verification, limits, now - HOUR)
    others = [start for start in starts if start["pk"] != verification.pk]
    waits = [*_own_waits(others, verification, limits), *_site_waits(starts)]
    if waits:
        raise TooManyStarts(max(waits) + HOUR - now)


def _starts(
    verification: PhoneVerification, limits: list[_Limit], since: datetime
) -> list[dict[str, Any]]:
    """Return the newest starts that the limits are about.

    Where the site has a limit, each tells as ``site`` when the start was made that must pass first.
    """
    site = conf.PLASGATE_IP_MAX_STARTS_PER_SITE
    if not limits and site is None:
        return []
    # Itself among them, so that always one tells of the site; and to leave it out here costs more.
    condition = Q(pk=verification.pk) if site is not None else Q()
    for limit in limits:
        condition |= limit.condition
    found = rows().filter(condition, created_at__gt=since)
    names = ["pk", "created_at", *(limit.field for limit in limits)]
    if site is not None:
        newest = rows().filter(created_at__gt=since).exclude(pk=verification.pk)
        nth = newest.order_by("-created_at").values("created_at")[site - 1 : site]
        found = found.annotate(site=Subquery(nth))
        names.append("site")
    enough = 1 + sum(limit.most for limit in limits)
    return list(found.order_by("-created_at").values(*names)[:enough])


def _own_waits(
    others: list[dict[str, Any]], verification: PhoneVerification, limits: list[_Limit]
) -> Iterator[datetime]:
    """Yield, for each limit that is reached, when the start that must pass first was made."""
    for limit in limits:
        mine = _plain(getattr(verification, limit.field))
        starts = [row["created_at"] for row in others if _plain(row[limit.field]) == mine]
        if len(starts) >= limit.most:
            yield starts[limit.most - 1]


def _plain(value: Any) -> Any:
    # Numbers compare as PHONENUMBER_DB_FORMAT has them, "NATIONAL" without their country.
    return phones.e164(value) if isinstance(value, phones.Number) else value


def _limits(verification: PhoneVerification) -> Iterator[_Limit]:
    for field, most in (
        ("phone_number", conf.PLASGATE_IP_MAX_STARTS_PER_NUMBER),
        ("user_id", conf.PLASGATE_IP_MAX_STARTS_PER_USER),
        ("address", conf.PLASGATE_IP_MAX_STARTS_PER_ADDRESS),
    ):
        value = getattr(verification, field)
        if most is not None and value:
            yield _Limit(most, Q(**{field: value}), field)


def _site_waits(starts: list[dict[str, Any]]) -> Iterator[datetime]:
    site = starts[0].get("site") if starts else None
    if site is not None:
        yield site


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
