"""The admin of verifications. Staff can search, read, export and delete them, but not edit them."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import flatten_fieldsets, quote
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from django_plasgate_ip.admin import chart, export, log, search, statistics
from django_plasgate_ip.admin.paginator import BoundedPaginator
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.personal_data import masked_login_name
from django_plasgate_ip.querysets import NETWORK
from django_plasgate_ip.security_events import SecurityEvent, record

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object

# The columns that the query string may filter by. The others are masked or hidden.
LOOKUP_FIELDS = (
    "pk",
    "id",
    "user",
    "method",
    "scopes",
    "status",
    "reason",
    "created_at",
    "completed_at",
    "mobile_id_changed",
)


class PhoneVerificationAdminMixin(_ModelAdmin):
    """The admin without a base class. A site can combine it with its own ``ModelAdmin``.

    It is read-only. Staff need the permission ``view_claims`` to see claims and, in the export,
    full numbers.
    """

    class Media:
        css = {"all": ("django_plasgate_ip/admin.css",)}

    list_display = ("number", "login", "badge", "reason", "scopes", "created_at", "took")
    list_filter = ("status", "reason", "mobile_id_changed", "created_at")
    list_per_page = 50
    ordering = ("-created_at",)
    # Any other order would need to sort the whole table.
    sortable_by = ("created_at",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    # Django shows the search box only if this is set. get_search_results ignores the value.
    search_fields = ("phone_number",)
    search_help_text = gettext_lazy("Enter a full phone number or the start of a login name.")
    fieldsets = (
        (None, {"fields": ("badge", "reason", "advice")}),
        (
            gettext_lazy("Text from outside"),
            {
                "fields": ("error_description",),
                # SECURITY: the text may ask staff to do something, in the name of PlasGate.
                "description": gettext_lazy(
                    "PlasGate sent this text, or it was in the URL that the visitor opened, which "
                    "anybody can write. Do not trust what it says."
                ),
            },
        ),
        (gettext_lazy("Who"), {"fields": ("number", "account")}),
        (
            gettext_lazy("Changes"),
            {
                "fields": (
                    "mobile_id_changed",
                    "number_changed",
                    "claimed_at_login",
                    "acknowledged_at",
                )
            },
        ),
        (gettext_lazy("When"), {"fields": ("created_at", "completed_at", "took")}),
        (gettext_lazy("Request"), {"fields": ("id", "method", "scopes", "callback_url")}),
    )
    # The operator's two ids count as claims.
    _claims_fieldset = (gettext_lazy("Claims"), {"fields": ("sub", "mobile_id", "claims_as_json")})

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False, because only visitors start verifications."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False, because a verification records the operator's answer."""
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Refuse lookups of columns that are masked or hidden."""
        # SECURITY: ?phone_number__startswith= would reveal a masked number digit by digit.
        shown = lookup.partition("__")[0] in LOOKUP_FIELDS
        return shown and super().lookup_allowed(lookup, value, request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PhoneVerification]:
        """Prefetch users. A join would also read the users of all earlier pages."""
        return super().get_queryset(request).prefetch_related("user")

    def get_urls(self) -> list[Any]:
        """Add the URL of the export."""
        view = self.admin_site.admin_view(require_GET(self.export_view))
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", view, name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Add the summary of all verifications and the link to the export."""
        response = super().changelist_view(request, *args, **kwargs)
        context = getattr(response, "context_data", None) or {}
        changelist = context.get("cl")
        # The confirmation page of an action has no list. In a popup, staff select a verification.
        if changelist is not None and not changelist.is_popup:
            context["chart"] = chart.draw(statistics.summarise(self.get_queryset(request)))
            context["export_url"] = self._url("export") + changelist.get_query_string()
            context["exports_claims"] = self._sees_claims(request)
        return response

    def history_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Mask the login names of staff that are phone numbers."""
        response = super().history_view(request, *args, **kwargs)
        for entry in (getattr(response, "context_data", None) or {}).get("action_list", ()):
            entry.user.get_username = partial(str, masked_login_name(entry.user))
        return response

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Add to the help text of the search what the permission ``view_claims`` allows."""
        changelist = super().get_changelist_instance(request)
        if self._sees_claims(request):
            more = _("You can also enter a full sub or a full mobile ID.")
            changelist.search_help_text = f"{changelist.search_help_text} {more}"
        return changelist

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return all verifications of the filtered list as a CSV file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            # The list shows an error for this parameter, as for its own invalid filters.
            return HttpResponseRedirect(f"{self._url('changelist')}?{ERROR_FLAG}=1")
        with_claims = self._sees_claims(request)
        log.record_export(request, changelist, with_claims)
        return export.response(request, changelist.queryset, with_claims)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PhoneVerification], search_term: str
    ) -> tuple[QuerySet[PhoneVerification], bool]:
        """Search with `search.search`, which uses an index for each column."""
        return search.search(queryset, search_term, self._sees_claims(request)), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Add the claims if the user may see them. Remove what this verification does not have."""
        claims = (self._claims_fieldset,) if self._sees_claims(request) else ()
        columns = {"advice": "reason", "callback_url": "redirect_uri"}
        columns |= {name: name for name in ("error_description", "scopes")}
        empty = {field for field, column in columns.items() if not getattr(obj, column, "")}
        return _without(empty, [*self.fieldsets, *claims])

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every field that is shown, so that the form accepts no input."""
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def render_change_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Record that this user viewed the claims."""
        verification = kwargs.get("obj")
        if verification and self._sees_claims(request) and _has_claims(verification):
            self.log_change(request, verification, _("Viewed the claims."))
            staff = request.user.pk
            record(SecurityEvent.CLAIMS_VIEWED, staff=staff, verification=verification.pk)
        return super().render_change_form(request, *args, **kwargs)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Create a log entry without the masked number: it may outlive the verification."""
        return super().log_change(request, log.without_number(obj), message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Create log entries without the masked numbers. They outlive the verifications."""
        rows: Any = [log.without_number(obj) for obj in queryset]
        return super().log_deletions(request, rows)

    @admin.display(description=gettext_lazy("phone number"))
    def number(self, verification: PhoneVerification) -> str:
        """Return the masked number. The stylesheet keeps it on one line."""
        mask = verification.masked_number
        if not mask:
            return self.get_empty_value_display()
        return format_html('<span class="plasgate-ip-number">{}</span>', mask)

    @admin.display(description=gettext_lazy("status"))
    def badge(self, verification: PhoneVerification) -> str:
        """Return the name of the status, on the colour of its outcome, and a site's own method."""
        return format_html(
            '<span class="plasgate-ip-badge plasgate-ip-badge-{}">{}</span>{}',
            statistics.Outcome.of(verification.status),
            verification.get_status_display(),
            "" if verification.method == NETWORK else f" {verification.method}",
        )

    @admin.display(description=gettext_lazy("user"))
    def login(self, verification: PhoneVerification) -> str | None:
        """Return the login name, masked if it is a phone number.

        A custom ``User.__str__`` may show the number, or make a query for each row.
        """
        return masked_login_name(verification.user) if verification.user else None

    @admin.display(description=gettext_lazy("user"))
    def account(self, verification: PhoneVerification) -> str:
        """Return the login name as `login` does, linked to the user's page in the admin."""
        user: Any = verification.user
        if user is None:
            return self.get_empty_value_display()
        name = masked_login_name(user)
        view = f"admin:{user._meta.app_label}_{user._meta.model_name}_change"
        try:
            url = reverse(view, args=[quote(user.pk)], current_app=self.admin_site.name)
        except NoReverseMatch:
            return name
        return format_html('<a href="{}">{}</a>', url, name)

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

    def _url(self, page: str) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, current_app=self.admin_site.name)

    def _sees_claims(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.view_claims")


def _base() -> Any:
    """Return Django's ModelAdmin, or django-unfold's if it is installed: its theme needs it."""
    if not apps.is_installed("unfold"):
        return admin.ModelAdmin
    from unfold.admin import ModelAdmin

    return ModelAdmin


@admin.register(PhoneVerification)
class PhoneVerificationAdmin(PhoneVerificationAdminMixin, _base()):  # type: ignore[misc]
    """The admin that this app registers. It supports django-unfold."""


def _without(names: set[str], fieldsets: list[Any]) -> list[Any]:
    """Remove the fields with these names, and each fieldset that has no other field."""
    fields = [tuple(n for n in options["fields"] if n not in names) for _, options in fieldsets]
    pairs = zip(fieldsets, fields, strict=True)
    return [(title, options | {"fields": left}) for (title, options), left in pairs if left]


def _has_claims(verification: PhoneVerification) -> bool:
    field: Any = PhoneVerification._meta.get_field("claims")
    return bool(verification.sub or verification.mobile_id or field.value_to_string(verification))
