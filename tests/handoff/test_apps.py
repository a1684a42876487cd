"""The hand-off's app: its extra, its migrations, and what it does for the core."""

import sys
from datetime import timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.utils import timezone

from django_plasgate_ip import personal_data
from django_plasgate_ip.apps import handoff_app
from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.models import PhoneVerification
from tests.handoff.devices import hand_over
from tests.visitor import TYPED

pytestmark = pytest.mark.django_db


def test_a_site_without_segno_is_improperly_configured(monkeypatch):
    app = handoff_app()
    assert app == apps.get_app_config("plasgate_ip_handoff")
    monkeypatch.setitem(sys.modules, "segno", None)

    with pytest.raises(ImproperlyConfigured, match=r"django-plasgate-ip\[handoff\]"):
        app.ready()


def test_no_migration_is_missing(settings):
    settings.DEFAULT_AUTO_FIELD = "django.db.models.SmallAutoField"
    call_command("makemigrations", "plasgate_ip_handoff", check=True, dry_run=True, verbosity=0)


def test_an_erased_verification_leaves_a_used_link_that_names_nobody(
    visitor, phone, photographer, link
):
    hand_over(visitor, phone, link)
    PhoneHandoff.objects.create(pk=uuid4(), session_id="other", owner="other")

    personal_data.erase(personal_data.verifications_of_number(TYPED))

    assert not PhoneVerification.objects.exists()
    rows = PhoneHandoff.objects.order_by("created_at").values_list("session_id", "owner")
    assert list(rows) == [("", ""), ("other", "other")]
    assert (phone.get(link).status_code, photographer.get(link).status_code) == (410, 403)


def test_the_purge_deletes_hand_offs_after_an_hour(capsys):
    for age in (timedelta(minutes=59), timedelta(minutes=61)):
        PhoneHandoff.objects.create(pk=uuid4(), created_at=timezone.now() - age)
    for is_dry, left in ((True, 2), (False, 1)):
        call_command("plasgate_ip_purge", dry_run=is_dry)
        assert "\n1 old hand-offs deleted" in capsys.readouterr().out
        assert PhoneHandoff.objects.count() == left
