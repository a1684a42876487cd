"""`PlasGate`: a fake provider inside the test's process."""

import re
import uuid
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from unittest import TestCase, mock
from urllib.parse import parse_qsl, urlencode, urlsplit

import responses
from django.conf import settings
from django.test import Client
from phonenumber_field.phonenumber import PhoneNumber
from requests import PreparedRequest
from urllib3.util import connection

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import Settings, conf
from django_plasgate_ip.sandbox import answers
from django_plasgate_ip.testing import outcomes, recorded_calls, walkthrough
from django_plasgate_ip.testing.outcomes import Outcome, Visit

# `responses` replaces this app's own calls only, so other fakes of HTTP work in the same test.
_TRANSPORT = "django_plasgate_ip.client.transport._Adapter.send"
# A test may change PLASGATE_IP_BASE_URL.
_ANY_URL = re.compile("")
# With dollar signs, as in a real secret.
_TEST_KEYS = {
    "PLASGATE_IP_PRIVATE_KEY": "test-private-key",
    "PLASGATE_IP_SECRET_KEY": "$5$rounds=535000$test$secret-key",  # nosec B105
}


class PlasGate:
    """A fake PlasGate for the tests of a site, from ``with`` to the end of the block.

    Only the network is replaced: urls, forms, limits, signals and rows are the site's own. By
    default, every number is verified. `verifies`, `fails` and `answers` change that for all
    visitors until the next such call. A site without keys gets test keys. Any other call of urllib3
    or requests that would leave the machine raises AssertionError, unless something fakes it.
    """

    def __init__(self) -> None:
        #: The calls of the exchange, oldest first. A visitor without a code causes none.
        self.calls: list[recorded_calls.Call] = []
        self._digits = ""
        self._outcome: Outcome = outcomes.verified("", {})
        self._visits: dict[str, Visit] = {}
        self._exit = ExitStack()

    def __enter__(self) -> "PlasGate":
        transport = responses.RequestsMock(target=_TRANSPORT, assert_all_requests_are_fired=False)
        transport.add_callback(responses.POST, _ANY_URL, callback=self._respond)
        for name, test_key in _TEST_KEYS.items():
            self._exit.enter_context(_default_key(name, test_key))
        self._exit.enter_context(_no_other_calls())
        self._exit.enter_context(transport)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._exit.close()

    def verifies(self, phone_number: str | PhoneNumber | None = None, **claims: Any) -> "PlasGate":
        """Find `phone_number` in the visitor's phone; if None, the number that the visitor typed.

        If the visitor types another number, the verification ends as ``not_verified``. The answer
        has the claims that the scopes promise. ``sub`` and ``mobile_id`` stay the same for a
        number. `claims` replaces or adds some, in the wire's form; None leaves one out. Raises
        `InvalidPhoneNumber`, and TypeError for a claim that JSON can't hold.
        """
        digits = phones.digits(phones.parse(phone_number)) if phone_number else ""
        return self._set(outcomes.verified(digits, claims), digits)

    def fails(self, reason: str) -> "PlasGate":
        """Make every verification end with `reason`, a `Reason` or its text.

        Raises ValueError for a reason that PlasGate can't cause.
        """
        return self._set(outcomes.failed(reason))

    def answers(self, body: outcomes.Body = "", *, status: int = 200) -> "PlasGate":
        """Answer the exchange with exactly this.

        `body` is text, bytes, or a value to send as JSON; an exception of requests' is raised
        instead. `status` is HTTP's. Raises TypeError for a `body` that JSON can't hold.
        """
        return self._set(outcomes.answered(body, status))

    def callback_url(self, authorize_url: str) -> str:
        """Return the callback that PlasGate redirects a browser with this `authorize_url` to.

        It is a path with a query, for ``client.get()``. Use it for a form, a view or a JSON client
        of the site's own. Raises ValueError for a URL that is not `authenticate`'s, and for a
        reason that its scopes can't end with.
        """
        url = urlsplit(authorize_url)
        query = dict(parse_qsl(url.query))
        if not url.path.endswith("/authenticate") or not {"redirect_uri", "scope"} <= set(query):
            raise ValueError(f"This URL is not one that the app sends a browser to: {url.path!r}.")
        redirect_uri = urlsplit(query["redirect_uri"])
        back = dict(parse_qsl(redirect_uri.query))
        is_denied = self._outcome is outcomes.denied
        back |= answers.DENIED if is_denied else self._issue_code(query)
        # The server in front of Django passes the path on without the script name.
        path = redirect_uri.path.removeprefix((settings.FORCE_SCRIPT_NAME or "").rstrip("/"))
        return f"{path}?{urlencode(back)}"

    def verify(
        self, client: Client, phone_number: str | PhoneNumber | None = None, *, next: str = ""
    ) -> walkthrough.Result:
        """Walk `client` from the start page to PlasGate and through the callback.

        `client` is Django's test client, CSRF-enforcing or not; signed in, unless the site has
        ``PLASGATE_IP_LOGIN_REQUIRED`` False. `phone_number` is typed into the form as it is; by
        default it is the number given to `verifies`. `next`: as in the start page's query. Raises
        AssertionError, with what to do, if the site does not let the client through.
        """
        return walkthrough.walk(client, self._typed(phone_number), next, self.callback_url)

    def verify_for_app(
        self, client: Client, phone_number: str | PhoneNumber | None = None
    ) -> walkthrough.Result:
        """Do what `verify` does, as an app without cookies.

        It posts to the endpoints of ``django_plasgate_ip.contrib.rest``, which the site includes.
        `client` is Django's test client or the one of Django REST framework. It sends the token
        itself: ``Client(headers={"Authorization": "Token …"})``.
        """
        return walkthrough.walk_for_app(client, self._typed(phone_number), self.callback_url)

    def _typed(self, phone_number: str | PhoneNumber | None) -> str:
        return str(phone_number or f"+{self._digits or answers.DIGITS}")

    def _set(self, outcome: Outcome, digits: str = "") -> "PlasGate":
        self._outcome, self._digits = outcome, digits
        return self

    def _issue_code(self, query: dict[str, str]) -> dict[str, str]:
        code = answers.new_code()
        numbers = (query.get(name, "") for name in conf.PLASGATE_IP_PHONE_PARAMETERS)
        visit = Visit(tuple(query["scope"].split()), next(filter(None, numbers), ""))
        if self._outcome is outcomes.about_another_number and not visit.phone_number:
            raise ValueError(
                "number_mismatch needs a number: PLASGATE_IP_SCOPES must have phone_verify or "
                "profile."
            )
        self._visits[code] = visit
        return answers.callback(
            code,
            str(uuid.uuid4()),
            private_key=query["private_key"],
            redirect_uri=query["redirect_uri"],
        )

    def _respond(self, request: PreparedRequest) -> Any:
        call = recorded_calls.read(request)
        self.calls.append(call)
        # A code that the test invented belongs to no start.
        unknown = Visit(scope_sets.normalise(conf.PLASGATE_IP_SCOPES))
        reply = self._outcome(self._visits.get(call.code, unknown))
        if isinstance(reply, Exception):
            return reply  # `responses` raises it
        return reply.status, {"Content-Type": reply.content_type}, reply.content


