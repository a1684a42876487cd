"""The log of security events."""

import logging
from uuid import UUID

from django_plasgate_ip.security_events import SecurityEvent, record
from tests.docs.pages import table

PK = UUID("b7d0f9f4-0d6e-4a35-8a3c-0b54ab0c7a5e")


def test_an_event_is_one_line_with_ids_whatever_they_contain(caplog):
    record(SecurityEvent.WRONG_TAP, verification=PK, user=None)
    record(SecurityEvent.START_REFUSED, user="7\nwrong_tap user=8")

    assert caplog.record_tuples == [
        ("django_plasgate_ip.security", logging.WARNING, f"wrong_tap verification={PK} user=-"),
        ("django_plasgate_ip.security", logging.WARNING, r"start_refused user=7\nwrong_tap user=8"),
    ]


def test_the_documented_events_and_levels_are_those_of_the_code(caplog):
    caplog.set_level(logging.INFO, "django_plasgate_ip.security")
    for event in SecurityEvent:
        record(event)

    assert table("The security log") == {each.message: each.levelname for each in caplog.records}
