"""The URLs of the example. Those below ``phone/`` are the app's."""

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from example import views
from example.phone_code import phone_code

urlpatterns = [
    path("", views.home, name="home"),
    path("members/", views.members, name="members"),
    path("phone-code/", phone_code, name="phone-code"),
    path("phone/", include("django_plasgate_ip.urls")),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("accounts/signup/", views.SignUp.as_view(), name="signup"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

if apps.is_installed("django_plasgate_ip.sandbox"):
    urlpatterns += [path("sandbox/", include("django_plasgate_ip.sandbox.urls"))]
