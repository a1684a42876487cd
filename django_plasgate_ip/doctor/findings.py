"""What the doctor says: one frozen finding for each thing that was looked at."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How a thing stands. Values are an interface: ``--json`` prints them."""

    FINE = "fine"
    #: It may be right, and only a person can tell.
    LOOK = "look here"
    #: No visitor can be verified like this.
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. It holds no secret: it may be printed and passed on."""

    level: Level
    #: The section: ``Settings``, ``Checks``, ``Site`` or ``Network``.
    about: str
    what: str
    #: What to do about it, or empty.
    do: str = ""
