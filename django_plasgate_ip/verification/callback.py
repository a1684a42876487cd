"""What a callback must be before its code is worth a call."""

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from django_plasgate_ip.client.api import clean_text
from django_plasgate_ip.client.credentials import fingerprint
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.verification.verdict import Verdict


def validate(
    request: HttpRequest, verification: PhoneVerification, private_key: str
) -> Verdict | None:
    """Return how the attempt ends without a call to the provider, or None.

    `private_key`: of the keys that this request's code would be exchanged with.
    """
    # SECURITY: a Content-Type has Django read the query in any charset, utf-7 and lone
    # surrogates included; our URLs are UTF-8.
    request.encoding = "utf-8"
    if stale := verification.stale_reason:
        return Verdict(stale)
    # SECURITY: somebody else signed in meanwhile: the number is not theirs. A phone that carries
    # the attempt of another browser may be anybody's: it gets nothing.
    if not verification.is_handed_over and verification.user_id != request.user.pk:
        return Verdict(Reason.USER_CHANGED)
    if not _is_trusted(request, verification, private_key):
        return Verdict(Reason.INVALID_CALLBACK)
    denial = clean_text(request.GET.get("error_description")) or clean_text(
        request.GET.get("error")
    )
    if denial:
        return Verdict(Reason.PROVIDER_DENIED, denial)
    if not (request.GET.get("code") and request.GET.get("state")):
        return Verdict(Reason.INVALID_CALLBACK)
    return None


def _is_trusted(request: HttpRequest, verification: PhoneVerification, private_key: str) -> bool:
    """Whether what the provider sends back of ours is ours, and said once."""
    # SECURITY: of a doubled parameter, one reader takes the first and another the last.
    if any(len(values) > 1 for _name, values in request.GET.lists()):
        return False
    # SECURITY: tenants on hosts of one domain may share a session; what was started with the keys
    # of one must not be finished with, or for, another.
    if verification.key_fingerprint != fingerprint(private_key):
        return False
    if verification.nonce and not constant_time_compare(
        request.GET.get("nonce", ""), verification.nonce
    ):
        return False
    ours = {"private_key": private_key, "redirect_uri": verification.redirect_uri}
    return all(request.GET.get(name, value) == value for name, value in ours.items())
