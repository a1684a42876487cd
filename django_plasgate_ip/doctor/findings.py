"""What the doctor reports: one `Finding` for each thing that it examines."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad a finding is. ``--json`` prints the values, so they are an interface."""

    OK = "ok"
    #: It may be right. A person has to decide.
    WARNING = "warning"
    #: No visitor can be verified until this is fixed.
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """The result of one examination. It holds no secret, so it may be printed and shared."""

    level: Level
    #: The section: ``Settings``, ``Checks``, ``Site`` or ``Network``.
    about: str
    #: What the doctor found.
    what: str
    #: What to do about it. Empty if there is nothing to do.
    do: str = ""


def problems_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return the errors, then the warnings, then the rest, each in their order."""
    return sorted(findings, key=lambda finding: -list(Level).index(finding.level))
