"""The pages: start, callback, an attempt's own, and the two ends of a hand-off to a phone."""

from django.urls import path

from django_plasgate_ip import views
from django_plasgate_ip.handoff import views as handoff_views

app_name = "plasgate_ip"

urlpatterns = [
    path("", views.start, name="start"),
    path("callback/", views.callback, name="callback"),
    path("<uuid:pk>/", views.detail, name="detail"),
    # Short, since it is in a QR code.
    path("on/<str:token>/", handoff_views.phone, name="handoff"),
    path("on/<str:token>/screen/", handoff_views.screen, name="handoff_screen"),
]
