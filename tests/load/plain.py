"""The references: what a developer writes by hand, in an hour, with the API page open."""

import json
import secrets
from typing import Any
from urllib.parse import urlencode

import requests
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from tests.load.models import PlainAttempt

# Of the project's own settings the type checker knows nothing.
site: Any = settings
_fernet = Fernet(site.PLASGATE_IP_ENCRYPTION_KEYS[0])
_session = requests.Session()
REDIRECT_URI = "https://bench.example/phone/callback/"


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """One INSERT, one write to the session, and away."""
    number = request.POST["phone_number"]
    browser = secrets.token_hex(16)
    attempt = PlainAttempt._default_manager.create(
        user_id=request.user.pk,
        phone_number=number,
        browser=browser,
        callback_browser=browser,
        redirect_uri=REDIRECT_URI,
        language="en",
    )
    request.session["attempt"] = str(attempt.pk)
    query = {
        "private_key": site.PLASGATE_IP_PRIVATE_KEY,
        "redirect_uri": REDIRECT_URI,
        "scope": attempt.scopes,
        "phone_number": number.removeprefix("+"),
    }
    return HttpResponseRedirect(f"{site.PLASGATE_IP_BASE_URL}authenticate?{urlencode(query)}")


def callback_post(request: HttpRequest) -> HttpResponse:
    """Call the provider with `requests.post`: a new connection each time."""
    return _callback(request, requests.post)


def callback_session(request: HttpRequest) -> HttpResponse:
    """Call the provider through one `requests.Session`, which keeps its connections."""
    return _callback(request, _session.post)


@login_required
def _callback(request: HttpRequest, post: Any) -> HttpResponse:
    attempt = PlainAttempt._default_manager.get(
        pk=request.session["attempt"], user_id=request.user.pk
    )
    attempt.status, attempt.exchanging_at = "exchanging", timezone.now()
    attempt.save(update_fields=["status", "exchanging_at"])
    response = post(
        f"{site.PLASGATE_IP_BASE_URL}ip-auth",
        params={"private_key": site.PLASGATE_IP_PRIVATE_KEY},
        headers={"X-Secret": site.PLASGATE_IP_SECRET_KEY},
        json={
            "response_type": "code",
            "state": request.GET["state"],
            "redirect_uri": attempt.redirect_uri,
            "code": request.GET["code"],
        },
        timeout=10,
        verify=site.PLASGATE_IP_CA_BUNDLE,
    )
    _keep(attempt, response.json())
    return HttpResponseRedirect("/")


def _keep(attempt: PlainAttempt, claims: dict[str, Any]) -> None:
    if claims["login_hint"] != attempt.phone_number.removeprefix("+"):
        raise ValueError
    attempt.status = "verified"
    attempt.sub, attempt.mobile_id = claims["sub"], claims["mobile_id"]
    attempt.claims = _fernet.encrypt(json.dumps(claims).encode()).decode()
    attempt.completed_at = timezone.now()
    attempt.save(update_fields=["status", "sub", "mobile_id", "claims", "completed_at"])
