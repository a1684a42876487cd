"""The URLs of the example. Those below ``phone/`` and ``api/phone/`` are the app's."""

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token

from example import api, views
from example.phone_code import phone_code

urlpatterns = [
    path("", views.home, name="home"),
    path("members/", views.members, name="members"),
    path("phone-code/", phone_code, name="phone-code"),
    path("phone/", include("django_plasgate_ip.urls")),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("accounts/signup/", views.SignUp.as_view(), name="signup"),
    path("api/token/", obtain_auth_token),
    path("api/phone/", include("django_plasgate_ip.contrib.rest.urls")),
    path("api/members/", api.Members.as_view()),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

if apps.is_installed("django_plasgate_ip.sandbox"):
    urlpatterns += [path("sandbox/", include("django_plasgate_ip.sandbox.urls"))]
