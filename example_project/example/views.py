"""The example's own pages."""

from typing import Any

from django.apps import apps
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import UserCreationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.views.generic import CreateView

from django_plasgate_ip.decorators import phone_verified_required
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.sandbox.magic_numbers import Outcome


def home(request: HttpRequest) -> HttpResponse:
    sandboxed = apps.is_installed("django_plasgate_ip.sandbox")
    return render(request, "home.html", {"outcomes": list(Outcome) if sandboxed else []})


@login_required
@phone_verified_required
def members(request: HttpRequest) -> HttpResponse:
    verification = PhoneVerification.objects.with_confirmed_number().latest_for(request.user)
    return render(request, "members.html", {"verification": verification})


class SignUp(CreateView):  # type: ignore[type-arg]
    form_class = UserCreationForm
    template_name = "registration/signup.html"
    success_url = reverse_lazy("members")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        login(self.request, form.instance)
        return response
