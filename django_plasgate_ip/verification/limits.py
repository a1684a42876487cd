"""Limit how many verifications may start in an hour.

Every start may cost balance, and PlasGate contacts the operator of the number. The limits count
rows, so all machines see all starts and no other store is needed.
"""

import ipaddress
import re
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import NETWORK
from django_plasgate_ip.security_events import SecurityEvent, record

HOUR = timedelta(hours=1)


def check(verification: PhoneVerification) -> None:
    """Raise `TooManyStarts` if `verification`, which must be stored already, exceeds a limit.

    Each start is stored before it is counted. It sees all starts that were committed before its
    own, so starts at the same moment can't exceed the limit. Each limit takes one query.
    """
    now = timezone.now()
    # What the site confirmed by its own means was no start, and cost no balance.
    rows = PhoneVerification.objects.on_primary().filter(method=NETWORK, created_at__gt=now - HOUR)
    newest_first = rows.order_by("-created_at").values_list("created_at", flat=True)
    # For each limit, when the newest start above it was made; None within the limit.
    exceeded = {
        name: newest_first.filter(same)[most : most + 1].first()
        for name, same, most in _limits(verification)
    }
    waits = {name: made_at + HOUR - now for name, made_at in exceeded.items() if made_at}
    if "number" in waits and _is_of_owner(verification):
        del waits["number"]
    if waits:
        limits = ",".join(waits)
        record(SecurityEvent.START_REFUSED, user=verification.user_id, limits=limits)
        raise TooManyStarts(max(waits.values()))


def _limits(row: PhoneVerification) -> Iterator[tuple[str, Q, int]]:
    """Yield the name of each limit that is set, which rows count, and how many may start."""
    if row.phone_number and (most := conf.PLASGATE_IP_MAX_STARTS_PER_NUMBER) is not None:
        yield "number", Q(phone_number=row.phone_number), most
    if row.user_id and (most := conf.PLASGATE_IP_MAX_STARTS_PER_USER) is not None:
        yield "user", Q(user_id=row.user_id), most
    if row.address and (most := conf.PLASGATE_IP_MAX_STARTS_PER_ADDRESS) is not None:
        yield "address", Q(address=row.address), most
    if (most := conf.PLASGATE_IP_MAX_STARTS_PER_SITE) is not None:
        yield "site", Q(), most


def _is_of_owner(row: PhoneVerification) -> bool:
    """Whether the account that starts holds the number already.

    SECURITY: otherwise ten starts of a stranger would lock out the owner of a number.
    """
    if row.user_id is None:
        return False
    trusted = PhoneVerification.objects.on_primary().trusted()
    return trusted.filter(user_id=row.user_id, phone_number=row.phone_number).exists()


def address_of(request: HttpRequest) -> str:
    """Return a keyed hash of the visitor's address; empty if starts per address have no limit.

    An IPv6 address counts as its /64, because one subscriber has 2^64 addresses. The address itself
    is not stored. All visitors with an unknown address count together, so that a forged address
    can't avoid the limit.
    """
    if conf.PLASGATE_IP_MAX_STARTS_PER_ADDRESS is None:
        return ""
    address = _network(_client_address(request))
    return salted_hmac("django_plasgate_ip.address", address, algorithm="sha256").hexdigest()[:32]


def _client_address(request: HttpRequest) -> str:
    # SECURITY: anybody can send X-Forwarded-For. Each proxy of the site appends one entry, so a
    # visitor can't forge the entry of the outermost proxy.
    header: str = request.META.get("HTTP_X_FORWARDED_FOR", "")
    hops = header.split(",") if header else []
    count = conf.PLASGATE_IP_TRUSTED_PROXY_COUNT
    if 0 < count <= len(hops):
        return hops[-count].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def _network(text: str) -> str:
    """Return an IPv4 address, or the /64 of an IPv6 address; empty for any other text."""
    # Some proxies add a port.
    with_port = re.fullmatch(r"\[(.+)\](?::\d+)?|([\d.]+):\d+", text)
    try:
        address = ipaddress.ip_address((with_port[1] or with_port[2]) if with_port else text)
    except ValueError:
        return ""
    # A socket for both families reports 192.0.2.1 as ::ffff:192.0.2.1. All IPv4 addresses are in
    # that one /64.
    address = getattr(address, "ipv4_mapped", None) or address
    bits = 64 if address.version == 6 else 32
    return str(ipaddress.ip_network((address, bits), strict=False))
