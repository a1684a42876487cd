"""System checks of the app's own settings and of the site around the app."""

from django_plasgate_ip.checks.project import check_deployment, check_project
from django_plasgate_ip.checks.settings import check_sending, check_settings

__all__ = ["check_deployment", "check_project", "check_sending", "check_settings"]
