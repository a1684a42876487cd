"""The whole examination, from what costs nothing to what asks PlasGate."""

from collections.abc import Iterator

from django_plasgate_ip.checks import settings
from django_plasgate_ip.doctor import configuration, network, project, trial_call
from django_plasgate_ip.doctor.findings import Finding, Level

# Settings without which no call can be tried; a check has told what is wrong with them.
_WAY = frozenset(f"django_plasgate_ip.{number}" for number in ("E003", "E013", "E019", "E020"))
_CALL = _WAY | {f"django_plasgate_ip.{number}" for number in ("E001", "E002", "E018")}


def examine(*, offline: bool = False) -> Iterator[Finding]:
    """Yield one finding after another, as soon as each is known.

    `offline` leaves out what needs the network (the site's own database and cache don't count).
    Raises nothing for whatever the network, the provider or a setting of ours is like.
    """
    wrong = frozenset(str(message.id) for message in settings.check_settings())
    yield from configuration.examine()
    yield from project.examine(wrong)
    if not offline:
        yield from _wire(wrong)


def _wire(wrong: frozenset[str]) -> Iterator[Finding]:
    if not wrong & _WAY:
        yield from network.examine()
    if wrong & _CALL:
        what = "The exchange endpoint is not asked: settings that it needs are wrong."
        yield Finding(Level.BROKEN, "Network", what, "Mend what the checks above complain of.")
    else:
        yield trial_call.examine()
