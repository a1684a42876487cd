"""Every page of the example, those about accounts from django-allauth."""

from django.urls import include, path

from example.urls import urlpatterns as pages

# The first one that fits is taken, so allauth's pages stand for the example's of the same address.
urlpatterns = [path("accounts/", include("allauth.urls")), *pages]
