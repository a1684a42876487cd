"""Staff in their browsers, and what they read there."""

import re
from html import unescape
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse

from django_plasgate_ip.models import PhoneVerification
from tests.kept import User

LIST = "/admin/django_plasgate_ip/phoneverification/"
EXPORT = f"{LIST}export/"


def staff(*permissions: str, **values: Any) -> Client:
    """Return the browser of a new member of staff with these permissions, signed in."""
    user = User.objects.create_user(f"staff-{User.objects.count()}", is_staff=True, **values)
    user.user_permissions.set([Permission.objects.get(codename=name) for name in permissions])
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def post(client: Client, url: str, **data: Any) -> Any:
    """Send a form with the token that the site gave this browser."""
    client.get(reverse("admin:index"))
    token = client.cookies["csrftoken"].value
    return client.post(url, {**data, "csrfmiddlewaretoken": token})


def note(user: Any, about: Any, pk: Any = None) -> LogEntry:
    """Store an entry in the admin log."""
    kind = ContentType.objects.get_for_model(about)
    values = {"content_type": kind, "object_id": str(pk or about.pk), "action_flag": 2}
    return LogEntry.objects.create(user=user, **values)


def detail(verification: PhoneVerification, page: str = "change") -> str:
    return f"{LIST}{verification.pk}/{page}/"


def text(response: Any) -> str:
    """Return the page's text, without tags, entities and runs of spaces."""
    assert response.status_code == 200, response
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def cells(response: Any) -> list[dict[str, str]]:
    """Return the list's rows, each as its columns' text by name."""
    assert response.status_code == 200, response
    cell = re.compile(r'<t[hd] class="field-(\w+)[^"]*">(.*?)</t[hd]>', re.DOTALL)
    return [
        {name: unescape(re.sub(r"<[^>]*>", "", html)).strip() for name, html in cell.findall(row)}
        for row in re.findall(r"<tr>(.*?)</tr>", response.content.decode(), re.DOTALL)
        if "field-number" in row
    ]


def found(client: Client, **query: Any) -> set[PhoneVerification]:
    """Return the rows that the list shows for this query."""
    return set(client.get(LIST, query).context["cl"].result_list)
