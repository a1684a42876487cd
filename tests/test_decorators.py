"""Views for verified visitors: where the other visitors are redirected."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from django_plasgate_ip.decorators import PhoneVerifiedRequiredMixin, phone_verified_required
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import make_verification
from django_plasgate_ip.verification.browser_session import SESSION_KEY
from tests import urls

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
ADDRESS = "/wallet/?a=1&b=%2F"


def wallet(request: HttpRequest, owner: str = "") -> HttpResponse:
    """Show the wallet."""
    return HttpResponse(f"wallet {owner} {request.method}")


async def async_wallet(request: HttpRequest, owner: str = "") -> HttpResponse:
    return wallet(request, owner)


class PlainWallet(View):
    def get(self, request: HttpRequest, owner: str = "") -> HttpResponse:
        return wallet(request, owner)

    post = get


class AsyncPlainWallet(View):
    async def get(self, request: HttpRequest, owner: str = "") -> HttpResponse:
        return wallet(request, owner)

    post = get


class Wallet(PhoneVerifiedRequiredMixin, PlainWallet):
    pass


class AccountsWallet(LoginRequiredMixin, Wallet):
    pass


class AsyncWallet(PhoneVerifiedRequiredMixin, AsyncPlainWallet):
    pass


def decorated(view: type[View], method: str, *more: Any) -> Any:
    subclass: Any = type("Decorated", (view,), {})
    return method_decorator([phone_verified_required, *more], method)(subclass).as_view()


#: Each way to guard a view.
VIEWS = {
    "bare": phone_verified_required(wallet),
    "with brackets": phone_verified_required()(wallet),
    "async": phone_verified_required(async_wallet),
    "class": Wallet.as_view(),
    "async class": AsyncWallet.as_view(),
    "dispatch": decorated(PlainWallet, "dispatch"),
    "async dispatch": decorated(AsyncPlainWallet, "dispatch", csrf_exempt),
    "class after a login mixin": AccountsWallet.as_view(),
}
GET = {
    "method": decorated(PlainWallet, "get"),
    "async method": decorated(AsyncPlainWallet, "get"),
    "async as_view": phone_verified_required(AsyncPlainWallet.as_view()),
}
FRESH = (phone_verified_required(HOUR)(wallet), Wallet.as_view(phone_verified_max_age=HOUR))
UNCHANGED = {
    "url name": phone_verified_required(changed_url="confirm")(wallet),
    "path": phone_verified_required(HOUR, changed_url="/confirm/")(wallet),
    "class": Wallet.as_view(phone_verified_changed_url="confirm"),
    "async": phone_verified_required(changed_url="confirm")(async_wallet),
}


class Site:
    urlpatterns = [
        path("confirm/", wallet, name="confirm"),
        *(path(f"{name}/", view) for name, view in (VIEWS | GET).items()),
        *urls.urlpatterns,
    ]


@pytest.fixture(autouse=True)
def guarded_site(settings: Any) -> None:
    settings.ROOT_URLCONF = Site


def opened(
    view: Any, user: User | None, session_id: str = "", method: str = "GET", accept: str = ""
) -> Any:
    """Return the view's response to `user`, or to an anonymous session."""
    request = RequestFactory().generic(method, ADDRESS, headers={"Accept": accept})
    request.user = user or AnonymousUser()
    request.session = SessionStore()
    request.session[SESSION_KEY] = session_id
    # Django's handler decides likewise.
    call = async_to_sync(view) if iscoroutinefunction(view) else view
    return call(request, owner="teak")


def is_sent_to(response: Any, where: str) -> bool:
    """Whether it is a redirect to that path with this page as its next, and to the start's form."""
    url = urlsplit(response.get("Location", ""))
    query = parse_qs(url.query)
    form = {"again": ["1"]} if where == "/phone/" else {}
    return (response.status_code, url.path, query) == (302, where, {"next": [ADDRESS], **form})


@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
def test_only_a_verified_user_is_let_in_and_the_others_are_sent_to_start(user, other_user, view):
    make_verification(user, "failed")
    make_verification(other_user)
    make_verification(user, scopes=["mobile_id"])  # a device, and no number
    for method in ("GET", "POST"):
        assert is_sent_to(opened(view, user, method=method), "/phone/")
    assert is_sent_to(opened(view, None), "/accounts/login/")

    make_verification(user)
    for method in ("GET", "POST"):
        assert opened(view, user, method=method).content == f"wallet teak {method}".encode()


