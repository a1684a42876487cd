"""A logout at the computer ends its hand-offs."""

from typing import Any

from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.verification import browser_session, transitions
from django_plasgate_ip.verification.verdict import Verdict


def on_logout(sender: Any, request: Any, **kwargs: Any) -> None:
    """Receive Django's ``user_logged_out``, before the session is emptied.

    A verification whose phone has not come back yet ends, too, because one without a hand-off would
    not survive the logout. A code that is being exchanged still counts.
    """
    session_id = browser_session.get_session_id(request)
    if not session_id:
        return
    PhoneHandoff.objects.on_primary().filter(session_id=session_id).update(session_id="")
    verifications = PhoneVerification.objects.on_primary().for_session(session_id)
    for verification in verifications.filter(status=Status.PENDING):
        if verification.is_handed_over:
            transitions.finish(verification, Verdict(Reason.USER_CHANGED), request)
