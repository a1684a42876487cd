"""The site around the app: its table, its sessions, and the redirect URI."""

from collections.abc import Iterator
from importlib import import_module
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections, router
from django.db.migrations.executor import MigrationExecutor
from django.urls import NoReverseMatch
from django.utils.crypto import get_random_string

from django_plasgate_ip import redirects
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf
from django_plasgate_ip.doctor.configuration import wrong_settings
from django_plasgate_ip.doctor.findings import Finding, Level
from django_plasgate_ip.models import PhoneVerification

# If the trial session can't be deleted, it expires after this time.
SESSION_SECONDS = 60


def examine() -> Iterator[Finding]:
    """Yield a finding for each thing that a verification needs from the site.

    What a system check reports is not repeated.
    """
    yield _table()
    yield _sessions()
    if "PLASGATE_IP_PUBLIC_URL" not in wrong_settings():
        yield from _redirect_uri()


def _table() -> Finding:
    alias = router.db_for_write(PhoneVerification)
    try:
        executor = MigrationExecutor(connections[alias])
        ours = executor.loader.graph.leaf_nodes("django_plasgate_ip")
        missing = len(executor.migration_plan(ours))
        if not missing:
            PhoneVerification.objects.using(alias).exists()
    except (Error, ImproperlyConfigured) as error:
        # SECURITY: the error's own text may hold the database's address and user name.
        what = f"The table in database {alias!r} can't be read: {type(error).__name__}."
        do = "Check DATABASES. Then run python manage.py migrate to see the whole error."
        return Finding(Level.ERROR, "Site", what, do)
    if missing:
        what = f"Database {alias!r} has unapplied migrations of the app: {missing}."
        return Finding(Level.ERROR, "Site", what, "Run python manage.py migrate.")
    return Finding(Level.OK, "Site", f"The table exists in database {alias!r}.")


def _sessions() -> Finding:
    engine = settings.SESSION_ENGINE
    try:
        problem = "" if _keeps_a_session(engine) else "a stored session was not found again"
    except Exception as error:
        # A database, a cache and a missing module each raise their own types.
        problem = type(error).__name__
    if problem:
        what = f"Sessions can't be stored and read ({engine}): {problem}."
        do = "Check SESSION_ENGINE and its cache or table, which all processes must share."
        return Finding(Level.ERROR, "Site", what, do)
    return Finding(Level.OK, "Site", f"Sessions can be stored and read ({engine}).")


def _keeps_a_session(engine: str) -> bool:
    store = import_module(engine).SessionStore
    mark = get_random_string(12)
    session = store()
    session["plasgate_ip_doctor"] = mark
    session.set_expiry(SESSION_SECONDS)
    session.save()
    is_kept: bool = store(session_key=session.session_key).get("plasgate_ip_doctor") == mark
    session.delete()
    return is_kept


def _redirect_uri() -> Iterator[Finding]:
    try:
        path = redirects.callback_path()
    except NoReverseMatch:
        what = "The callback has no URL, so PlasGate can't send visitors back."
        do = 'Add path("phone/", include("django_plasgate_ip.urls")) to the site\'s urlpatterns.'
        yield Finding(Level.ERROR, "Site", what, do)
        return
    yield _to_register(path)
    if "PLASGATE_IP_SCOPES" in wrong_settings():
        return
    if redirects.has_nonce(scope_sets.normalise(conf.PLASGATE_IP_SCOPES)):
        what = "PLASGATE_IP_CALLBACK_NONCE adds a different ?nonce=... to each redirect URI."
        do = (
            "Ask PlasGate whether your account accepts a redirect URI with a query. If it does "
            "not, set PLASGATE_IP_CALLBACK_NONCE to False, and request a number in the scopes."
        )
        yield Finding(Level.WARNING, "Site", what, do)


def _to_register(path: str) -> Finding:
    public = conf.PLASGATE_IP_PUBLIC_URL
    if public is None:
        what = f"The redirect URI has the path {path} and the host of each request."
        has_tenants = conf.PLASGATE_IP_CREDENTIALS is not None
        do = "Register it for each tenant, with the tenant's own host." if has_tenants else ""
    else:
        what = f"The redirect URI to register at PlasGate is {public}{path}"
        is_https = urlsplit(public).scheme == "https"
        do = "" if is_https else "Use https in production: this URL receives one-time codes."
    return Finding(Level.WARNING if do else Level.OK, "Site", what, do)
