"""The admin of verifications. Staff can search, read, export and delete them, but not edit them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from django_plasgate_ip.admin import chart, export, log, search, statistics
from django_plasgate_ip.admin.columns import CHANGES, Columns
from django_plasgate_ip.admin.filters import OperatorFilter
from django_plasgate_ip.admin.paginator import BoundedPaginator
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.personal_data import masked_login_name
from django_plasgate_ip.security_events import SecurityEvent, record

# The columns that the query string may filter by. The others are masked or hidden.
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
    "operator",
    "method",
)

# The fields of the page that some verifications do not have, and the columns that they show.
_OPTIONAL = {
    "reason": "reason",
    "advice": "reason",
    "error_description": "error_description",
    "scopes": "scopes",
    "callback_url": "redirect_uri",
}


class PhoneVerificationAdminMixin(Columns):
    """The admin without a base class. A site can combine it with its own ``ModelAdmin``.

    It is read-only. Staff need the permission ``view_claims`` to see claims and full numbers. The
    list masks the numbers for everybody.
    """

    class Media:
        css = {"all": ("django_plasgate_ip/admin.css",)}

    list_display = ("number", "login", "badge", "reason", "scopes", "created_at", "took")
    list_filter = ("status", OperatorFilter, "reason", "mobile_id_changed", "created_at")
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
        (gettext_lazy("Who"), {"fields": ("number", "operator", "account")}),
        (gettext_lazy("Changes"), {"fields": ("changes", "acknowledged_at")}),
        (gettext_lazy("When"), {"fields": ("created_at", "completed_at", "took")}),
        (gettext_lazy("Request"), {"fields": ("id", "verified_by", "scopes", "callback_url")}),
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
            context["chart"] = chart.draw(self.summary(request))
            context["export_url"] = self._url("export") + changelist.get_query_string()
            context["exports_claims"] = self._sees_claims(request)
        return response

    def summary(self, request: HttpRequest) -> statistics.Summary:
        """Return the figures of the last 30 days, which are cached."""
        return statistics.summarise(self.get_queryset(request))

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
        """Add what this user may see. Remove what this verification does not have."""
        sees_claims = self._sees_claims(request)
        shown = {name: name for name in flatten_fieldsets(self.fieldsets)}
        if sees_claims:
            shown["number"] = "full_number"
        if not self._sees_users(request):
            shown["account"] = "login"
        for name, column in _OPTIONAL.items():
            if not getattr(obj, column, ""):
                del shown[name]
        if not any(getattr(obj, name, False) for name in CHANGES):
            del shown["acknowledged_at"]
        claims = (self._claims_fieldset,) if sees_claims else ()
        return [*_with_only(shown, self.fieldsets), *claims]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every field that is shown, so that the form accepts no input."""
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def render_change_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Record that this user viewed the full number and the claims."""
        verification = kwargs.get("obj")
        if verification and self._sees_claims(request) and _has_personal_data(verification):
            self.log_change(request, verification, _("Viewed the full number and the claims."))
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

    def _url(self, page: str) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, current_app=self.admin_site.name)

    def _sees_claims(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.view_claims")

    def _sees_users(self, request: HttpRequest) -> bool:
        users = get_user_model()
        if not self.admin_site.is_registered(users):
            return False
        return self.admin_site.get_model_admin(users).has_view_permission(request)


def _base() -> Any:
    """Return Django's ModelAdmin, or django-unfold's if it is installed: its theme needs it."""
    if not apps.is_installed("unfold"):
        return admin.ModelAdmin
    from unfold.admin import ModelAdmin

    return ModelAdmin


@admin.register(PhoneVerification)
class PhoneVerificationAdmin(PhoneVerificationAdminMixin, _base()):  # type: ignore[misc]
    """The admin that this app registers. It supports django-unfold."""


def _with_only(shown: dict[str, str], fieldsets: Any) -> Iterator[Any]:
    """Yield the fieldsets with these fields under their new names. Omit an empty fieldset."""
    for title, options in fieldsets:
        fields = tuple(shown[name] for name in options["fields"] if name in shown)
        if fields:
            yield title, options | {"fields": fields}


def _has_personal_data(verification: PhoneVerification) -> bool:
    field: Any = PhoneVerification._meta.get_field("claims")
    shown = (verification.phone_number, verification.sub, verification.mobile_id)
    return any(shown) or bool(field.value_to_string(verification))
