"""The filter of the admin's list by operator."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip.models import PhoneVerification


class OperatorFilter(admin.SimpleListFilter):
    """Offers the operators of the last 30 days, which the cached summary has.

    A query for all operators would read the whole table.
    """

    title = _("operator")
    parameter_name = "operator"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the operators, with the one that the URL names."""
        names = set(model_admin.summary(request).operators)
        # Django ignores a filter that offers nothing.
        if selected := self.value():
            names.add(selected)
        return [(name, name) for name in sorted(names)]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PhoneVerification]
    ) -> QuerySet[PhoneVerification]:
        """Return the verifications of the chosen operator."""
        name = self.value()
        return queryset.filter(operator=name) if name else queryset
