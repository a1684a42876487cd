"""For the tests of a site: a fake PlasGate, and verifications in any state.

Needs the extra ``testing``. With pytest, the fixture ``plasgate_ip`` is there by itself; everything
else is imported from here. README, "Testing your own site", has whole examples.
"""

try:
    import responses  # noqa: F401
except ModuleNotFoundError:
    raise ImportError(
        "django_plasgate_ip.testing needs responses: "
        "python -m pip install 'django-plasgate-ip[testing]'"
    ) from None

from django_plasgate_ip.testing.factory import make_verification
from django_plasgate_ip.testing.fake_plasgate import PlasGate, PlasGateMixin
from django_plasgate_ip.testing.recorded_calls import Call
from django_plasgate_ip.testing.walkthrough import Result

__all__ = ["Call", "PlasGate", "PlasGateMixin", "Result", "make_verification"]
