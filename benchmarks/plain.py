"""The references: views as a developer writes them from the API page."""

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
from requests.adapters import HTTPAdapter

from benchmarks.models import PlainVerification

# The type checker does not know the settings of this project.
site: Any = settings
_fernet = Fernet(site.PLASGATE_IP_ENCRYPTION_KEYS[0])
_session = requests.Session()
# The default of ten is too small for 16 threads: the others would open new connections each time.
_session.mount("https://", HTTPAdapter(pool_maxsize=16))
REDIRECT_URI = "https://bench.example/phone/callback/"


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """Insert a row, write to the session and redirect."""
    number = request.POST["phone_number"]
    session_id = secrets.token_hex(16)
    verification = PlainVerification._default_manager.create(
        user_id=request.user.pk,
        phone_number=number,
        session_id=session_id,
        callback_session_id=session_id,
        redirect_uri=REDIRECT_URI,
        language="en",
    )
    request.session["verification"] = str(verification.pk)
    query = {
        "private_key": site.PLASGATE_IP_PRIVATE_KEY,
        "redirect_uri": REDIRECT_URI,
        "scope": verification.scopes,
        "phone_number": number.removeprefix("+"),
    }
    return HttpResponseRedirect(f"{site.PLASGATE_IP_BASE_URL}authenticate?{urlencode(query)}")


def callback_post(request: HttpRequest) -> HttpResponse:
    """Call the provider with `requests.post`, which opens a new connection for each call."""
    return _callback(request, requests.post)


def callback_session(request: HttpRequest) -> HttpResponse:
    """Call the provider through one `requests.Session`, which keeps its connections."""
    return _callback(request, _session.post)


@login_required
def _callback(request: HttpRequest, post: Any) -> HttpResponse:
    verification = PlainVerification._default_manager.get(
        pk=request.session["verification"], user_id=request.user.pk
    )
    verification.status, verification.exchanging_at = "exchanging", timezone.now()
    verification.save(update_fields=["status", "exchanging_at"])
    response = post(
        f"{site.PLASGATE_IP_BASE_URL}ip-auth",
        params={"private_key": site.PLASGATE_IP_PRIVATE_KEY},
        headers={"X-Secret": site.PLASGATE_IP_SECRET_KEY},
        json={
            "response_type": "code",
            "state": request.GET["state"],
            "redirect_uri": verification.redirect_uri,
            "code": request.GET["code"],
        },
        timeout=10,
        verify=site.PLASGATE_IP_CA_BUNDLE,
    )
    _keep(verification, response.json())
    return HttpResponseRedirect("/", status=303)


def _keep(verification: PlainVerification, claims: dict[str, Any]) -> None:
    if claims["login_hint"] != verification.phone_number.removeprefix("+"):
        raise ValueError
    verification.status = "verified"
    verification.sub, verification.mobile_id = claims["sub"], claims["mobile_id"]
    verification.claims = _fernet.encrypt(json.dumps(claims).encode()).decode()
    verification.completed_at = timezone.now()
    verification.save(update_fields=["status", "sub", "mobile_id", "claims", "completed_at"])
