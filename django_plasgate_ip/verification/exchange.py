"""Exchange a code once, and store what the answer proves."""

import logging
from collections.abc import Mapping

from django.http import HttpRequest

from django_plasgate_ip.client import PlasGateClient, credentials
from django_plasgate_ip.encryption import cipher
from django_plasgate_ip.exceptions import ExchangeError, InvalidCallback
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.verification import connection, transitions, verdict
from django_plasgate_ip.verification.verdict import Verdict

logger = logging.getLogger("django_plasgate_ip")


def client_for(request: HttpRequest) -> PlasGateClient:
    """Return a client with this request's keys. Raises ImproperlyConfigured."""
    # An invalid encryption key must fail here. Later the code would be spent, and the answer lost.
    cipher()
    keys = credentials.for_request(request)
    return PlasGateClient(keys.private_key, keys.secret_key, keys.base_url)


def authorize_url(client: PlasGateClient, verification: PhoneVerification) -> str:
    """Return the URL at PlasGate for a verification. Its repr hides it."""
    scopes, number = verification.scopes.split(), verification.phone_number
    return Hidden(client.authorize_url(verification.redirect_uri, scopes, number))


def finish(
    client: PlasGateClient,
    parameters: Mapping[str, str],
    verification: PhoneVerification,
    end: Verdict | None,
    request: HttpRequest | None,
) -> PhoneVerification:
    """Claim the verification, exchange its code, and store the result.

    `end`: the verdict that the callback brings by itself; then nothing is exchanged. `request`: the
    request that receivers get. Of several callers at once, one exchanges. The others get the row as
    it is stored then. Raises `InvalidCallback` if it was deleted meanwhile. No transaction may be
    open.
    """
    if end is None:
        if not transitions.claim(verification):
            return _stored(verification)
        connection.release()
        end = _exchange(client, parameters, verification)
    if not transitions.finish(verification, end, request, autocommit=True):
        return _stored(verification)
    verification.just_ended = True
    return verification


def _exchange(
    client: PlasGateClient, parameters: Mapping[str, str], verification: PhoneVerification
) -> Verdict:
    """Exchange the code. No transaction may be open, and no row locked, while this waits."""
    code, state = parameters["code"], parameters["state"]
    try:
        answer = client.exchange(code, state, verification.redirect_uri)
    except ExchangeError as error:
        logger.error("Verification %s: %s (%s)", verification.pk, error, error.reason)
        return Verdict(Reason(error.reason), error.error_description)
    return verdict.judge(answer, verification.scopes.split(), verification.phone_number or None)


def _stored(verification: PhoneVerification) -> PhoneVerification:
    """Return the row as another request left it. Raises `InvalidCallback` if it was deleted."""
    stored = PhoneVerification.objects.on_primary().filter(pk=verification.pk).first()
    if stored is None:
        raise InvalidCallback("The verification has been deleted.")
    return stored
