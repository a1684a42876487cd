"""The staff's view: find an attempt, see how it went and why, and never change it."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification

# Users whose login name begins with what was searched; more than these is no search.
MAX_USERS = 50
# Longer than any column that is searched; SQLite fails on a pattern of 50 kB.
MAX_TERM_LENGTH = 255
# Pages that the paginator looks ahead, so that it need not count millions of rows.
PAGES_AHEAD = 3
# Further than anybody turns, and not so far that a database can't count the rows before it.
LAST_PAGE = 1_000_000
# What the query string may ask of; the other columns are masked, hidden, or the claims' own.
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


class LookAheadPaginator(Paginator):  # type: ignore[type-arg]
    """Knows that there are more rows, up to a few pages on, and never how many in all."""

    page_number = 1

    @cached_property
    def count(self) -> int:
        """Return the rows up to `PAGES_AHEAD` pages behind the current one."""
        before = (self.page_number - 1) * self.per_page
        found = self._look_ahead(before)
        # Behind the last page: the first pages' count, which says that this one is none of them.
        return before + found if found or not before else self._look_ahead(0)

    def _look_ahead(self, start: int) -> int:
        most = (1 + PAGES_AHEAD) * self.per_page
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk")[start : start + most])


@admin.register(PhoneVerification)
class PhoneVerificationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only. Numbers are masked, and claims hidden, without the permission ``view_claims``."""

    list_display = ("number", "login", "status", "reason", "scopes", "created_at", "took")
    list_filter = ("status", "reason", "mobile_id_changed", "created_at")
    list_per_page = 50
    list_select_related = ("user",)
    ordering = ("-created_at",)
    # Any other order would sort the whole table.
    sortable_by = ("created_at",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = LookAheadPaginator
    # The look ahead ends at so few rows that Django would offer to show "all" of them, and show
    # the whole table.
    list_max_show_all = 0
    # Makes the box appear; what it searches is in get_search_results.
    search_fields = ("phone_number",)
    search_help_text = gettext_lazy(
        "A whole phone number in any form, the beginning of a login name, a sub or a mobile ID."
    )
    fieldsets = (
        (None, {"fields": ("status", "reason", "advice", "error_description")}),
        (gettext_lazy("Who"), {"fields": ("number", "user")}),
        (
            gettext_lazy("SIM or device"),
            {"fields": ("mobile_id_changed", "mobile_id_acknowledged_at")},
        ),
        (gettext_lazy("When"), {"fields": ("created_at", "completed_at", "took")}),
        (gettext_lazy("Request"), {"fields": ("id", "scopes", "callback_url")}),
    )
    # The operator's two ids are claims, too.
    _claims_fieldset = (
        gettext_lazy("Claims"),
        {"fields": ("sub", "mobile_id", "claims_as_json")},
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: attempts are made by visitors."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: what the operator said stays as it was said."""
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Refuse lookups of what is masked or hidden."""
        # SECURITY: ?phone_number__startswith= would spell out a masked number, digit by digit.
        shown = lookup.partition("__")[0] in LOOKUP_FIELDS
        return shown and super().lookup_allowed(lookup, value, request)

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Tell the paginator which page it is on."""
        paginator: Any = super().get_paginator(request, *args, **kwargs)
        try:
            page = int(request.GET.get(PAGE_VAR, 1))
        except ValueError:
            page = 1
        paginator.page_number = min(max(page, 1), LAST_PAGE)
        return paginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PhoneVerification], search_term: str
    ) -> tuple[QuerySet[PhoneVerification], bool]:
        """Search by whole number, login name, sub and mobile ID, each by its index."""
        term = search_term.strip()
        if len(term) > MAX_TERM_LENGTH or "\0" in term:
            return queryset.none(), False
        return (queryset.filter(_search(term)), False) if term else (queryset, False)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Add the claims for those who may see them."""
        return (*self.fieldsets, *([self._claims_fieldset] if self._sees_claims(request) else []))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every field shown: a form field for one would let it be sent."""
        return [
            name for _title, options in self.get_fieldsets(request) for name in options["fields"]
        ]

    def render_change_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Record in the admin log that claims were looked at, and by whom."""
        verification = kwargs.get("obj")
        if verification and self._sees_claims(request) and _has_claims(verification):
            self.log_change(request, verification, _("Looked at the claims."))
        return super().render_change_form(request, *args, **kwargs)

    @admin.display(description=gettext_lazy("phone number"))
    def number(self, verification: PhoneVerification) -> str:
        """Return the masked number."""
        return verification.masked_number or self.get_empty_value_display()

    @admin.display(description=gettext_lazy("user"))
    def login(self, verification: PhoneVerification) -> str | None:
        """Return the login name; a user's own ``str`` may ask the database for every row."""
        return verification.user.get_username() if verification.user else None

    @admin.display(description=gettext_lazy("took"))
    def took(self, verification: PhoneVerification) -> str:
        """Return how long the attempt took, in seconds."""
        duration = verification.duration
        if duration is None:
            return self.get_empty_value_display()
        return _("%(seconds)s s") % {"seconds": number_format(duration.total_seconds(), 1)}

    @admin.display(description=gettext_lazy("what it means"))
    def advice(self, verification: PhoneVerification) -> str:
        """Return where to look, for the operator."""
        return str(verification.operator_message)

    @admin.display(description=gettext_lazy("redirect URI"))
    def callback_url(self, verification: PhoneVerification) -> str:
        """Return the redirect URI without its nonce, which is for the visitor's browser alone."""
        return verification.redirect_uri.partition("?")[0]

    @admin.display(description=gettext_lazy("claims"))
    def claims_as_json(self, verification: PhoneVerification) -> str:
        """Return the claims, or why they can't be read."""
        try:
            claims = verification.claims
        except ImproperlyConfigured as error:
            # ClaimsUnreadable, or a list of keys with which nothing could be read.
            return str(error)
        text = json.dumps(claims, ensure_ascii=False, indent=2, sort_keys=True)
        return format_html('<pre dir="ltr">{}</pre>', text)

    def _sees_claims(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.view_claims")


def _has_claims(verification: PhoneVerification) -> bool:
    field: Any = PhoneVerification._meta.get_field("claims")
    return bool(verification.sub or verification.mobile_id or field.value_to_string(verification))


def _search(term: str) -> Q:
    """Return the condition for one search; the user's part is asked first, to stay indexed."""
    user_model: Any = get_user_model()
    name = user_model.USERNAME_FIELD
    users = user_model._default_manager.filter(**{f"{name}__startswith": term})
    # In order, so that the one whose whole name it is comes first.
    ids = list(users.order_by(name).values_list("pk", flat=True)[:MAX_USERS])
    found = Q(sub=term) | Q(mobile_id=term) | Q(user_id__in=ids)
    try:
        return found | Q(phone_number=phones.parse(term))
    except InvalidPhoneNumber:
        return found
