"""The body of an error: one form for all of them, with a code for each message.

``{"phone_number": [{"message": "…", "code": "invalid"}]}``: the names are those of the request's
fields. What is about no field is in ``detail``.
"""

from typing import Any

from rest_framework.settings import api_settings
from rest_framework.views import exception_handler

# The name of errors that are about no field.
DETAIL = "detail"
#: All codes of these endpoints. The site's own authentication may have others.
CODES = (
    *("required", "null", "blank", "invalid", "not_text", "max_length"),
    *("null_characters_not_allowed", "surrogate_characters_not_allowed"),
    *("parse_error", "invalid_callback"),
    *("not_authenticated", "authentication_failed", "permission_denied"),
    *("not_found", "method_not_allowed", "not_acceptable", "unsupported_media_type"),
    *("throttled", "too_many_starts"),
)


def handle(error: Exception, context: dict[str, Any]) -> Any:
    """Return the response for an error, or None for one that is not the client's."""
    response = exception_handler(error, context)
    if response is not None:
        response.data = _body(response.data)
    return response


def _body(data: Any) -> dict[str, list[dict[str, str]]]:
    if isinstance(data, list) or DETAIL in data:
        # Packages for tokens add further names, such as "messages".
        data = {DETAIL: data if isinstance(data, list) else data[DETAIL]}
    own_name = {api_settings.NON_FIELD_ERRORS_KEY: DETAIL}
    return {own_name.get(name, name): _listed(each) for name, each in data.items()}


def _listed(details: Any) -> list[dict[str, str]]:
    listed = details if isinstance(details, list) else [details]
    return [{"message": str(each), "code": getattr(each, "code", "invalid")} for each in listed]
