"""The pages as a visitor meets them, and the choice between page, JSON and redirect."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist
from django.test import RequestFactory
from django.utils import timezone

from django_plasgate_ip import responses
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.testing import make_verification
from tests.visitor import MASKED, NUMBER, SUB, TYPED, Page, Visitor, newest

#: The pages of a verification, and its columns there.
COLUMNS: dict[str, dict[str, Any]] = {
    "in_progress": {},
    "verified": {"status": "verified", "sub": SUB},
    "failed": {"status": "failed", "reason": "not_on_mobile_data"},
    # Another session's: this browser only takes it to PlasGate and back.
    "result_on_phone": {"user": None, "session_id": "a computer's"},
}
PAGES = ["start", "already_verified", "error", "invalid_callback", "continue_to_plasgate", *COLUMNS]
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;"
    "q=0.8,application/signed-exchange;v=b3;q=0.7"
)
WANTS_JSON = [
    *("application/json", "application/json; charset=UTF-8"),
    "application/json, text/plain, */*",  # axios
    "application/json, text/javascript, */*; q=0.01",  # jQuery
    *("application/json, text/html", "text/html;q=0.5, application/json"),
]
WANTS_HTML = [
    *(CHROME, "", None, "*/*", "application/json;q=0, */*", "application/vnd.api+json"),
    *("text/html, application/json", "application/json;q=0.5, text/html"),
    *("text/*, application/json;q=0.9", "text/json"),
]


def show(name: str, visitor: Visitor, settings: Any) -> Any:
    """Go where the visitor sees that page of the app."""
    if name == "start":
        return visitor.get("/phone/")
    if name == "already_verified":
        make_verification(User.objects.get())
        return visitor.get("/phone/")
    if name == "error":
        return visitor.get(f"/phone/{uuid4()}/")
    if name == "invalid_callback":
        return visitor.get("/phone/callback/")
    settings.PLASGATE_IP_CONTINUE_PAGE = name == "continue_to_plasgate"
    response = visitor.start()
    return response if settings.PLASGATE_IP_CONTINUE_PAGE else changed(visitor, **COLUMNS[name])


def changed(visitor: Visitor, **columns: Any) -> Any:
    """Return the page of the newest verification with these columns."""
    ended = timezone.now() if "status" in columns else None
    PhoneVerification.objects.update(completed_at=ended, **columns)
    return visitor.get(f"/phone/{newest().pk}/")


def text(response: Any) -> str:
    return str(response.content.decode())


def with_templates(settings: Any, folder: Path | None) -> None:
    """Let the site have no templates of its own except those in `folder`."""
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [folder] if folder else []}]


def request_of(accept: str | None = None, **headers: str) -> HttpRequest:
    return RequestFactory().get("/", headers=headers | ({"Accept": accept} if accept else {}))


class EveryPage:
    """Tests of each page that a subclass names, by its template, and shows."""

    def show(self, name: str, visitor: Visitor, settings: Any) -> Any:
        raise NotImplementedError

    def test_it_has_a_title_and_needs_neither_inline_scripts_nor_styles(
        self, visitor, settings, name
    ):
        response = self.show(name, visitor, settings)

        assert response.templates[0].name == f"{name}.html"
        page = Page(response)
        title = text(response).split("<title>")[1].split("</title>")[0].strip()
        assert title not in ("", "A site")
        assert page.all("html")[0]["lang"] == "en"
        assert len(page.all("h1")) == 1
        assert all("defer" in script for script in page.all("script"))
        urls = [tag.get("src") or tag["href"] for tag in page.all("script") + page.all("link")]
        assert all(finders.find(url.removeprefix("/static/")) for url in urls)
        assert "/static/django_plasgate_ip/style.css" in urls
        assert re.findall(r"<script[^>]*>[^<]+</script>", text(response)) == page.all("style") == []
        # A script of htmx or Turbo can't follow the redirect to PlasGate.
        assert '<div class="plasgate-ip" hx-boost="false" data-turbo="false">' in text(response)
        attributes = {name for _tag, attributes in page.tags for name in attributes}
        assert [name for name in attributes if name == "style" or name.startswith("on")] == []
        # A <base> of the site changes where every other URL leads.
        urls += [tag.get("href", "") for tag in page.all("a")]
        urls += [tag["action"] for tag in page.all("form")]
        assert [url for url in urls if not url.startswith(("/", "https:"))] == []

    def test_a_site_without_a_base_has_a_bare_one_fit_for_a_phone(self, visitor, settings, name):
        with_templates(settings, None)

        response = self.show(name, visitor, settings)

        page = Page(response)
        assert text(response).lstrip().lower().startswith("<!doctype html>")
        assert page.all("html")[0] == {"lang": "en", "dir": "ltr"}
        viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
        assert viewport in page.all("meta")
        assert len(page.all("main")) == len(page.all("h1")) == 1

    def test_it_fills_the_block_of_the_sites_own_base(self, visitor, settings, tmp_path, name):
        base = "our own frame<main>{% block content %}{% endblock %}</main>"
        (tmp_path / "base.html").write_text(base)
        with_templates(settings, tmp_path)

        response = self.show(name, visitor, settings)

        # The frame reads variables of its site, which ours must not replace.
        names = {name for each in response.context[0].dicts[2:] for name in each}
        assert names == {"plasgate_ip", "plasgate_ip_base"}
        shown = text(response)
        assert shown.startswith("our own frame<main>")
        ours = shown.index('<div class="plasgate-ip" ')
        assert shown.index("<main>") < ours < shown.index("<h1") < shown.index("</main>")


@pytest.mark.parametrize("name", [f"django_plasgate_ip/{name}" for name in PAGES])
class TestOurPages(EveryPage):
    def show(self, name: str, visitor: Visitor, settings: Any) -> Any:
        return show(name.removeprefix("django_plasgate_ip/"), visitor, settings)


def test_a_site_may_override_the_block_and_any_page(visitor, settings, tmp_path):
    (tmp_path / "base.html").write_text("our own frame {% block body %}{% endblock %}")
    block = "{% block body %}{% block plasgate_ip %}{% endblock %}{% endblock %}"
    ours = tmp_path / "django_plasgate_ip"
    ours.mkdir()
    (ours / "base.html").write_text("{% extends plasgate_ip_base %}" + block)
    (ours / "failed.html").write_text("our own failure")
    with_templates(settings, tmp_path)

    shown = text(visitor.get("/phone/"))

    assert shown.startswith("our own frame")
    assert "<h1" in shown
    assert text(show("failed", visitor, settings)) == "our own failure"


def test_a_base_template_of_another_engine_is_not_extended(visitor, settings, tmp_path):
    (tmp_path / "base.html").write_text("for another engine")
    other = {"BACKEND": "django.template.backends.dummy.TemplateStrings", "DIRS": [tmp_path]}
    settings.TEMPLATES = [other | {"APP_DIRS": False, "OPTIONS": {}}, *settings.TEMPLATES]

    assert "phone_number" in Page(visitor.get("/phone/")).fields


def test_an_engine_that_finds_no_template_is_an_error(visitor, settings):
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]

    with pytest.raises(TemplateDoesNotExist, match=r"django_plasgate_ip/default_base\.html"):
        visitor.get("/phone/")


def test_every_failure_has_its_sentence_and_a_retry_that_keeps_next(visitor, settings):
    visitor.start(next="/here/")
    for reason in Reason:
        settings.PLASGATE_IP_FALLBACK_URL = "/sms/?a=1&b=2"
        ended = {"status": reason.status, "reason": reason, "error_description": "Secretly"}
        response = changed(visitor, **ended)

        shown, page = text(response), Page(response)
        for part in (str(reason.visitor_message), newest().reference):
            assert part in shown
        # The field has the whole number.
        for part in (str(reason.staff_message), "Secretly", MASKED, "autofocus"):
            assert part not in shown
        may_be_wrong = reason.value in ("not_verified", "number_mismatch", "provider_denied")
        assert ("<li>Check the number" in shown) is may_be_wrong
        # Only a refusal has to do with the visitor's phone.
        assert ("<li>Turn off Wi‑Fi" in shown) is (reason.status == Status.FAILED)
        assert [attrs for _, attrs in page.tags if attrs.get("role") == "alert"]
        assert (page.fields["phone_number"], page.fields["next"]) == (TYPED, "/here/")
        links = {"Verify in another way": "/sms/?a=1&b=2", "Go to the home page": "/"}
        assert page.links == links
        settings.PLASGATE_IP_FALLBACK_URL = None
        assert "Verify in another way" not in text(changed(visitor, **ended))


def test_a_waiting_page_leads_to_itself_and_to_the_start_and_a_verified_one_to_next(visitor):
    visitor.start(next="/here/?a=1&b=2")
    again = "/phone/?next=%2Fhere%2F%3Fa%3D1%26b%3D2&again=1"
    waiting = visitor.get(f"/phone/{newest().pk}/")
    assert Page(waiting).links == {"Check again": f"/phone/{newest().pk}/", "Start again": again}

    response = changed(visitor, **COLUMNS["verified"])

    assert Page(response).links == {"Continue": "/here/?a=1&b=2"}
    assert MASKED in text(response)
    assert NUMBER not in text(response)


def test_json_is_for_requests_that_prefer_it_by_name():
    assert [each for each in WANTS_JSON if not responses.wants_json(request_of(each))] == []
    assert [each for each in WANTS_HTML if responses.wants_json(request_of(each))] == []
    assert responses.vary(HttpResponse(headers={"Vary": "Cookie"}))["Vary"] == "Cookie, Accept"


def test_a_login_on_another_host_gets_an_absolute_next(settings):
    path, absolute = "next=/a/%3Fb%3D1", "next=http%3A//testserver/a/%3Fb%3D1"
    for login, url in (
        ("login", f"/accounts/login/?{path}"),  # a url name
        ("/login/?app=1", f"/login/?app=1&{path}"),
        ("http://testserver/login/", f"http://testserver/login/?{path}"),
        ("https://testserver/", f"https://testserver/?{absolute}"),
        ("//sso.example/?app=1", f"//sso.example/?app=1&{absolute}"),
    ):
        settings.LOGIN_URL = login
        assert responses.login_url(request_of(), "/a/?b=1") == url


def test_a_prefetch_is_recognised_by_any_of_its_headers():
    for name in ("Sec-Purpose", "purpose", "X-PURPOSE", "X-Moz"):
        for value in ("prefetch;prerender", "Prefetch", "x; PREVIEW", "prerender;q=1"):
            assert responses.is_prefetch(request_of(**{name: value})), (name, value)
    assert not responses.is_prefetch(request_of(Purpose="visit", X_Other="prefetch"))


def test_too_many_requests_names_the_minutes_the_retry_and_the_fallback(settings):
    settings.PLASGATE_IP_FALLBACK_URL = "/sms/"
    for seconds, minutes in ((1, "1 minute"), (60, "1 minute"), (61, "2 minutes")):
        message = f"Too many attempts. Please try again in {minutes}."
        error = TooManyStarts(timedelta(seconds=seconds))

        page = responses.too_many_requests(request_of(), error, "/phone/?next=%2Fa%2F")
        script = responses.too_many_requests(request_of("application/json"), error, "/phone/")

        assert message in text(page)
        links = {"Try again": "/phone/?next=%2Fa%2F", "Verify in another way": "/sms/"}
        assert Page(page).links == links
        errors = {"__all__": [{"message": message, "code": "too_many_starts"}]}
        assert json.loads(text(script)) == {"errors": errors}
        for response in (page, script):
            assert (response.status_code, response["Retry-After"]) == (429, str(seconds))


def test_the_browser_is_sent_to_plasgate_by_a_redirect_or_a_page(settings):
    url = "https://cloudapi.plasgate.com/ip/authenticate?login_hint=85577696118&scope=a"
    redirect = responses.redirect_to_plasgate(request_of(), url)

    assert (redirect.status_code, redirect["Location"]) == (302, url)
    # An error tracker stores the repr, which must not show the number.
    assert repr(redirect) == "<HttpResponseRedirect to PlasGate>"

    settings.PLASGATE_IP_CONTINUE_PAGE = True
    page = responses.redirect_to_plasgate(request_of(), url)

    assert (page.status_code, page["Refresh"]) == (200, f"0; url={url}")
    assert Page(page).all("a") == [
        {"class": "plasgate-ip-button", "href": url, "rel": "noreferrer"}
    ]
