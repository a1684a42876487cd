"""The admin in django-unfold: its style, and what the package adds to its pages."""

import pytest
from django.contrib import admin
from unfold.admin import ModelAdmin

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.kept import HIDDEN, User, ended
from tests.staff import LIST, detail, staff, text
from tests.visitor import MASKED, MOBILE_ID

pytestmark = [
    pytest.mark.django_db,
    # Django 6.1 warns about Unfold's own code.
    pytest.mark.filterwarnings("ignore:Overriding get_action_choices"),
]


@pytest.fixture
def verification() -> PhoneVerification:
    ended(1, reason=Reason.EXPIRED)
    return ended(1, user=User.objects.create_user("dara"))


def test_the_list_has_unfolds_style_and_the_summary(verification):
    model_admin = admin.site.get_model_admin(PhoneVerification)
    assert isinstance(model_admin, ModelAdmin)
    assert model_admin.check() == []

    response = staff("view_phoneverification").get(LIST)
    html, page = response.content.decode(), text(response)
    assert html.index("plasgate-ip-summary") < html.index('id="result_list"')
    badge = '<span class="plasgate-ip-badge plasgate-ip-badge-verified">verified</span>'
    for part in ("unfold/css/styles", "django_plasgate_ip/admin.css", badge):
        assert part in html
    for part in ("Median time until the operator's answer 4.0 s", MASKED):
        assert part in page
    assert [value for value in HIDDEN if value in html or value in page] == []


def test_the_list_can_be_filtered_searched_and_paged(verification):
    viewer = staff("view_phoneverification")
    for query in ({"status__exact": "verified"}, {"q": "dara"}, {"q": "dara", "p": "1"}):
        html = viewer.get(LIST, query).content.decode()
        assert html.count("/change/") == html.count(f"{verification.pk}/change/") > 0


def test_claims_are_shown_only_with_the_permission(verification):
    viewer, reader = staff("view_phoneverification"), staff("view_phoneverification", "view_claims")
    page = text(viewer.get(detail(verification)))
    assert MASKED in page
    assert [value for value in HIDDEN if value in page] == []
    assert MOBILE_ID in text(reader.get(detail(verification)))
