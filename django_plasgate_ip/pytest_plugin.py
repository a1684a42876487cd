"""pytest's fixture ``plasgate_ip``, registered by the entry point ``pytest11``.

Every pytest run in an environment with this package loads this module, even a run without Django.
It imports neither the app nor Django before a test uses the fixture.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django_plasgate_ip.testing import PlasGate


@pytest.fixture
def plasgate_ip() -> "Iterator[PlasGate]":
    """Fake PlasGate: ``plasgate_ip.verifies("+85577696118")``, ``.fails("not_on_mobile_data")``.

    No call leaves the process. See `django_plasgate_ip.testing.PlasGate`.
    """
    from django_plasgate_ip.testing import PlasGate

    with PlasGate() as plasgate:
        yield plasgate
