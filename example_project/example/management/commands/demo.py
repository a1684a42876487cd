"""``manage.py demo``: serves the example; with ``--once``, makes one verification and exits."""

import os
import secrets
import shutil
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import BaseCommand, CommandError, CommandParser, call_command
from django.db import connection
from django.urls import reverse

from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status
from django_plasgate_ip.sandbox.magic_numbers import Outcome
from example.management.server import HOST, Server, listen
from example.management.walk import walk, walk_as_app

NAME, PASSWORD = "demo", "demo-password"
WALKER = "demo-once"


class Command(BaseCommand):
    help = "Runs the example with a demo account. With --once, makes one verification and exits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port",
            type=int,
            default=8000,
            help="the port, or the first one above it that is free",
        )
        parser.add_argument(
            "--host",
            default=HOST,
            help="this machine's own address lets a phone in the same network open the demo",
        )
        parser.add_argument("--once", action="store_true", help="make one verification and exit")
        parser.add_argument(
            "--app", action="store_true", help="with --once: verify as an app without cookies"
        )
        parser.add_argument("--number", default="077 696 118", help="the number that --once types")

    def handle(
        self, *, host: str, port: int, once: bool, app: bool, number: str, **options: Any
    ) -> None:
        sandboxed = apps.is_installed("django_plasgate_ip.sandbox")
        if app and not once:
            raise CommandError("--app needs --once.", returncode=2)
        if once and not sandboxed:
            raise CommandError(
                "--once needs the sandbox. Remove PLASGATE_IP_PRIVATE_KEY and "
                "PLASGATE_IP_SECRET_KEY from .env and the environment.",
                returncode=2,
            )
        if once:
            self._once(number, walk_as_app if app else walk)
        else:
            self._serve(host, port, sandboxed)

    def _serve(self, host: str, port: int, sandboxed: bool) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo's server is for development: it needs DEBUG=True.")
        server = listen(port, host)
        settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, host]
        if port not in (0, server.server_port):
            self._say(f"Port {port} is taken. The demo uses the next free one.")
        call_command("migrate", verbosity=0, interactive=False)
        self._say(f"\nOpen {self.style.SUCCESS(server.origin + '/')}")
        if sandboxed:
            settings.PLASGATE_IP_PUBLIC_URL = None
            _refresh_account()
            self._say_what_to_try()
        else:
            self._say(
                f"Phones are verified at {conf.PLASGATE_IP_BASE_URL}. A start may cost balance."
            )
            self._say(f"Sign up at {server.origin}{reverse('signup')}")
        with suppress(KeyboardInterrupt):
            self._say("\nStop with Ctrl+C.")
            server.serve_forever()

    def _say_what_to_try(self) -> None:
        self._say(f"Log in as {NAME} with the password {PASSWORD} (the admin is at /admin/).")
        self._say("\nA number's last two digits choose what the sandbox does:")
        columns = shutil.get_terminal_size().columns
        for outcome in Outcome:
            line = f"  {outcome.phone_number}  {outcome.happens}"
            self._say(textwrap.fill(line, columns, subsequent_indent=" " * 15))
        self._say(f"\nCodes by SMS, for {reverse('phone-code')}, are printed here.")

    def _once(self, number: str, walk_through: Callable[..., requests.Response]) -> None:
        is_app = walk_through is walk_as_app
        with _own_database():
            call_command("migrate", verbosity=0, interactive=False)
            user, login = _new_walker()
            server = Server(port=0)  # any free port
            settings.PLASGATE_IP_PUBLIC_URL = None
            self._say(f"One verification on {server.origin}, which is also the operator:")
            visitor = "app" if is_app else "browser"
            with server.in_background(lambda line: self._say(f"  {line}"), visitor):
                page = walk_through(server.origin, login, number)
            verification = PhoneVerification.objects.latest_for(user)
        if verification is None:
            raise CommandError(f"Nothing was stored: the last page answered {page.status_code}.")
        self._say("\nThe stored row:")
        for name, value in _row(verification):
            self._say(f"  {name:12}  {value or '-'}")
        if verification.status != Status.VERIFIED:
            reason = verification.reason or "the visitor was not sent back"
            raise CommandError(f"Not verified: {reason}. {verification.staff_message}".strip())
        path, what = ("/api/members/", "API") if is_app else (reverse("members"), "page")
        if page.url != f"{server.origin}{path}" or not page.ok:
            raise CommandError(f"Verified, but the members' {what} did not open.")
        self._say(self.style.SUCCESS(f"\nVerified, and the members' {what} is open."))

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()  # so that a pipe gets each line at once, too


def _refresh_account() -> None:
    user, _created = User.objects.update_or_create(
        username=NAME, defaults={"is_active": True, "is_staff": True, "is_superuser": True}
    )
    if not user.check_password(PASSWORD):
        user.set_password(PASSWORD)
        user.save()


def _new_walker() -> tuple[User, dict[str, str]]:
    """Return a new user without verifications, and the fields of their login form."""
    User.objects.filter(username=WALKER).delete()
    login = {"username": WALKER, "password": secrets.token_urlsafe(16)}
    return User.objects.create_user(**login), login


@contextmanager
def _own_database() -> Iterator[None]:
    """Use a new SQLite database in all threads, unless DATABASE_URL names one."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="django-plasgate-ip-") as folder:
        connection.close()
        connection.settings_dict["NAME"] = Path(folder) / "demo.sqlite3"
        yield
        connection.close()


def _row(verification: PhoneVerification) -> Iterator[tuple[str, str]]:
    yield "id", str(verification.pk)
    yield "phone number", verification.masked_number
    yield "status", verification.status
    yield "reason", verification.reason
    yield "scopes", verification.scopes
    yield "sub", _shortened(verification.sub)
    yield "mobile_id", _shortened(verification.mobile_id)
    took = verification.duration
    yield "duration", f"{took.total_seconds():.2f} s" if took else ""


def _shortened(text: str) -> str:
    return f"{text[:8]}... ({len(text)} characters)" if text else ""
