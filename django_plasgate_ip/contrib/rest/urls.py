"""The URLs of the endpoints, below a path of the site's choice."""

from importlib.util import find_spec

from django.urls import path

from django_plasgate_ip.contrib.rest import views

app_name = "plasgate_ip_rest"

urlpatterns = [
    path("", views.StartView.as_view(), name="start"),
    path("<uuid:id>/", views.DetailView.as_view(), name="detail"),
    path("<uuid:id>/complete/", views.CompleteView.as_view(), name="complete"),
]

if find_spec("drf_spectacular"):
    from django_plasgate_ip.contrib.rest import schema  # noqa: F401
