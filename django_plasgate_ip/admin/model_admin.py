"""The staff's pages: find a verification, see how it ended and why; nobody edits it."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.views.main import ERROR_FLAG, SEARCH_VAR
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from django_plasgate_ip.admin import chart, export, search, statistics
from django_plasgate_ip.admin.paginator import BoundedPaginator
from django_plasgate_ip.models import PhoneVerification

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object

# Columns that the query string may filter by. The others are masked, hidden or claims.
LOOKUP_FIELDS = (
    "pk",
    "id",
    "user",
    "scopes",
    "status",
    "reason",
    "created_at",
    "completed_at",
    "mobile_id_changed",
)


class PhoneVerificationAdminMixin(_ModelAdmin):
    """The admin without a base class, for sites that have another one than Django's.

    Read-only. Numbers are masked, and claims hidden, without the permission ``view_claims``.
    """

    class Media:
        css = {"all": ("django_plasgate_ip/admin.css",)}

    list_display = ("number", "login", "badge", "reason", "scopes", "created_at", "took")
    list_filter = ("status", "reason", "mobile_id_changed", "created_at")
    list_per_page = 50
    ordering = ("-created_at",)
    # Any other order would sort the whole table.
    sortable_by = ("created_at",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    # Shows the search box. get_search_results decides what is searched.
    search_fields = ("phone_number",)
    search_help_text = gettext_lazy(
        "A whole phone number in any form, the beginning of a login name, a sub or a mobile ID."
    )
    fieldsets = (
        (None, {"fields": ("badge", "reason", "advice", "error_description")}),
        (gettext_lazy("Who"), {"fields": ("number", "user")}),
        (
            gettext_lazy("SIM or device"),
            {"fields": ("mobile_id_changed", "mobile_id_acknowledged_at")},
        ),
        (gettext_lazy("When"), {"fields": ("created_at", "completed_at", "took")}),
        (gettext_lazy("Request"), {"fields": ("id", "scopes", "callback_url")}),
    )
    # The operator's two ids are claims, too.
    _claims_fieldset = (gettext_lazy("Claims"), {"fields": ("sub", "mobile_id", "claims_as_json")})

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: only visitors start verifications."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: nobody edits what the operator answered."""
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Refuse lookups of what is masked or hidden."""
        # SECURITY: ?phone_number__startswith= would spell out a masked number, digit by digit.
        shown = lookup.partition("__")[0] in LOOKUP_FIELDS
        return shown and super().lookup_allowed(lookup, value, request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PhoneVerification]:
        """Prefetch users: a database would join them to the rows of all earlier pages, too."""
        return super().get_queryset(request).prefetch_related("user")

    def get_urls(self) -> list[Any]:
        """Add the export."""
        view = self.admin_site.admin_view(require_GET(self.export_view))
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", view, name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Add the summary of all verifications, and the link to the list's export."""
        response = super().changelist_view(request, *args, **kwargs)
        context = getattr(response, "context_data", None) or {}
        changelist = context.get("cl")
        # An action's confirmation is a page without a list; a popup is for choosing one.
        if changelist is not None and not changelist.is_popup:
            context["chart"] = chart.draw(statistics.summarise(self.get_queryset(request)))
            context["export_url"] = self._url("export") + changelist.get_query_string()
            context["exports_claims"] = self._sees_claims(request)
        return response

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Send all verifications of the list as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            queryset = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            # As Django's list does, which then shows an error.
            return HttpResponseRedirect(f"{self._url('changelist')}?{ERROR_FLAG}=1")
        with_claims = self._sees_claims(request)
        if with_claims:
            self._record_export(request)
        return export.response(request, queryset, with_claims)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PhoneVerification], search_term: str
    ) -> tuple[QuerySet[PhoneVerification], bool]:
        """Search by whole number, login name, sub and mobile ID, each by its index."""
        return search.search(queryset, search_term), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Add the claims for those who may see them."""
        claims = (self._claims_fieldset,) if self._sees_claims(request) else ()
        fieldsets = [*self.fieldsets, *claims]
        # The advice explains the reason, so without a reason there is none.
        return fieldsets if obj is None or obj.reason else [_without_advice(f) for f in fieldsets]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every field that is shown, so that the form accepts none."""
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def render_change_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Record in the admin log that this member of staff looked at the claims."""
        verification = kwargs.get("obj")
        if verification and self._sees_claims(request) and _has_claims(verification):
            self.log_change(request, verification, _("Looked at the claims."))
        return super().render_change_form(request, *args, **kwargs)

    @admin.display(description=gettext_lazy("phone number"))
    def number(self, verification: PhoneVerification) -> str:
        """Return the masked number, which the stylesheet keeps on one line."""
        mask = verification.masked_number
        if not mask:
            return self.get_empty_value_display()
        return format_html('<span class="plasgate-ip-number">{}</span>', mask)

    @admin.display(description=gettext_lazy("status"))
    def badge(self, verification: PhoneVerification) -> str:
        """Return the status in words, on the colour of its outcome."""
        return format_html(
            '<span class="plasgate-ip-badge plasgate-ip-badge-{}">{}</span>',
            statistics.Outcome.of(verification.status),
            verification.get_status_display(),
        )

    @admin.display(description=gettext_lazy("user"))
    def login(self, verification: PhoneVerification) -> str | None:
        """Return the login name. A site's own ``User.__str__`` may query for every row."""
        return verification.user.get_username() if verification.user else None

    @admin.display(description=gettext_lazy("took"))
    def took(self, verification: PhoneVerification) -> str:
        """Return the seconds from the start to the end."""
        duration = verification.duration
        if duration is None:
            return self.get_empty_value_display()
        return chart.seconds(duration.total_seconds())

    @admin.display(description=gettext_lazy("what it means"))
    def advice(self, verification: PhoneVerification) -> str:
        """Return what staff can do about the reason."""
        return str(verification.staff_message)

    @admin.display(description=gettext_lazy("redirect URI"))
    def callback_url(self, verification: PhoneVerification) -> str:
        """Return the redirect URI without its nonce, which only the visitor's browser may know."""
        return verification.redirect_uri.partition("?")[0]

    @admin.display(description=gettext_lazy("claims"))
    def claims_as_json(self, verification: PhoneVerification) -> str:
        """Return the claims, or why they can't be read."""
        text = export.claims_as_json(verification, indent=2) or self.get_empty_value_display()
        return format_html('<pre class="plasgate-ip-claims" dir="ltr">{}</pre>', text)

    def _url(self, page: str) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, current_app=self.admin_site.name)

    def _record_export(self, request: HttpRequest) -> None:
        """Record who exported the claims, and with which filters, as one entry."""
        query = request.GET.copy()
        if query.get(SEARCH_VAR):
            # It may be a person's number.
            query[SEARCH_VAR] = "***"
        LogEntry.objects.create(
            user_id=str(request.user.pk),
            content_type_id=ContentType.objects.get_for_model(self.model).pk,
            object_repr=_("Claims, exported as CSV"),
            action_flag=CHANGE,
            change_message=_("Exported: %(query)s") % {"query": query.urlencode(safe="*") or "*"},
        )

    def _sees_claims(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.view_claims")


def _base() -> Any:
    """Return django-unfold's ModelAdmin if it is installed, as its theme needs, or Django's."""
    if not apps.is_installed("unfold"):
        return admin.ModelAdmin
    from unfold.admin import ModelAdmin

    return ModelAdmin


@admin.register(PhoneVerification)
class PhoneVerificationAdmin(PhoneVerificationAdminMixin, _base()):  # type: ignore[misc]
    """The admin that this app registers. It has django-unfold's theme if that is installed."""


def _without_advice(fieldset: Any) -> Any:
    title, options = fieldset
    return title, options | {"fields": tuple(n for n in options["fields"] if n != "advice")}


def _has_claims(verification: PhoneVerification) -> bool:
    field: Any = PhoneVerification._meta.get_field("claims")
    return bool(verification.sub or verification.mobile_id or field.value_to_string(verification))
