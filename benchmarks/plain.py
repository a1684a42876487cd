"""The references: what a developer writes by hand, in an hour, with the API page open."""

import json
import secrets
import ssl
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import requests
from cryptography.fernet import Fernet
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from phonenumber_field.formfields import PhoneNumberField
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager

from benchmarks.models import PlainAttempt

# Of the project's own settings the type checker knows nothing.
site: Any = settings
_fernet = Fernet(site.PLASGATE_IP_ENCRYPTION_KEYS[0])
_session = requests.Session()
# Else six of sixteen threads would open a connection each time.
_session.mount("https://", HTTPAdapter(pool_maxsize=16))
MOST_STARTS = 10
_COUNT = f"(SELECT count(*) FROM {PlainAttempt._meta.db_table} WHERE %s AND created_at > %%s)"  # noqa: S608
_COUNTED = f"SELECT {_COUNT % 'phone_number = %s'}, {_COUNT % 'user_id = %s'}"
REDIRECT_URI = "https://bench.example/phone/callback/"


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """One INSERT, one write to the session, and away."""
    return _start(request, request.POST["phone_number"])


class _Form(forms.Form):
    phone_number = PhoneNumberField(region="KH")
    next = forms.CharField(required=False, widget=forms.HiddenInput)


@never_cache
@login_required
def start_checked(request: HttpRequest) -> HttpResponse:
    """Do what a start can't go without: read a form, and count the starts of number and user."""
    form = _Form(request.POST)
    if not form.is_valid():
        raise ValueError
    number = form.cleaned_data["phone_number"].as_e164
    response = _start(request, number)
    since = timezone.now() - timedelta(hours=1)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [number, since, request.user.pk, since])
        if any(starts > MOST_STARTS for starts in cursor.fetchone()):
            raise ValueError
    return response


def _start(request: HttpRequest, number: str) -> HttpResponse:
    browser = secrets.token_hex(16)
    attempt = PlainAttempt._default_manager.create(
        user_id=request.user.pk,
        phone_number=number,
        session_id=browser,
        callback_session_id=browser,
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


def callback_context(request: HttpRequest) -> HttpResponse:
    """Call the provider over a new connection, with a TLS context that is made once."""
    return _callback(request, _post_by_context)


def _post_by_context(
    url: str, params: dict[str, str], headers: dict[str, str], json: Any, timeout: int, verify: str
) -> Any:
    with PoolManager(ssl_context=_context(verify)) as pool:
        full = f"{url}?{urlencode(params)}"
        return pool.request("POST", full, headers=headers, json=json, timeout=timeout)


@lru_cache
def _context(bundle: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=bundle)


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
