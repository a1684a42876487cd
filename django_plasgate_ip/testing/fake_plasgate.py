"""`PlasGate`: the provider, played inside the process."""

import re
import uuid
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import responses
from django.conf import settings
from django.test import Client
from phonenumber_field.phonenumber import PhoneNumber
from requests import PreparedRequest

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf
from django_plasgate_ip.testing import answers, isolation, outcomes, recorded_calls, walkthrough
from django_plasgate_ip.testing.outcomes import Play, Visit

# Where `responses` steps in: this app's own calls, whoever else fakes HTTP in the same test.
_TRANSPORT = "django_plasgate_ip.client.transport._Adapter.send"
# Whatever PLASGATE_IP_BASE_URL says in the middle of a test.
_ANY_URL = re.compile("")


class PlasGate:
    """Plays PlasGate for the tests of a site, from ``with`` to the end of the block.

    Everything of the app runs but the network: urls, forms, limits, signals and rows are the
    site's own. Until told otherwise, every number that is asked for is verified; what was told
    last holds for every visitor from then on. Where the site has no keys, test keys are used. A
    call to anywhere else that nobody else fakes raises AssertionError.
    """

    def __init__(self) -> None:
        #: The calls of the exchange, oldest first; a visitor who brings no code back makes none.
        self.calls: list[recorded_calls.Call] = []
        self._digits = ""
        self._play = outcomes.verifying("", {})
        self._visits: dict[str, Visit] = {}
        self._exit = ExitStack()

    def __enter__(self) -> "PlasGate":
        with ExitStack() as stack:
            stack.enter_context(isolation.keys())
            stack.enter_context(isolation.no_other_calls())
            transport = responses.RequestsMock(
                target=_TRANSPORT, assert_all_requests_are_fired=False
            )
            transport.add_callback(responses.POST, _ANY_URL, callback=self._respond)
            stack.enter_context(transport)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._exit.close()

    def verifies(self, phone_number: str | PhoneNumber | None = None, **claims: Any) -> "PlasGate":
        """Find `phone_number` in the visitor's phone, or if None whichever is asked for.

        Where the site asks about another one, PlasGate says no, and the attempt ends as
        ``not_verified``. The answer has the claims that the scopes promise; ``sub`` and
        ``mobile_id`` stay the same for a number. `claims` replaces them or adds some, as they are
        on the wire; None leaves one out. Raises `InvalidPhoneNumber`, and TypeError for a claim
        that JSON can't hold.
        """
        digits = phones.digits(phones.parse(phone_number)) if phone_number else ""
        return self._tell(outcomes.verifying(digits, claims), digits)

    def fails(self, reason: str) -> "PlasGate":
        """Make every attempt end with `reason`, a `Reason` or its text.

        Raises ValueError for a reason that PlasGate can't cause.
        """
        return self._tell(outcomes.failing(reason))

    def answers(self, body: outcomes.Body = "", *, status: int = 200) -> "PlasGate":
        """Answer the exchange with just this.

        `body` is a text, bytes, or what becomes JSON; an exception of requests' is raised instead.
        `status` is HTTP's. Raises TypeError for a `body` that JSON can't hold.
        """
        return self._tell(outcomes.answering(body, status))

    def callback_url(self, authorize_url: str) -> str:
        """Return where PlasGate sends a browser back to that came with `authorize_url`.

        It is a path with a query, for ``client.get()``: the way for a form, a view or a JSON
        client of the site's own. Raises ValueError for a URL that is not `authenticate`'s, and
        for a reason that its scopes can't end with.
        """
        url = urlsplit(authorize_url)
        query = dict(parse_qsl(url.query))
        if not url.path.endswith("/authenticate") or not {"redirect_uri", "scope"} <= set(query):
            raise ValueError(f"This URL is not one that the app sends a browser to: {url.path!r}.")
        visit = _visit(query)
        if self._play.needs_number and not visit.phone_number:
            raise ValueError(
                "number_mismatch needs a number, and PLASGATE_IP_SCOPES asks for none: only "
                "phone_verify and profile do."
            )
        back = urlsplit(query["redirect_uri"])
        ours = dict(parse_qsl(back.query))
        theirs = self._denial() if self._play.denies else self._code(visit, query)
        return f"{_path(back.path)}?{urlencode(ours | theirs)}"

    def verify(
        self, client: Client, phone_number: str | PhoneNumber | None = None, *, next: str = ""
    ) -> walkthrough.Result:
        """Walk `client` from the start page to PlasGate and through the callback.

        `client` is Django's test client, CSRF-enforcing or not; signed in, unless the site has
        ``PLASGATE_IP_LOGIN_REQUIRED`` False. `phone_number` is typed into the form as it is; by
        default the one that PlasGate was told to verify. `next`: as in the start page's query.
        Raises AssertionError, with what to do, where the site does not let the client through.
        """
        typed = str(phone_number or f"+{self._digits or answers.DIGITS}")
        authorize_url = walkthrough.start(client, typed, next)
        verification = walkthrough.newest(client)
        return walkthrough.finish(client, self.callback_url(authorize_url), verification)

    def _tell(self, play: Play, digits: str = "") -> "PlasGate":
        self._play, self._digits = play, digits
        return self

    def _code(self, visit: Visit, query: dict[str, str]) -> dict[str, str]:
        """Return what the API page ("Example Response") puts into the callback."""
        session_state = str(uuid.uuid4())
        code = f"{uuid.uuid4()}.{session_state}.{uuid.uuid4()}"
        self._visits[code] = visit
        return {
            "code": code,
            "private_key": query["private_key"],
            "redirect_uri": query["redirect_uri"],
            "session_state": session_state,
            "state": str(uuid.uuid4()),
        }

    def _denial(self) -> dict[str, str]:
        return {"error": "access_denied", "state": str(uuid.uuid4())}

    def _respond(self, request: PreparedRequest) -> Any:
        call = recorded_calls.read(request)
        self.calls.append(call)
        # A test may make codes up; what was asked for is then not known.
        unknown = Visit(scope_sets.normalise(conf.PLASGATE_IP_SCOPES))
        reply = self._play.reply(self._visits.get(call.code, unknown))
        return reply.status, {}, reply.body


def _visit(query: dict[str, str]) -> Visit:
    numbers = (query.get(name, "") for name in conf.PLASGATE_IP_PHONE_PARAMETERS)
    return Visit(tuple(query["scope"].split()), next(filter(None, numbers), ""))


def _path(path: str) -> str:
    """Return what the server in front of Django leaves of a path."""
    return path.removeprefix((settings.FORCE_SCRIPT_NAME or "").rstrip("/"))
