"""The site around the app: its table, its sessions, and where PlasGate sends visitors back to."""

from collections.abc import Container, Iterator
from importlib import import_module
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections, router
from django.db.migrations.executor import MigrationExecutor
from django.http.request import validate_host
from django.urls import NoReverseMatch
from django.utils.crypto import get_random_string

from django_plasgate_ip import redirects
from django_plasgate_ip.conf import conf
from django_plasgate_ip.doctor.findings import Finding, Level
from django_plasgate_ip.models import PhoneVerification

# Of the session that is made and deleted again, should the deleting fail.
SESSION_SECONDS = 60


def examine(wrong: Container[str]) -> Iterator[Finding]:
    """Yield the findings of what an attempt needs of the site.

    `wrong` has the ids of `checks.check_settings`: what is malformed is not read.
    """
    yield _table()
    yield _sessions()
    if "django_plasgate_ip.E004" in wrong:
        what = "The redirect URI can't be told: PLASGATE_IP_PUBLIC_URL is malformed."
        yield Finding(Level.BROKEN, "Site", what, "See the check above.")
    else:
        yield from _redirect_uri()


def _table() -> Finding:
    alias = router.db_for_write(PhoneVerification)
    try:
        missing = _unapplied(alias)
        if not missing:
            PhoneVerification.objects.using(alias).exists()
    except (Error, ImproperlyConfigured) as error:
        # The error's own text may have the database's address and user.
        what = f"The table of database {alias!r} can't be read: {type(error).__name__}."
        do = "Check DATABASES, then run python manage.py migrate: it shows the whole error."
        return Finding(Level.BROKEN, "Site", what, do)
    if missing:
        what = f"Database {alias!r} lacks {missing} of the migrations that the table needs."
        return Finding(Level.BROKEN, "Site", what, "Run python manage.py migrate.")
    return Finding(Level.FINE, "Site", f"The table is there, in database {alias!r}.")


def _unapplied(alias: str) -> int:
    executor = MigrationExecutor(connections[alias])
    ours = executor.loader.graph.leaf_nodes("django_plasgate_ip")
    return len(executor.migration_plan(ours))


def _sessions() -> Finding:
    engine = settings.SESSION_ENGINE
    try:
        kept = _keeps_a_session(engine)
    except Exception as error:  # a database's, a cache's or a missing module's: of any type
        what = f"Sessions can't be stored ({engine}): {type(error).__name__}."
        do = "Check SESSION_ENGINE, and the cache or table that it stores in."
        return Finding(Level.BROKEN, "Site", what, do)
    if not kept:
        what = f"A session that was just stored is not there any more ({engine})."
        do = "Use a cache that keeps what it is given, or database sessions."
        return Finding(Level.BROKEN, "Site", what, do)
    return Finding(Level.FINE, "Site", f"Sessions are stored and found again ({engine}).")


def _keeps_a_session(engine: str) -> bool:
    """Whether a session comes back; it is deleted again."""
    store = import_module(engine).SessionStore
    mark = get_random_string(12)
    session = store()
    session["plasgate_ip_doctor"] = mark
    session.set_expiry(SESSION_SECONDS)
    session.save()
    kept: bool = store(session_key=session.session_key).get("plasgate_ip_doctor") == mark
    session.delete()
    return kept


def _redirect_uri() -> Iterator[Finding]:
    try:
        path = redirects.callback_path()
    except NoReverseMatch:
        what = "The callback has no URL: PlasGate has nowhere to send visitors back to."
        do = 'Add path("phone/", include("django_plasgate_ip.urls")) to the site\'s urlpatterns.'
        yield Finding(Level.BROKEN, "Site", what, do)
        return
    yield _to_register(path)
    if conf.PLASGATE_IP_CALLBACK_NONCE:
        what = "PLASGATE_IP_CALLBACK_NONCE puts another ?nonce=... behind it each time."
        do = "Ask PlasGate whether your account takes a redirect URI with a query of its own."
        yield Finding(Level.LOOK, "Site", what, do)


def _to_register(path: str) -> Finding:
    public = conf.PLASGATE_IP_PUBLIC_URL
    if public is None:
        what = f"The redirect URI's path is {path}; its host is that of each request."
        do = (
            "Set PLASGATE_IP_PUBLIC_URL: what is registered at PlasGate has one host."
            if conf.PLASGATE_IP_CREDENTIALS is None
            else "Register it for each tenant, with the tenant's own host."
        )
        return Finding(Level.LOOK, "Site", what, do)
    what = f"The redirect URI to register at PlasGate is {public}{path}"
    host = urlsplit(public).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        do = f"Add {host!r} to ALLOWED_HOSTS, or Django may answer 400 to whoever comes back."
        return Finding(Level.LOOK, "Site", what, do)
    if urlsplit(public).scheme != "https":
        do = "Use https in production: one-time codes come back in this URL."
        return Finding(Level.LOOK, "Site", what, do)
    return Finding(Level.FINE, "Site", what)
