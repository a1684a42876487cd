"""The three pages: start, callback, and an attempt's own."""

from django.urls import path

from django_plasgate_ip import views

app_name = "plasgate_ip"

urlpatterns = [
    path("", views.start, name="start"),
    path("callback/", views.callback, name="callback"),
    path("<uuid:pk>/", views.detail, name="detail"),
]
