"""URLs of the site without pages of its own."""

from django.urls import include, path

urlpatterns = [
    path("phone/", include("django_plasgate_ip.urls")),
    path("sandbox/", include("django_plasgate_ip.sandbox.urls")),
]
