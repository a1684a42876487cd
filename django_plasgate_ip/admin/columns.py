"""What the admin shows of one verification, in the list and on its own page."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_plasgate_ip import phones
from django_plasgate_ip.admin import chart, export, statistics
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.personal_data import masked_login_name
from django_plasgate_ip.querysets import NETWORK

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object

# The table's columns for what an account may have to acknowledge.
CHANGES = ("mobile_id_changed", "number_changed", "claimed_at_login")


class Columns(_ModelAdmin):
    """The columns of the list and the fields of the page that are not columns of the table."""

    @admin.display(description=gettext_lazy("phone number"))
    def number(self, verification: PhoneVerification) -> str:
        """Return the masked number. The stylesheet keeps it on one line."""
        return self._on_one_line(verification.masked_number)

    @admin.display(description=gettext_lazy("phone number"))
    def full_number(self, verification: PhoneVerification) -> str:
        """Return the number in full. It needs the permission ``view_claims``."""
        number = verification.phone_number
        return self._on_one_line(phones.e164(number) if number else "")

    @admin.display(description=gettext_lazy("status"))
    def badge(self, verification: PhoneVerification) -> str:
        """Return the name of the status, on the colour of its outcome, and a site's own method."""
        badge = format_html(
            '<span class="plasgate-ip-badge plasgate-ip-badge-{}">{}</span>',
            statistics.Outcome.of(verification.status),
            verification.get_status_display(),
        )
        if verification.method == NETWORK:
            return badge
        by = _("by %(method)s") % {"method": verification.method}
        return format_html('{} <span class="plasgate-ip-method">{}</span>', badge, by)

    @admin.display(description=gettext_lazy("user"))
    def login(self, verification: PhoneVerification) -> str:
        """Return the login name, masked if it is a phone number.

        A custom ``User.__str__`` may show the number, or make a query for each row.
        """
        user = verification.user
        return masked_login_name(user) if user else self.get_empty_value_display()

    @admin.display(description=gettext_lazy("user"))
    def account(self, verification: PhoneVerification) -> str:
        """Return the login name as `login` does, linked to the user's page in the admin.

        Staff need the permission to open that page.
        """
        user: Any = verification.user
        if user is None:
            return self.get_empty_value_display()
        view = f"admin:{user._meta.app_label}_{user._meta.model_name}_change"
        url = reverse(view, args=[quote(user.pk)], current_app=self.admin_site.name)
        return format_html('<a href="{}">{}</a>', url, masked_login_name(user))

    @admin.display(description=gettext_lazy("method"))
    def verified_by(self, verification: PhoneVerification) -> str:
        """Return how the number was verified."""
        is_network = verification.method == NETWORK
        return _("mobile network (PlasGate)") if is_network else verification.method

    @admin.display(description=gettext_lazy("what has changed"))
    def changes(self, verification: PhoneVerification) -> str:
        """Return the names of the changes, in words: an icon for "no" would look like a fault."""
        fields: Any = map(PhoneVerification._meta.get_field, CHANGES)
        names = [str(f.verbose_name) for f in fields if getattr(verification, f.name)]
        return ", ".join(names) or _("nothing")

    @admin.display(description=gettext_lazy("duration"))
    def took(self, verification: PhoneVerification) -> str:
        """Return the time from the start to the end, in seconds."""
        duration = verification.duration
        if duration is None:
            return self.get_empty_value_display()
        return chart.seconds(duration.total_seconds())

    @admin.display(description=gettext_lazy("what it means"))
    def advice(self, verification: PhoneVerification) -> str:
        """Return the reason's message for staff."""
        return str(verification.staff_message)

    @admin.display(description=gettext_lazy("redirect URI"))
    def callback_url(self, verification: PhoneVerification) -> str:
        """Return the redirect URI without its query."""
        # SECURITY: the query has the nonce, which only the visitor's browser may know.
        return verification.redirect_uri.partition("?")[0]

    @admin.display(description=gettext_lazy("claims"))
    def claims_as_json(self, verification: PhoneVerification) -> str:
        """Return the claims as indented JSON, or the error if no key decrypts them."""
        text = export.claims_as_json(verification, indent=2) or self.get_empty_value_display()
        return format_html('<pre class="plasgate-ip-claims" dir="ltr">{}</pre>', text)

    def _on_one_line(self, number: str) -> str:
        if not number:
            return self.get_empty_value_display()
        return format_html('<span class="plasgate-ip-number" dir="ltr">{}</span>', number)
