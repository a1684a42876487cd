"""The URLs of the tests' site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("phone/", include("django_plasgate_ip.urls")),
    path("sandbox/", include("django_plasgate_ip.sandbox.urls")),
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
]
