"""Staff in their browsers, what they may see, and verifications for them to look at."""

import re
from datetime import datetime, timedelta, timezone
from html import unescape
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localtime

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason

User: Any = get_user_model()

LIST = "/admin/django_plasgate_ip/phoneverification/"
NUMBER = "+85577696118"
MASKED = "+855 77 *** *18"
SUB = "30f4c8df9b8285bd582943071035eca089b90d2075b540450cf461a89c4bdf98"
MOBILE_ID = "15957db0c9ca724a5927d3bd8d3ba046" * 4
NONCE = "a-nonce-of-this-browser"
BROWSER = "a-session-of-this-browser"
CLAIMS = {
    "login_hint": "85577696118",
    "phone_number_verified": "true",
    "sub": SUB,
    "mobile_id": MOBILE_ID,
    "given_name": "Teak",
    "family_name": "អុំអេង",
    "birthdate": "1985-07-10",
    "personal_identification_number": "1234567890",
    "address": {"street_address": "30 7th 594", "locality": "Phnom Penh City"},
}
# What a member of staff without the permission must not read anywhere.
HIDDEN = (
    "77696118",
    "77 696 118",
    "696118",
    "696 118",
    SUB,
    MOBILE_ID,
    NONCE,
    BROWSER,
    "Teak",
    "អុំអេង",
    "1985-07-10",
    "1234567890",
    "30 7th 594",
    "Phnom Penh City",
)
STARTED = datetime(2026, 3, 1, 3, 15, tzinfo=timezone.utc)


def verified(**changes: Any) -> PhoneVerification:
    """Store a verification with every claim, verified unless `changes` say otherwise."""
    values = {
        "phone_number": NUMBER,
        "scopes": "mobile_id phone_verify profile",
        "status": "verified",
        "sub": SUB,
        "mobile_id": MOBILE_ID,
        "claims": CLAIMS,
        "session_id": BROWSER,
        "redirect_uri": f"https://www.example.com/phone/callback/?nonce={NONCE}",
        "nonce": NONCE,
        "created_at": STARTED,
        "completed_at": STARTED + timedelta(seconds=4.2),
    }
    return PhoneVerification.objects.create(**values | changes)


def failed(reason: Reason = Reason.NOT_VERIFIED, **changes: Any) -> PhoneVerification:
    """Store a verification that ended for this reason."""
    values = {"status": reason.status, "reason": reason, "sub": "", "mobile_id": ""}
    return verified(**values | changes)


def pending(**changes: Any) -> PhoneVerification:
    """Store a verification whose visitor has not come back."""
    nothing: dict[str, Any] = {"sub": "", "mobile_id": "", "claims": {}, "completed_at": None}
    return verified(**nothing | {"status": "pending"} | changes)


def noon(days_ago: int) -> datetime:
    """Return noon of a day in the current time zone; today's may be yet to come."""
    return localtime().replace(hour=12, minute=0) - timedelta(days=days_ago)


def ended(
    days_ago: int, seconds: float = 4, reason: Reason | None = None, **changes: Any
) -> PhoneVerification:
    """Store a verification of some days ago that took this long, verified without a reason."""
    started = noon(days_ago)
    times = {"created_at": started, "completed_at": started + timedelta(seconds=seconds)}
    return failed(reason, **times | changes) if reason else verified(**times | changes)


def many(rows: int) -> None:
    """Store this many verifications, each of another user."""
    people = User.objects.bulk_create(User(username=f"person-{i:04}") for i in range(rows))
    PhoneVerification.objects.bulk_create(
        PhoneVerification(
            user=person,
            phone_number=f"+85577{696000 + i}",
            scopes="phone_verify",
            session_id=str(i),
            created_at=STARTED + timedelta(seconds=i),
        )
        for i, person in enumerate(people)
    )


def staff(*permissions: str, **values: Any) -> Client:
    """Return the browser of a new member of staff with these permissions, signed in."""
    user = User.objects.create_user(f"staff-{User.objects.count()}", is_staff=True, **values)
    for codename in permissions:
        user.user_permissions.add(Permission.objects.get(codename=codename))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def post(client: Client, url: str, **data: Any) -> Any:
    """Send a form with the token that the site gave this browser."""
    client.get(reverse("admin:index"))
    token = client.cookies["csrftoken"].value
    return client.post(url, {**data, "csrfmiddlewaretoken": token})


def detail(verification: PhoneVerification, page: str = "change") -> str:
    return f"{LIST}{verification.pk}/{page}/"


def text(response: Any) -> str:
    """Return the page's text, without tags, entities and runs of spaces."""
    assert response.status_code == 200, response
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def cells(response: Any) -> list[dict[str, str]]:
    """Return the list's rows, each as its columns' text by name."""
    assert response.status_code == 200, response
    html = response.content.decode()
    return [
        {
            name: unescape(re.sub(r"<[^>]*>", "", cell)).strip()
            for name, cell in re.findall(
                r'<t[hd] class="field-(\w+)[^"]*">(.*?)</t[hd]>', row, re.DOTALL
            )
        }
        for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
        if "field-number" in row
    ]


def found(client: Client, **query: Any) -> set[str]:
    """Return the primary keys of the rows that the list shows for this query."""
    response = client.get(LIST, query)
    assert response.status_code == 200, response
    return set(re.findall(r"phoneverification/([0-9a-f-]{36})/change", response.content.decode()))


def pks(*verifications: PhoneVerification) -> set[str]:
    return {str(verification.pk) for verification in verifications}
