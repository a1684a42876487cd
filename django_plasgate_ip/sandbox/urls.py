"""The endpoints as the wire names them: without a slash at the end."""

from django.urls import path

from django_plasgate_ip.sandbox import views

app_name = "plasgate_ip_sandbox"

urlpatterns = [
    path("authenticate", views.authenticate, name="authenticate"),
    path("ip-auth", views.ip_auth, name="ip-auth"),
    # What PlasGate's Android and iOS SDKs call the same endpoint.
    path("check-info", views.ip_auth, name="check-info"),
]