class PlasGateMixin(TestCase):
    """Starts a `PlasGate`, as ``self.plasgate_ip``, in each test of a case; put it first.

    From Python 3.11 on, ``self.enterContext(PlasGate())`` does the same.
    """

    plasgate_ip: PlasGate

    def setUp(self) -> None:
        """Start the fake; a site's own ``setUp`` calls ``super().setUp()``."""
        super().setUp()
        self.plasgate_ip = PlasGate()
        self.plasgate_ip.__enter__()
        self.addCleanup(self.plasgate_ip.__exit__)


def _default_key(name: str, test_key: str) -> AbstractContextManager[Any]:
    """Return a context in which the setting `name` is `test_key` wherever the site has no key.

    ``override_settings`` would have to end before any other change of the settings. pytest does
    not promise that for two fixtures of one test.
    """
    configured: Any = vars(Settings)[name]
    either = property(lambda conf: configured.__get__(conf, Settings) or test_key)
    return mock.patch.object(Settings, name, either)


def _no_other_calls() -> AbstractContextManager[Any]:
    """Return a context in which a connection that leaves the machine raises AssertionError.

    Fakes of HTTP, such as responses, vcrpy and pook, answer before a connection is made, so they
    work as before. So does a server that the test has started on this machine.
    """
    connect = connection.create_connection

    def guarded(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        host, port = address
        if host == "localhost" or host.startswith("127.") or host.strip("[]") == "::1":
            return connect(address, *args, **kwargs)
        raise AssertionError(
            f"{host}:{port}: the fake PlasGate lets no call leave the machine. Fake this one too "
            "(with responses.activate, for example)."
        )

    return mock.patch.object(connection, "create_connection", guarded)
