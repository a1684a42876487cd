"""A property of the addresses that the limits count: no header of the visitor changes them."""

from typing import Any

from django.test import RequestFactory
from hypothesis import strategies as st

from django_plasgate_ip.verification import limits
from tests.hostile.conftest import Examples
from tests.hostile.strategies import HEADERS

CLIENT, NEIGHBOUR = "198.51.100.7", "198.51.100.8"
HOPS = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(["10.0.0.1", "2001:db8:5::1", "unknown", "_hidden", "", "::1", "fe80::1%eth0"]),
    st.sampled_from(["10.1.2.3:80", "[2001:db8::1]:80", "::ffff:10.0.0.1", "010.0.0.1", "1e1"]),
    HEADERS,
)


def seen_from(remote: str, **headers: Any) -> str:
    return limits.address_of(RequestFactory().get("/", REMOTE_ADDR=remote, **headers))


def test_a_visitors_own_header_does_not_change_its_address(
    examples: Examples, settings: Any
) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_ADDRESS = 5
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = 2
    assert seen_from(CLIENT) != seen_from(NEIGHBOUR)

    @examples(
        spoofed=st.lists(HOPS, max_size=5),
        client=st.sampled_from([CLIENT, "2001:db8:1::7"]),
    )
    def check(spoofed: list[str], client: str) -> None:
        # Each proxy appends the address of its client. What the visitor wrote comes first.
        behind = ",".join([*spoofed, client, "10.9.9.9"])

        assert seen_from("10.0.0.1", HTTP_X_FORWARDED_FOR=behind) == seen_from(client)
