"""The example's API for an app, which sends a token and no cookie."""

from typing import Any

from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_plasgate_ip.models import PhoneVerification


class HasVerifiedPhone(BasePermission):  # type: ignore[misc]
    message = {"detail": "Verify your phone number first.", "code": "phone_verification_required"}

    def has_permission(self, request: Request, view: Any) -> bool:
        return PhoneVerification.objects.is_verified(request.user)


class Members(APIView):  # type: ignore[misc]
    permission_classes = [IsAuthenticated, HasVerifiedPhone]

    def get(self, request: Request) -> Response:
        verification = PhoneVerification.objects.with_confirmed_number().latest_for(request.user)
        number = verification.masked_number if verification else ""
        return Response({"username": request.user.get_username(), "phone_number": number})
