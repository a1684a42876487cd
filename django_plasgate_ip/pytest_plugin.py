"""pytest's fixture ``plasgate_ip``, registered by the entry point ``pytest11``.

Every pytest run of an environment that has this package loads this module, those without Django
included: nothing of the app, and not Django, is imported before a test asks for the fixture.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django_plasgate_ip.testing import PlasGate


@pytest.fixture
def plasgate_ip() -> "Iterator[PlasGate]":
    """Play PlasGate: ``plasgate_ip.verifies("+85577696118")``, ``.fails("not_on_mobile_data")``.

    No call leaves the process. See `django_plasgate_ip.testing.PlasGate`.
    """
    from django_plasgate_ip.testing import PlasGate

    with PlasGate() as playing:
        yield playing
