"""Which kind of device requests a page."""

from enum import Enum

from django.http import HttpRequest

# Browsers of computers name one of these systems. Tablets with Android do not.
_SYSTEMS_OF_COMPUTERS = ("Windows NT", "Macintosh", "X11")


class Device(Enum):
    """The kind of a device."""

    PHONE = "phone"
    #: Also a phone that requests desktop pages, and an iPad: the style sheet finds out.
    COMPUTER = "computer"
    UNKNOWN = "unknown"


def device_of(request: HttpRequest) -> Device:
    """Return the device, by its browser's ``Sec-CH-UA-Mobile`` and ``User-Agent``.

    Only Chromium sends the first, and only over HTTPS. Phones have "Mobi" in the second.
    """
    hint = request.headers.get("Sec-CH-UA-Mobile", "")
    agent = request.headers.get("User-Agent", "")
    if hint == "?1" or "Mobi" in agent:
        return Device.PHONE
    if hint == "?0" or any(system in agent for system in _SYSTEMS_OF_COMPUTERS):
        return Device.COMPUTER
    return Device.UNKNOWN
