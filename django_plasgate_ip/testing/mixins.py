"""For unittest, on every Python: from 3.11 on, ``self.enterContext(PlasGate())`` does the same."""

from typing import TYPE_CHECKING

from django_plasgate_ip.testing.fake_plasgate import PlasGate

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object


class PlasGateMixin(_TestCase):
    """Plays PlasGate, as ``self.plasgate_ip``, in each test of a case; put it first."""

    plasgate_ip: PlasGate

    def setUp(self) -> None:
        """Begin to play; a site's own ``setUp`` calls ``super().setUp()``."""
        super().setUp()
        self.plasgate_ip = PlasGate()
        self.plasgate_ip.__enter__()
        self.addCleanup(self.plasgate_ip.__exit__)