@pytest.mark.parametrize("name", VIEWS | GET)
def test_each_kind_of_view_is_served_under_wsgi_and_asgi(user, other_user, name):
    make_verification(user)
    for who, status in ((other_user, 302), (user, 200)):
        wsgi, asgi = Client(), AsyncClient()
        wsgi.force_login(who)
        asgi.cookies = wsgi.cookies
        assert wsgi.get(f"/{name}/").status_code == status
        assert async_to_sync(asgi.get)(f"/{name}/").status_code == status


@pytest.mark.parametrize("name", UNCHANGED)
def test_a_script_gets_a_status_a_code_and_the_page_that_it_needs(user, name):
    def answer(user: User | None) -> Any:
        response = opened(UNCHANGED[name], user, accept="application/json, text/plain, */*")
        # A browser's redirect also depends on the header.
        assert response["Vary"] == opened(UNCHANGED[name], user)["Vary"] == "Accept"
        body = json.loads(response.content)
        (error,) = body.pop("errors")["__all__"]
        return response.status_code, error["code"], bool(error["message"]), body

    assert answer(None) == (401, "login_required", True, {})
    start = {"start_url": "/phone/?again=1"}
    assert answer(user) == (403, "phone_verification_required", True, start)
    make_verification(user, number_changed=True)
    assert answer(user) == (403, "phone_change_unacknowledged", True, {"changed_url": "/confirm/"})


def test_a_page_on_another_host_gets_an_absolute_next(user):
    elsewhere = "https://sso.example/me/"
    make_verification(user, number_changed=True)

    response = opened(phone_verified_required(changed_url=elsewhere)(wallet), user)

    page, _, query = response["Location"].partition("?")
    assert (page, parse_qs(query)) == (elsewhere, {"next": [f"http://testserver{ADDRESS}"]})


def test_where_anonymous_visitors_may_start_their_session_is_verified(settings):
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    row = make_verification(mobile_id_changed=True)

    # Nobody can acknowledge the change of an anonymous visitor.
    for view in (VIEWS["bare"], UNCHANGED["path"]):
        assert opened(view, None, row.session_id).status_code == 200
        assert is_sent_to(opened(view, None, "another"), "/phone/")
    assert is_sent_to(opened(VIEWS["class after a login mixin"], None), "/accounts/login/")


def test_a_view_may_require_a_recent_verification(user):
    for minutes, is_recent in ((61, False), (59, True)):
        make_verification(user, age=timedelta(minutes=minutes))
        assert opened(VIEWS["bare"], user).status_code == 200
        for view in FRESH:
            assert is_sent_to(opened(view, user), "/phone/") is not is_recent


@pytest.mark.parametrize("view", UNCHANGED.values(), ids=list(UNCHANGED))
def test_a_user_with_a_change_confirms_it_first(user, view):
    assert is_sent_to(opened(view, user), "/phone/")

    make_verification(user)
    assert opened(view, user).status_code == 200

    make_verification(user, number_changed=True)
    make_verification(user)  # the same again, which confirms nothing
    assert is_sent_to(opened(view, user), "/confirm/")
    assert opened(VIEWS["bare"], user).status_code == 200  # a view that does not care

    PhoneVerification.objects.for_user(user).acknowledge_changes()
    assert opened(view, user).status_code == 200


def test_scopes_that_give_no_number_are_an_error_of_the_site(user, settings):
    """Each visitor would verify, and be sent to the start page again."""
    settings.PLASGATE_IP_SCOPES = ["openid", "mobile_id"]
    make_verification(user)

    with pytest.raises(ImproperlyConfigured, match="phone_verified_required needs a phone number"):
        opened(VIEWS["bare"], user)


def test_a_decorated_view_keeps_its_name_docstring_and_kind():
    for view in (wallet, async_wallet):
        guarded = phone_verified_required(max_age=HOUR)(view)
        assert (guarded.__name__, guarded.__doc__) == (view.__name__, view.__doc__)
        assert iscoroutinefunction(guarded) is iscoroutinefunction(view)
