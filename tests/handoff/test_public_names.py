"""The import path that a site's own page with a QR code uses."""

from django_plasgate_ip.handoff.invitation import invite


def test_a_sites_own_page_can_invite() -> None:
    assert callable(invite)
