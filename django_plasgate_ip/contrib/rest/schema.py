"""What drf-spectacular documents about the endpoints. `urls` imports it where that is installed."""

from typing import Any

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from django_plasgate_ip.contrib.rest import views
from django_plasgate_ip.contrib.rest.errors import CODES
from django_plasgate_ip.contrib.rest.serializers import (
    CompleteSerializer,
    PhoneNumberField,
    StartSerializer,
)
from django_plasgate_ip.reasons import Reason, Status

_DESCRIPTIONS = {
    400: "The body is not valid: see the names of its fields, or `detail`.",
    401: "Nobody is signed in.",
    403: "The request is not allowed.",
    404: "There is no such verification, or it belongs to another account or another handle.",
    429: "A limit is reached.",
}


class Started(serializers.Serializer):  # type: ignore[misc]
    """A started verification."""

    id = serializers.UUIDField()
    authorize_url = serializers.URLField(help_text="Open it over mobile data.")
    redirect_uri = serializers.URLField(help_text="Catch the redirect to it. Do not open it.")
    handle = serializers.CharField(help_text="The secret to complete with.")


class Verification(serializers.Serializer):  # type: ignore[misc]
    """What `responses.verification_json` returns."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(Status.values)
    reason = serializers.ChoiceField(Reason.values, allow_blank=True)
    message = serializers.CharField(help_text="For the visitor.")
    phone_number = serializers.CharField(help_text="Masked.")
    created_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)


class Error(serializers.Serializer):  # type: ignore[misc]
    """One error."""

    message = serializers.CharField()
    code = serializers.ChoiceField(CODES)


def _errors() -> Any:
    return Error(many=True, required=False)


class Refusal(serializers.Serializer):  # type: ignore[misc]
    """Errors that are about no field."""

    detail = _errors()


class StartErrors(Refusal):
    """Errors of a start."""

    phone_number = _errors()


class CompleteErrors(Refusal):
    """Errors of a completion."""

    handle, code, state, error, error_description = (_errors() for _ in range(5))


# A site's own serializers may have these names.
for serializer, name in (
    (StartSerializer, "Start"),
    (CompleteSerializer, "Complete"),
    *((each, each.__name__) for each in (Started, Verification, Error, Refusal)),
    *((each, each.__name__) for each in (StartErrors, CompleteErrors)),
):
    extend_schema_serializer(component_name=f"PlasGateIP{name}")(serializer)
extend_schema_field(str)(PhoneNumberField)


def _responses(successes: dict[int, Any], refusals: dict[int, Any]) -> dict[int, Any]:
    described = {
        status: OpenApiResponse(body, description=_DESCRIPTIONS[status])
        for status, body in refusals.items()
    }
    return successes | described


_RETRY_AFTER = OpenApiParameter(
    "Retry-After", int, OpenApiParameter.HEADER, response=[429], description="Seconds."
)
_HANDLE = OpenApiParameter(
    views.HANDLE_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The handle, for a verification that an anonymous request started.",
)


extend_schema(
    operation_id="phone_verification_start",
    request=StartSerializer,
    responses=_responses(
        {201: Started}, {400: StartErrors, 401: Refusal, 403: Refusal, 429: Refusal}
    ),
    parameters=[_RETRY_AFTER],
)(views.StartView.post)

extend_schema(
    operation_id="phone_verification_complete",
    request=CompleteSerializer,
    responses=_responses(
        {
            200: OpenApiResponse(Verification, description="It has ended, however."),
            202: OpenApiResponse(Verification, description="Another request completes it."),
        },
        {400: CompleteErrors, 401: Refusal, 403: Refusal, 404: Refusal, 429: Refusal},
    ),
    parameters=[_RETRY_AFTER],
)(views.CompleteView.post)

extend_schema(
    operation_id="phone_verification_detail",
    responses=_responses(
        {200: Verification}, {401: Refusal, 403: Refusal, 404: Refusal, 429: Refusal}
    ),
    parameters=[_HANDLE, _RETRY_AFTER],
)(views.DetailView.get)
