"""The URLs of start, callback and each verification's page, and of the hand-off if installed."""

from django.urls import URLPattern, URLResolver, include, path

from django_plasgate_ip import views
from django_plasgate_ip.apps import handoff_app

app_name = "plasgate_ip"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.start, name="start"),
    path("callback/", views.callback, name="callback"),
    path("<uuid:pk>/", views.detail, name="detail"),
]

if handoff := handoff_app():
    urlpatterns.append(path("", include(handoff.urls)))
