"""The tags on a site's own pages: what they show, their queries, and that the form works there."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import make_verification
from tests import urls
from tests.visitor import TYPED, Page

FORM = '<main>{% plasgate_ip_start_form next="/welcome/" %}</main>'
LIST = "{% for each in people %}{% plasgate_ip_badge each.has_phone %}{% endfor %}"


def rendered(source: str, request: HttpRequest | None = None, **context: Any) -> str:
    """Return what the template makes, its white space as a browser shows it."""
    template = engines["django"].from_string("{% load plasgate_ip %}" + source)
    return " ".join(template.render(context, request).split())


def badge(who: Any) -> str:
    return rendered("{% plasgate_ip_badge who %}", who=who)


class Site:
    front = path("front/", lambda request: HttpResponse(rendered(FORM, request)))
    urlpatterns = [front, *urls.urlpatterns]


pytestmark = [pytest.mark.django_db, pytest.mark.urls(urls=Site)]


def test_a_verified_users_badge_says_so_in_words(user, other_user):
    make_verification(user)
    yes = '<span class="plasgate-ip-badge plasgate-ip-badge-yes">Phone verified</span>'
    assert badge(user) == yes
    assert [badge(who) for who in (other_user, AnonymousUser(), None, User())] == [""] * 4
    assert rendered("{% plasgate_ip_badge no_such_variable %}") == ""
    shown = rendered("{% plasgate_ip_badge who show_unverified=True %}", who=other_user)
    assert "Phone not verified" in shown


def test_a_verification_has_a_badge_without_a_query(django_assert_num_queries):
    verified, failed = make_verification(), make_verification(status="failed")
    device = make_verification(scopes=["mobile_id"])  # without a number

    with django_assert_num_queries(0):
        assert "Phone verified" in badge(verified)
        assert badge(failed) == badge(device) == ""


def test_a_list_of_any_length_takes_one_query(user, other_user, django_assert_num_queries):
    make_verification(user)
    verified = PhoneVerification.objects.verified()
    people = User.objects.annotate(has_phone=verified.exists_for()).order_by("username")

    with django_assert_num_queries(1):
        badges = rendered(LIST, people=people)

    assert badges.count("Phone verified") == 1
    assert list(people.values_list("username", "has_phone")) == [("mallory", False), ("teak", True)]


def test_the_form_verifies_from_the_sites_own_page(visitor, answers):
    answers()
    # An invalid number is reported on the app's own page, which keeps next.
    mistake = visitor.submit(visitor.get("/front/"), phone_number="077 69")
    assert mistake.status_code == 400
    visitor.submit(mistake, phone_number=TYPED)
    assert visitor.come_back()["Location"] == "/welcome/"


def test_an_anonymous_visitor_logs_in_and_comes_back_to_the_form(stranger, user):
    page = Page(stranger.get("/front/?a=1&b=2"))
    assert page.form is None
    login = stranger.get(page.links["Sign in to verify your phone number"])
    response = stranger.submit(login, username="teak", password="a password")
    assert response["Location"] == "/front/?a=1&b=2"


def test_the_form_takes_no_id_of_the_page(visitor):
    page = Page(visitor.get("/front/"))

    (number,) = [each for each in page.all("input") if each["name"] == "phone_number"]
    assert number["id"] == "plasgate-ip-phone_number"
    assert [each["for"] for each in page.all("label")] == [number["id"]]
    (hint,) = [attrs for _, attrs in page.tags if "data-plasgate-ip-on-wifi" in attrs]
    assert "hidden" in hint
    (box,) = [each for each in page.all("div") if each.get("class") == "plasgate-ip"]
    assert (box["hx-boost"], box["data-turbo"]) == ("false", "false")


def test_a_page_without_its_request_is_an_error_that_says_what_to_do():
    with pytest.raises(ImproperlyConfigured, match=r"needs the request\. Pass the request when"):
        rendered("{% plasgate_ip_start_form %}")
