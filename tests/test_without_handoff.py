"""A site without the hand-off: none of it is shown or imported."""

import os
import subprocess
import sys

import pytest
from django.apps import apps
from django.urls import NoReverseMatch, reverse

from tests.docs.pages import ROOT
from tests.visitor import FAILED, Page

pytestmark = pytest.mark.django_db

SCRIPT = """
import sys
import django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
plugins = ("segno", "rest_framework", "django_plasgate_ip.handoff.", "django_plasgate_ip.contrib")
print([name for name in sys.modules if name.startswith(plugins)])
"""


def test_the_urls_and_the_pages_have_no_handoff(visitor, answers):
    for name in ("handoff", "handoff_screen"):
        with pytest.raises(NoReverseMatch):
            reverse(f"plasgate_ip:{name}", args=["a-token"])
    answers(FAILED)
    for response in (visitor.get("/phone/"), visitor.get(visitor.verify()["Location"])):
        page = Page(response)
        assert page.all("svg") == page.all("section") == []
        assert "handoff" not in response.content.decode()


def test_importing_the_handoffs_model_adds_none_to_the_core():
    """Without an app label, Django would add it to the app whose package contains it."""
    from django_plasgate_ip.handoff.models import PhoneHandoff

    assert PhoneHandoff not in apps.get_app_config("django_plasgate_ip").get_models()


def test_the_core_imports_neither_the_handoff_nor_the_api_nor_what_they_need():
    command = [sys.executable, "-c", SCRIPT]
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
