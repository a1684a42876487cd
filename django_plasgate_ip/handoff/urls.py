"""The URLs of a hand-off. `django_plasgate_ip.urls` includes them in its own namespace."""

from django.urls import path

from django_plasgate_ip.handoff import views

urlpatterns = [
    # Short: a longer URL makes a denser QR code.
    path("on/<str:token>/", views.phone, name="handoff"),
    path("on/<str:token>/screen/", views.screen, name="handoff_screen"),
]
