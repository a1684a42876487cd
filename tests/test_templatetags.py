"""The tags on a site's own pages: what they say, whom they ask, and that the form works there."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import translation

from django_plasgate_ip.models import PhoneVerification
from tests import urls
from tests.conftest import Answers
from tests.visitor import FAILED, TYPED, VERIFIED, Page, Visitor, attempt, outcome

pytestmark = pytest.mark.django_db

FORM = '{% load plasgate_ip %}<main>{% plasgate_ip_start_form next="/welcome/" %}</main>'
LIST = "{% for each in people %}{% plasgate_ip_badge each.has_phone %}{% endfor %}"


def rendered(source: str, request: HttpRequest | None = None, **context: Any) -> str:
    """Return what the template makes, its white space as a browser shows it."""
    template = engines["django"].from_string("{% load plasgate_ip %}" + source)
    return " ".join(template.render(context, request).split())


def front_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(FORM).render({}, request))


class Site:
    """URLs of a site that has the form on its front page."""

    urlpatterns = [path("front/", front_page), *urls.urlpatterns]


@pytest.fixture
def front(settings: Any) -> None:
    settings.ROOT_URLCONF = Site


# The badge


def test_a_verified_users_badge_says_so_in_words_that_a_screen_reader_reads(
    visitor: Visitor, user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()

    assert rendered("{% plasgate_ip_badge user %}", user=user) == (
        '<span class="plasgate-ip-badge plasgate-ip-badge-yes">Phone verified</span>'
    )


def test_nobody_elses_phone_is_verified_by_that(
    visitor: Visitor, other_user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()

    for who in (other_user, AnonymousUser(), None, User()):
        assert rendered("{% plasgate_ip_badge who %}", who=who) == ""
    assert rendered("{% plasgate_ip_badge no_such_variable %}") == ""


def test_it_says_not_verified_only_where_it_is_told_to(user: User) -> None:
    tag = "{% plasgate_ip_badge user show_unverified=True %}"

    assert "Phone not verified" in rendered(tag, user=user)
    assert rendered("{% plasgate_ip_badge user %}", user=user) == ""


@pytest.mark.parametrize(("answer", "shown"), [(VERIFIED, True), (FAILED, False)])
def test_an_attempt_has_a_badge_without_a_query(
    visitor: Visitor, answers: Answers, answer: dict[str, Any], shown: bool
) -> None:
    answers(answer)
    visitor.verify()
    row = attempt()

    with CaptureQueriesContext(connection) as queries:
        badge = rendered("{% plasgate_ip_badge row %}", row=row)

    assert ("Phone verified" in badge) is shown
    assert len(queries) == 0


def test_a_list_of_any_length_takes_the_one_query_of_its_own(
    visitor: Visitor, user: User, other_user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()
    verified = PhoneVerification.objects.verified()
    people = User.objects.annotate(has_phone=verified.exists_for()).order_by("username")

    with CaptureQueriesContext(connection) as queries:
        badges = rendered(LIST, people=people)

    assert badges.count("Phone verified") == 1
    assert len(queries) == 1
    assert list(people.values_list("username", "has_phone")) == [("mallory", False), ("teak", True)]


def test_a_list_of_something_else_says_where_its_user_is(
    visitor: Visitor, user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()
    verified = PhoneVerification.objects.verified()

    (row,) = PhoneVerification.objects.annotate(has_phone=verified.exists_for("user"))

    assert row.has_phone is True  # type: ignore[attr-defined]


def test_the_badge_speaks_khmer() -> None:
    with translation.override("km"):
        badges = rendered(
            "{% plasgate_ip_badge True %}{% plasgate_ip_badge False show_unverified=True %}"
        )

    assert "ទូរសព្ទបានផ្ទៀងផ្ទាត់" in badges
    assert "ទូរសព្ទមិនទាន់បានផ្ទៀងផ្ទាត់" in badges


def test_a_site_has_its_own_badge(settings: Any, tmp_path: Path) -> None:
    folder = tmp_path / "django_plasgate_ip" / "tags"
    folder.mkdir(parents=True)
    (folder / "badge.html").write_text("{% if verified %}our own{% endif %}")
    (templates,) = settings.TEMPLATES
    settings.TEMPLATES = [templates | {"DIRS": [tmp_path]}]

    assert rendered("{% plasgate_ip_badge yes %}", yes=True) == "our own"


# The form


@pytest.mark.usefixtures("front")
def test_the_form_verifies_from_the_sites_own_page(visitor: Visitor, answers: Answers) -> None:
    answers()

    visitor.submit(visitor.get("/front/"), phone_number=TYPED)
    response = visitor.come_back()

    assert response["Location"] == "/welcome/"
    assert outcome() == ("verified", "")


@pytest.mark.usefixtures("front")
def test_a_bad_number_is_told_on_our_page_and_nothing_is_forgotten(visitor: Visitor) -> None:
    response = visitor.submit(visitor.get("/front/"), phone_number="077 69")

    assert response.status_code == 400
    assert "This is not a phone number" in response.content.decode()
    visitor.submit(response, phone_number=TYPED)
    assert attempt().next_url == "/welcome/"


@pytest.mark.usefixtures("front")
def test_who_must_sign_in_first_is_led_there_and_back_to_the_form(
    stranger: Visitor, user: User, answers: Answers
) -> None:
    answers()
    page = Page(stranger.get("/front/?a=1&b=2"))
    assert page.form is None
    login = stranger.get(page.links["Sign in to verify your phone number"])

    response = stranger.submit(login, username="teak", password="a password")

    assert response["Location"] == "/front/?a=1&b=2"
    stranger.submit(stranger.get(response["Location"]), phone_number=TYPED)
    assert stranger.come_back()["Location"] == "/welcome/"


@pytest.mark.usefixtures("front")
def test_where_anybody_may_start_the_form_is_anybodys(passer_by: Visitor, answers: Answers) -> None:
    answers()

    passer_by.submit(passer_by.get("/front/"), phone_number=TYPED)

    assert passer_by.come_back()["Location"] == "/welcome/"


@pytest.mark.usefixtures("front")
def test_it_asks_for_no_number_that_no_scope_needs(visitor: Visitor, settings: Any) -> None:
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    page = visitor.get("/front/")

    assert set(Page(page).fields) == {"csrfmiddlewaretoken", "next"}
    assert visitor.submit(page).status_code == 302
    assert "/authenticate?" in visitor.authorize_url


@pytest.mark.usefixtures("front")
def test_it_neither_takes_the_focus_nor_an_id_of_the_pages_own(visitor: Visitor) -> None:
    page = Page(visitor.get("/front/"))
    (number,) = [each for each in page.all("input") if each["name"] == "phone_number"]

    assert "autofocus" not in number
    assert (
        {each["for"] for each in page.all("label")}
        == {number["id"]}
        == {"plasgate-ip-phone_number"}
    )
    # On our own page, nothing has changed.
    (ours,) = [
        each for each in Page(visitor.get("/phone/")).all("input") if each["name"] == "phone_number"
    ]
    assert "autofocus" in ours


def test_a_page_without_its_request_is_told_what_is_missing() -> None:
    with pytest.raises(ImproperlyConfigured, match="plasgate_ip_start_form needs the request"):
        rendered("{% plasgate_ip_start_form %}")


def test_a_form_without_a_next_sends_none(user: User, rf: Any) -> None:
    request = rf.get("/")
    request.user = user

    form = rendered("{% plasgate_ip_start_form %}", request)

    assert '<input type="hidden" name="next" id="plasgate-ip-next">' in form
