"""URLs of a site that begin with a language."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path

urlpatterns = i18n_patterns(
    path("phone/", include("django_plasgate_ip.urls")),
    path("accounts/", include("django.contrib.auth.urls")),
)
