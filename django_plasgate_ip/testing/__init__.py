"""For the tests of a site: a fake PlasGate, and verifications in any state.

Needs the extra ``testing``. pytest finds the fixture ``plasgate_ip`` by itself. Import everything
else from here. The documentation has examples on its page "Testing your site".
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
