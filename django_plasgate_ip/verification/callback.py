"""Whether a callback is for this verification, and whether its code can be exchanged."""

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
    """Return how the verification ends without a call to the provider, or None to exchange.

    `private_key`: of the keys that this request would exchange the code with.
    """
    # SECURITY: by its Content-Type, a request makes Django read the query in any charset, utf-7
    # and lone surrogates included. Our URLs are UTF-8.
    request.encoding = "utf-8"
    if stale := verification.stale_reason:
        return Verdict(stale)
    # SECURITY: another account signed in meanwhile, and the number is not theirs. The phone of a
    # hand-off may have any account: it gets nothing.
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
    """Whether the provider sends back what we sent, and each parameter once."""
    # SECURITY: of a doubled parameter, one reader takes the first value and another the last.
    if any(len(values) > 1 for _name, values in request.GET.lists()):
        return False
    # SECURITY: tenants on hosts of one domain may share a session. The keys of one tenant must not
    # finish what another tenant's keys started.
    if verification.key_fingerprint != fingerprint(private_key):
        return False
    nonce = request.GET.get("nonce", "")
    if verification.nonce and not constant_time_compare(nonce, verification.nonce):
        return False
    sent = {"private_key": private_key, "redirect_uri": verification.redirect_uri}
    return all(request.GET.get(name, value) == value for name, value in sent.items())
