"""The endpoints: each reads the request, calls `flow` and returns JSON.

Authentication and throttles are the site's defaults. Subclass a view to choose others.
"""

from typing import Any
from uuid import UUID

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from rest_framework import exceptions, parsers, renderers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_plasgate_ip import flow, responses
from django_plasgate_ip.conf import conf
from django_plasgate_ip.contrib.rest import errors, serializers
from django_plasgate_ip.exceptions import InvalidCallback, TooManyStarts, VerificationNotFound
from django_plasgate_ip.redaction import Hidden

HANDLE_HEADER = "X-Verification-Handle"
_HANDLE = "HTTP_X_VERIFICATION_HANDLE"


class MayVerify(BasePermission):  # type: ignore[misc]
    """Refuses anonymous requests unless ``PLASGATE_IP_LOGIN_REQUIRED`` is False."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the request may start, complete and read verifications."""
        user = request.user
        return not conf.PLASGATE_IP_LOGIN_REQUIRED or bool(user and user.is_authenticated)


class _View(APIView):  # type: ignore[misc]
    # Each handler takes further arguments: the site's path may have a version, or a tenant.
    # The site's own defaults may require a verified phone, or rename the fields.
    permission_classes = [MayVerify]
    parser_classes = [parsers.JSONParser, parsers.FormParser]
    renderer_classes = [renderers.JSONRenderer]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return a view that no cache stores, and that runs outside of transactions."""
        view = sensitive_post_parameters()(super().as_view(**initkwargs))
        return responses.outside_transactions(never_cache(view))

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Hide the handle first: Django's error reports show all headers."""
        # SECURITY: the client's Content-Type chooses the charset. Older versions of the framework
        # accept codecs that decompress, so a small body could fill the memory.
        request.encoding = "utf-8"
        if _HANDLE in request.META:
            request.META[_HANDLE] = Hidden(request.META[_HANDLE])
        return super().initialize_request(request, *args, **kwargs)

    def get_exception_handler(self) -> Any:
        """Return the function for the form of error that the documentation describes."""
        return errors.handle


class StartView(_View):
    """Start a verification."""

    def post(self, request: Request, **kwargs: Any) -> Response:
        """Start a verification, and return where to send the phone."""
        fields = _read(serializers.StartSerializer, request)
        try:
            started = flow.begin_for_app(request, fields.get("phone_number"))
        except TooManyStarts as error:
            refusal = exceptions.Throttled(
                detail=responses.too_many_message(error), code="too_many_starts"
            )
            refusal.wait = error.seconds  # DRF's own text about it would be a second one
            raise refusal from None
        verification = started.verification
        body = {
            "id": str(verification.pk),
            "authorize_url": started.authorize_url,
            "redirect_uri": verification.redirect_uri,
            "handle": started.handle,
        }
        return Response(body, status=201)


class CompleteView(_View):
    """Complete a verification."""

    def post(self, request: Request, id: UUID, **kwargs: Any) -> Response:
        """Complete a verification with what the app has caught at its ``redirect_uri``."""
        fields = _read(serializers.CompleteSerializer, request)
        try:
            verification = flow.complete_for_app(request, id, **fields)
        except VerificationNotFound:
            raise exceptions.NotFound from None
        except InvalidCallback:
            message = _("This code and state can't be used for this verification.")
            raise exceptions.ValidationError(
                {errors.DETAIL: [message]}, code="invalid_callback"
            ) from None
        # 202: another request exchanges the code.
        status = 202 if verification.is_live else 200
        return Response(responses.verification_json(verification), status=status)


class DetailView(_View):
    """Read a verification."""

    def get(self, request: Request, id: UUID, **kwargs: Any) -> Response:
        """Return a verification of this account, or of the handle in the header."""
        verification = flow.find_for_app(request, id, request.META.get(_HANDLE, ""))
        if verification is None:
            raise exceptions.NotFound
        return Response(responses.verification_json(verification))


def _read(serializer_class: Any, request: Request) -> dict[str, Any]:
    """Return the valid fields of the body. Their repr hides them."""
    try:
        serializer = serializer_class(data=request.data)
    except (RecursionError, SuspiciousOperation):
        # JSON that is nested too deeply, or a body with too many bytes or fields.
        raise exceptions.ParseError from None
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
