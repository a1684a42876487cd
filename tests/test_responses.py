"""The pages as a visitor meets them: on a phone, with a screen reader, in the site's own frame."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests import urls
from tests.conftest import Answers
from tests.visitor import FAILED, MASKED, NUMBER, SUB, Page, Visitor, attempt

PAGES = [
    f"django_plasgate_ip/{name}"
    for name in (
        "start",
        "in_progress",
        "verified",
        "failed",
        "continue_to_plasgate",
        "invalid_callback",
        "result_on_phone",
    )
]
SCRIPT = "<script>alert(1)</script>"


def sms(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a code by SMS")


class Site:
    """URLs of a site that has another way to verify."""

    urlpatterns = [path("sms/", sms, name="sms"), *urls.urlpatterns]


def show(name: str, visitor: Visitor, settings: Any) -> Any:
    """Go where the visitor sees that page of ours."""
    if name == "start":
        return visitor.get("/phone/")
    if name == "invalid_callback":
        return visitor.get("/phone/callback/")
    settings.PLASGATE_IP_CONTINUE_PAGE = name == "continue_to_plasgate"
    response = visitor.start()
    if name == "continue_to_plasgate":
        return response
    row = attempt()
    if name == "verified":
        end(row, status="verified", sub=SUB)
    elif name == "failed":
        end(row, status="failed", reason="not_on_mobile_data")
    elif name == "result_on_phone":
        # Another session's: this browser only takes it to PlasGate and back.
        PhoneVerification.objects.filter(pk=row.pk).update(user=None, session_id="a computer's")
    return visitor.get(f"/phone/{row.pk}/")


def end(row: PhoneVerification, **values: Any) -> None:
    PhoneVerification.objects.filter(pk=row.pk).update(completed_at=timezone.now(), **values)


def inline_scripts(response: Any) -> list[str]:
    return re.findall(r"<script[^>]*>([^<]+)</script>", text(response))


def text(response: Any) -> str:
    return str(response.content.decode())


def write(path: Path, template: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(template)


def with_templates(settings: Any, folder: Path | None) -> None:
    """Let the site have no templates of its own but those in `folder`."""
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [folder] if folder else []}]


# What every page has


class EveryPage:
    """Tests of each page that a subclass names, by its template, and shows."""

    def show(self, name: str, visitor: Visitor, settings: Any) -> Any:
        raise NotImplementedError

    def test_it_reads_well_without_a_script_and_under_a_strict_policy(
        self, visitor: Visitor, settings: Any, name: str
    ) -> None:
        response = self.show(name, visitor, settings)

        assert response.templates[0].name == f"{name}.html"
        page = Page(response)
        for script in page.all("script"):
            assert finders.find(script["src"].removeprefix("/static/"))
            assert "defer" in script
        for sheet in page.all("link"):
            assert finders.find(sheet["href"].removeprefix("/static/"))
        assert inline_scripts(response) == []
        assert page.all("style") == []
        assert len(page.all("h1")) == 1
        assert len(page.all("main")) <= 1
        assert not [attrs for _, attrs in page.tags if any(key.startswith("on") for key in attrs)]
        assert not [attrs for _, attrs in page.tags if "style" in attrs]

    def test_it_has_a_title_of_its_own_and_a_language(
        self, visitor: Visitor, settings: Any, name: str
    ) -> None:
        response = self.show(name, visitor, settings)

        title = text(response).split("<title>")[1].split("</title>")[0].strip()
        assert title != "A site"
        assert title.strip()
        assert Page(response).all("html")[0]["lang"] == "en"

    def test_it_fills_the_block_of_the_sites_own_base(
        self, visitor: Visitor, settings: Any, tmp_path: Path, name: str
    ) -> None:
        write(
            tmp_path / "base.html",
            "<html lang=en><title>{% block title %}{% endblock %}</title>"
            "<p>our own frame<main>{% block content %}{% endblock %}</main>",
        )
        with_templates(settings, tmp_path)

        shown = text(self.show(name, visitor, settings))

        assert "our own frame<main>" in shown
        ours = shown.index('<div class="plasgate-ip">')
        assert shown.index("<main>") < ours < shown.index("</main>")

    def test_a_site_without_a_base_has_a_bare_one_fit_for_a_phone(
        self, visitor: Visitor, settings: Any, name: str
    ) -> None:
        with_templates(settings, None)

        response = self.show(name, visitor, settings)

        page = Page(response)
        assert text(response).lstrip().lower().startswith("<!doctype html>")
        assert page.all("html")[0] == {"lang": "en", "dir": "ltr"}
        viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
        assert viewport in page.all("meta")
        assert len(page.all("main")) == len(page.all("h1")) == 1

    def test_its_template_can_be_overridden(
        self, visitor: Visitor, settings: Any, tmp_path: Path, name: str
    ) -> None:
        write(tmp_path / f"{name}.html", "our own {{ request.path }}")
        with_templates(settings, tmp_path)

        assert text(self.show(name, visitor, settings)).startswith("our own /phone/")

    def test_a_site_whose_block_has_another_name_overrides_one_template(
        self, visitor: Visitor, settings: Any, tmp_path: Path, name: str
    ) -> None:
        write(tmp_path / "base.html", "our own frame {% block body %}{% endblock %}")
        write(
            tmp_path / "django_plasgate_ip" / "base.html",
            "{% extends plasgate_ip_base %}"
            "{% block body %}{% block plasgate_ip %}{% endblock %}{% endblock %}",
        )
        with_templates(settings, tmp_path)

        shown = text(self.show(name, visitor, settings))

        assert shown.startswith("our own frame")
        assert "<h1" in shown


@pytest.mark.parametrize("name", PAGES)
class TestOurPages(EveryPage):
    def show(self, name: str, visitor: Visitor, settings: Any) -> Any:
        return show(name.removeprefix("django_plasgate_ip/"), visitor, settings)


def test_the_style_sheet_is_there(visitor: Visitor, settings: Any) -> None:
    (sheet,) = Page(show("start", visitor, settings)).all("link")

    assert finders.find(sheet["href"].removeprefix("/static/"))


# The start page


def test_the_field_has_its_label_and_after_a_mistake_its_error(visitor: Visitor) -> None:
    page = Page(visitor.get("/phone/"))
    (field,) = [attrs for attrs in page.all("input") if attrs["name"] == "phone_number"]

    assert [label["for"] for label in page.all("label")] == [field["id"]]
    assert field["type"] == "tel"

    page = Page(visitor.start("077"))
    (field,) = [attrs for attrs in page.all("input") if attrs["name"] == "phone_number"]

    assert field["aria-invalid"] == "true"
    described = field["aria-describedby"].split()
    assert [attrs for _, attrs in page.tags if attrs.get("id") in described]


def test_the_button_has_words_for_when_it_is_busy_and_a_place_to_say_them(visitor: Visitor) -> None:
    page = Page(visitor.get("/phone/"))
    (button,) = page.all("button")

    assert button["data-busy"] == "One moment"
    assert [attrs for _, attrs in page.tags if attrs.get("role") == "status"]
    assert "/static/django_plasgate_ip/busy_button.js" in [
        script["src"] for script in page.all("script")
    ]


def test_the_start_page_says_first_what_to_do_about_wifi(visitor: Visitor) -> None:
    shown = text(visitor.get("/phone/"))

    assert shown.index("Turn off Wi-Fi") < shown.index("<form")


def test_next_from_the_address_is_escaped(visitor: Visitor) -> None:
    response = visitor.get("/phone/", {"next": f'">{SCRIPT}'})

    assert SCRIPT not in text(response)
    assert Page(response).fields["next"] == f'">{SCRIPT}'


# The failed page


@pytest.mark.parametrize("reason", Reason)
def test_every_failure_has_its_sentence_and_a_retry_that_keeps_next(
    visitor: Visitor, reason: Reason
) -> None:
    visitor.start(next="/here/")
    end(attempt(), status=reason.status, reason=reason)

    response = visitor.get(f"/phone/{attempt().pk}/")

    assert str(reason.visitor_message) in text(response)
    assert str(reason.staff_message) not in text(response)
    assert Page(response).links["Try again"] == "/phone/?next=%2Fhere%2F"
    assert [attrs for _, attrs in Page(response).tags if attrs.get("role") == "alert"]


def test_who_was_not_on_mobile_data_is_told_what_to_do(visitor: Visitor, answers: Answers) -> None:
    answers(FAILED)

    shown = text(visitor.get(visitor.verify()["Location"]))

    assert str(Reason.NOT_ON_MOBILE_DATA.visitor_message) in shown
    # And step by step.
    assert "<li>Turn off Wi-Fi, VPN and private relay.</li>" in shown
    assert MASKED in shown
    assert NUMBER not in shown


def test_what_broke_on_our_side_sends_nobody_to_their_settings(
    visitor: Visitor, answers: Answers
) -> None:
    answers(http=403)

    shown = text(visitor.get(visitor.verify()["Location"]))

    assert "We could not check your number just now." in shown
    assert "Turn off Wi-Fi" not in shown


@pytest.mark.parametrize(
    ("fallback", "link"),
    [
        ("sms", "/sms/"),
        ("/elsewhere/", "/elsewhere/"),
        ("https://help.example/?a=1&b=2", "https://help.example/?a=1&b=2"),
    ],
)
def test_the_sites_other_way_is_offered_to_who_failed_and_to_nobody_else(
    visitor: Visitor, answers: Answers, settings: Any, fallback: str, link: str
) -> None:
    settings.ROOT_URLCONF = Site
    settings.PLASGATE_IP_FALLBACK_URL = fallback
    answers(FAILED)
    failed = Page(visitor.get(visitor.verify()["Location"]))
    answers()
    verified = Page(visitor.get(visitor.verify()["Location"]))

    assert failed.links["Verify in another way"] == link
    assert "Verify in another way" not in verified.links


def test_without_one_none_is_offered(visitor: Visitor, answers: Answers) -> None:
    answers(FAILED)

    assert "another way" not in text(visitor.get(visitor.verify()["Location"]))


@pytest.mark.parametrize("parameter", ["error", "error_description"])
def test_a_script_in_the_callback_reaches_no_page(
    visitor: Visitor, answers: Answers, parameter: str
) -> None:
    visitor.start()

    response = visitor.come_back(**{parameter: SCRIPT, "code": None})

    assert attempt().error_description == SCRIPT
    assert SCRIPT not in text(response) + text(visitor.get(response["Location"]))


def test_a_script_in_the_answer_reaches_no_page(visitor: Visitor, answers: Answers) -> None:
    answers(FAILED, error_description=SCRIPT)

    response = visitor.verify()

    assert attempt().error_description == SCRIPT
    assert SCRIPT not in text(visitor.get(response["Location"]))


def test_a_template_that_shows_the_operators_text_shows_it_escaped(
    visitor: Visitor, answers: Answers, settings: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "django_plasgate_ip"
    folder.mkdir()
    (folder / "failed.html").write_text("they say {{ verification.error_description }}")
    with_templates(settings, tmp_path)
    answers(FAILED, error_description=SCRIPT)

    shown = text(visitor.get(visitor.verify()["Location"]))

    assert shown == "they say &lt;script&gt;alert(1)&lt;/script&gt;"


# The other pages


def test_the_verified_page_leads_on(visitor: Visitor, answers: Answers) -> None:
    answers()
    visitor.verify(next="/here/?a=1&b=2")

    response = visitor.get(f"/phone/{attempt().pk}/")

    assert Page(response).links["Continue"] == "/here/?a=1&b=2"
    assert MASKED in text(response)
    assert NUMBER not in text(response)


def test_a_page_of_an_attempt_without_a_number_shows_none(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    answers()

    shown = text(visitor.get(visitor.verify()["Location"]))

    assert "plasgate-ip-number" not in shown


def test_the_waiting_page_offers_to_look_again_and_to_start_again(
    visitor: Visitor, settings: Any
) -> None:
    links = Page(show("waiting", visitor, settings)).links

    assert links == {"Look again": "", "Start again": "/phone/"}


def test_the_link_to_plasgate_takes_no_referer_along(visitor: Visitor, settings: Any) -> None:
    (link,) = Page(show("continue_to_plasgate", visitor, settings)).all("a")

    assert link["rel"] == "noreferrer"


def test_a_user_sees_nothing_of_anothers(
    visitor: Visitor, other_user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()
    elsewhere = Visitor()
    elsewhere.force_login(other_user)

    response = elsewhere.get(f"/phone/{attempt().pk}/")

    assert response.status_code == 404
    assert MASKED not in text(response)
