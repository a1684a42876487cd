"""What the doctor reports: one `Finding` for each thing that it looked at."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad a finding is. ``--json`` prints the values, so they are an interface."""

    OK = "ok"
    #: It may be right. Only a person can decide that.
    WARNING = "warning"
    #: No visitor can be verified until this is fixed.
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing that the doctor looked at. It holds no secret, so it may be printed and shared."""

    level: Level
    #: The section: ``Settings``, ``Checks``, ``Site`` or ``Network``.
    about: str
    what: str
    #: What to do about it, or empty.
    do: str = ""
