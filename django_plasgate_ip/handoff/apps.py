"""The hand-off's Django app, and what it offers to the core."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

if TYPE_CHECKING:
    from django_plasgate_ip.handoff.invitation import Invitation
    from django_plasgate_ip.handoff.models import PhoneHandoffQuerySet


class HandoffConfig(AppConfig):
    """Lets a visitor at a computer continue on a phone.

    The core calls the methods, and includes `urls` in its own URLs. It uses nothing else of this
    app.
    """

    name = "django_plasgate_ip.handoff"
    label = "plasgate_ip_handoff"
    verbose_name = "PlasGate IP hand-off"
    urls = "django_plasgate_ip.handoff.urls"

    def ready(self) -> None:
        """Connect the receiver. Raise ImproperlyConfigured if the extra is not installed."""
        try:
            import segno  # noqa: F401
        except ModuleNotFoundError:
            raise ImproperlyConfigured(
                "django_plasgate_ip.handoff draws QR codes with segno: "
                "python -m pip install 'django-plasgate-ip[handoff]'"
            ) from None
        from django_plasgate_ip.handoff.logout import on_logout

        user_logged_out.connect(on_logout, dispatch_uid="plasgate_ip_handoff.logout")

    def invite(self, request: HttpRequest, next_url: str, again_url: str) -> "Invitation | None":
        """Return the QR code for one of the core's pages, or None; see `invitation.invite`."""
        from django_plasgate_ip.handoff.invitation import invite

        return invite(request, next_url, again_url)

    def retry_url(self, request: HttpRequest, verification: Any) -> str:
        """Return the link that this phone confirmed, if it may start again, or an empty text.

        `verification`: the one that it has confirmed without success.
        """
        from django_plasgate_ip.handoff import claim_and_confirm, tokens
        from django_plasgate_ip.handoff.errors import HandoffRefused

        text = request.session.get(claim_and_confirm.LINK_KEY, "")
        try:
            failed = claim_and_confirm.claim(request, tokens.read(text)).failed
        except HandoffRefused:
            return ""
        return reverse("plasgate_ip:handoff", args=[text]) if failed == verification else ""

    def may_retry(self, verification: Any) -> bool:
        """Whether the phone may still start again, as far as the computer's side knows."""
        from django_plasgate_ip.handoff import claim_and_confirm, tokens
        from django_plasgate_ip.handoff.models import PhoneHandoff

        handoff = PhoneHandoff.objects.on_primary().filter(
            session_id=verification.session_id,
            opened_by=verification.callback_session_id,
            created_at__gt=timezone.now() - tokens.LIFETIME,
        )
        newest = handoff.order_by("-created_at").first()
        return newest is not None and claim_and_confirm.failed_verification(newest) == verification

    def session_changed(self, old: str, new: str) -> None:
        """End the links of a computer that has just logged in; a phone keeps the links it opened.

        `old` and `new`: the ids of the session (see `browser_session`).
        """
        from django_plasgate_ip.handoff.models import PhoneHandoff

        handoffs = PhoneHandoff.objects.on_primary()
        handoffs.filter(session_id=old).update(session_id="")
        handoffs.filter(opened_by=old).update(opened_by=new)

    def forget(self, verification_ids: list[Any]) -> None:
        """Remove the account and the session from the hand-offs that led to these verifications.

        SECURITY: the rows stay until `delete_old`. Without its row, a link would work once more.
        """
        from django_plasgate_ip.handoff.models import PhoneHandoff

        used = PhoneHandoff.objects.on_primary().filter(pk__in=verification_ids)
        used.update(session_id="", owner="")

    def old(self) -> "PhoneHandoffQuerySet":
        """Return the hand-offs that are older than an hour, which nobody needs any more."""
        from django_plasgate_ip.handoff.models import PhoneHandoff

        return PhoneHandoff.objects.on_primary().old()

    def delete_old(self, batch_size: int) -> Iterator[int]:
        """Delete them, and yield their number. They are few, because each new one does so, too."""
        yield self.old().delete()[0]
