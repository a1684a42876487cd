"""The app's pages, a protected page and the references."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from benchmarks import plain
from django_plasgate_ip.decorators import phone_verified_required


def page(request: HttpRequest) -> HttpResponse:
    """Be a protected page of a site."""
    return HttpResponse("Welcome.")


urlpatterns = [
    path("phone/", include("django_plasgate_ip.urls")),
    path("members/", phone_verified_required(page)),
    path("plain/start/", plain.start),
    path("plain/callback/post/", plain.callback_post),
    path("plain/callback/session/", plain.callback_session),
    path("admin/", admin.site.urls),
]
