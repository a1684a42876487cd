"""Decide whether a callback belongs to a verification, and whether its code may be exchanged."""

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from django_plasgate_ip.client.credentials import fingerprint
from django_plasgate_ip.client.parsing import clean_text
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.verification.verdict import Verdict


def validate(
    request: HttpRequest, verification: PhoneVerification, private_key: str
) -> Verdict | None:
    """Return the verdict that ends the verification without an exchange, or None to exchange.

    `private_key`: the private half of the keys for the exchange. Parameters of the callback are
    from the API page.
    """
    # SECURITY: Django decodes the query in the charset of the Content-Type header, which the client
    # chooses: utf-7, for example. The callback's query is UTF-8.
    request.encoding = "utf-8"
    if stale := verification.stale_reason:
        return Verdict(stale)
    # SECURITY: if another account has signed in since the start, it must not get this number. In a
    # hand-off, the phone may be signed in to any account, because the result is not for that one.
    if not verification.is_handed_over and verification.user_id != request.user.pk:
        return Verdict(Reason.USER_CHANGED)
    if not _is_trusted(request, verification, private_key):
        return Verdict(Reason.INVALID_CALLBACK)
    query = request.GET
    denial = clean_text(query.get("error_description")) or clean_text(query.get("error"))
    if denial:
        return Verdict(Reason.PROVIDER_DENIED, denial)
    if not (query.get("code") and query.get("state")):
        return Verdict(Reason.INVALID_CALLBACK)
    return None


def _is_trusted(request: HttpRequest, verification: PhoneVerification, private_key: str) -> bool:
    """Whether the callback has each parameter once, and the values that the start sent."""
    # SECURITY: if a parameter is repeated, one reader takes its first value and another its last.
    if any(len(values) > 1 for _name, values in request.GET.lists()):
        return False
    # SECURITY: tenants on hosts of one domain may share a session. The keys of one tenant must not
    # finish a verification that another tenant's keys started.
    if verification.key_fingerprint != fingerprint(private_key):
        return False
    nonce = request.GET.get("nonce", "")
    if verification.nonce and not constant_time_compare(nonce, verification.nonce):
        return False
    sent = {"private_key": private_key, "redirect_uri": verification.redirect_uri}
    return all(request.GET.get(name, value) == value for name, value in sent.items())
