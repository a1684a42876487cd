"""Every page of the example, those about accounts from django-allauth."""

from django.urls import include, path

from example.urls import urlpatterns as pages

# The first match wins, so allauth's pages replace the example's pages at the same URLs.
urlpatterns = [path("accounts/", include("allauth.urls")), *pages]
