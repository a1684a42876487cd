"""What visitors do, in Debian's Chromium, on the example project and its sandbox."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.people import (
    DESKTOP,
    NEVER_COMES_BACK,
    ON_WIFI,
    PASSWORD,
    SLOW,
    VERIFIED,
    Person,
    back,
    expect_heading,
    forward,
)
from tests.browser.site import Site

pytestmark = pytest.mark.browser

MASKED = "+855 77 *** *18"


def exchanges(site: Site) -> int:
    return site.log.count("POST /sandbox/ip-auth")


def callback_of(visitor: Person) -> str:
    """Return the address that the operator sent this browser to."""
    return next(r.url for r in visitor.requests if "/phone/callback/?" in r.url)


def test_a_phone_verifies_and_comes_to_the_page_that_asked_for_it(
    example: Site, arrive: Callable[..., Person]
) -> None:
    visitor = arrive(example)
    page = visitor.page

    page.goto("/members/")
    page.click("text=Sign up")
    page.fill("[name=username]", "sokha2")
    page.fill("[name=password1]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect_heading(page, "Verify your phone number")
    page.get_by_label("Phone number").fill(VERIFIED)
    page.get_by_role("button", name="Verify").click()

    expect_heading(page, "Members")
    assert page.url == f"{example.origin}/members/"
    expect(page.locator("main")).to_contain_text("Welcome, sokha2! Your number is verified.")
    expect(page.locator("main")).to_contain_text(MASKED)
    assert visitor.violations == []


def test_on_wifi_the_page_says_what_to_do_and_the_retry_keeps_where_they_were_going(
    visitor: Person,
) -> None:
    page = visitor.page

    visitor.start(ON_WIFI, path="/phone/?next=/members/")
    expect_heading(page, "Not verified")
    expect(page.get_by_role("alert")).to_contain_text("Turn off Wi-Fi")
    page.goto("/members/")
    expect_heading(page, "Verify your phone number")  # still shut
    back(page)
    page.get_by_role("link", name="Try again").click()
    page.get_by_label("Phone number").fill(VERIFIED)
    page.get_by_role("button", name="Verify").click()

    expect_heading(page, "Members")


def test_refresh_and_back_after_the_callback_show_the_result_and_spend_nothing(
    visitor: Person,
) -> None:
    page = visitor.page
    visitor.start(VERIFIED)
    expect_heading(page, "Verified")
    result, spent = page.url, exchanges(visitor.site)

    page.reload()
    expect_heading(page, "Verified")
    back(page)
    expect_heading(page, "Verify your phone number")
    forward(page)
    expect_heading(page, "Verified")
    page.goto(callback_of(visitor))
    expect_heading(page, "Verified")

    assert page.url == result
    assert exchanges(visitor.site) == spent


def test_the_newer_of_two_tabs_counts_and_the_older_one_says_so(visitor: Person) -> None:
    first, second = visitor.page, visitor.context.new_page()
    visitor.start(NEVER_COMES_BACK)
    expect_heading(first, "Please wait")
    older = visitor.start_by_script(NEVER_COMES_BACK)

    visitor.start(VERIFIED, page=second)
    expect_heading(second, "Verified")
    first.goto(older["detail_url"])

    expect_heading(first, "Not verified")
    expect(first.get_by_role("alert")).to_contain_text("You started again")
    first.get_by_role("link", name="Try again").click()
    expect_heading(first, "Verify your phone number")
    second.reload()
    expect_heading(second, "Verified")


def test_a_tab_that_looks_on_moves_by_itself_when_the_operator_has_answered(
    visitor: Person,
) -> None:
    urls = visitor.start_by_script(SLOW)
    visitor.page.evaluate("url => { location.assign(url) }", urls["authorize_url"])
    onlooker = visitor.context.new_page()

    for _ in range(20):
        shown = onlooker.goto(urls["detail_url"])
        if shown and "refresh" in shown.headers:
            break
        onlooker.wait_for_timeout(100)
    expect_heading(onlooker, "In progress")

    expect(onlooker.get_by_role("heading", level=1)).to_have_text("Verified", timeout=15_000)


def test_who_comes_back_from_an_operator_that_never_answers_can_start_at_once(
    visitor: Person,
) -> None:
    page = visitor.page
    visitor.start(NEVER_COMES_BACK)
    expect_heading(page, "Please wait")

    back(page)
    page.get_by_label("Phone number").fill(VERIFIED)
    page.get_by_role("button", name="Verify").click()

    expect_heading(page, "Verified")


def test_a_callback_that_opens_in_another_browser_is_told_to_start_there(
    visitor: Person, arrive: Callable[..., Person]
) -> None:
    # The operator's redirect is held back, and its address carried off.
    visitor.context.route("**/phone/callback/?*", lambda route: route.fulfill(status=204))
    with visitor.context.expect_event("request", lambda r: "/phone/callback/?" in r.url):
        visitor.start(VERIFIED)
    spent = exchanges(visitor.site)
    other = arrive(visitor.site)

    other.page.goto(callback_of(visitor))

    expect_heading(other.page, "Start again in this browser")
    assert exchanges(visitor.site) == spent
    other.page.get_by_role("link", name="Start again").click()
    expect_heading(other.page, "Log in")


def test_without_javascript_everything_works(example: Site, arrive: Callable[..., Person]) -> None:
    visitor = arrive(example, scripts=False)
    visitor.sign_up()

    visitor.start(ON_WIFI, path="/phone/?next=/members/")
    expect_heading(visitor.page, "Not verified")
    visitor.page.get_by_role("link", name="Try again").click()
    visitor.page.fill("[name=phone_number]", VERIFIED)
    visitor.page.click(".plasgate-ip button")

    expect_heading(visitor.page, "Members")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_site_whose_forms_may_go_nowhere_else_sends_on_by_a_page(
    bare: Site, arrive: Callable[..., Person], scripts: bool
) -> None:
    visitor = arrive(bare, scripts=scripts)

    visitor.start(VERIFIED)

    expect_heading(visitor.page, "Verified")
    assert [r for r in visitor.requests if r.url.startswith(bare.operator)]
    assert visitor.violations == []


def test_without_that_page_the_policy_would_have_stopped_them(visitor: Person) -> None:
    def strict(route):
        response = route.fetch(max_redirects=0)
        policy = {"content-security-policy": "default-src 'self'; form-action 'self'"}
        route.fulfill(response=response, headers={**response.headers, **policy})

    visitor.context.route("**/phone/", strict)
    with visitor.context.expect_event("console", lambda m: "form-action" in m.text):
        visitor.start(VERIFIED)

    assert visitor.violations
    visitor.violations.clear()
    expect_heading(visitor.page, "Verify your phone number")


def test_a_khmer_phone_is_spoken_to_in_khmer_from_end_to_end(
    example: Site, arrive: Callable[..., Person]
) -> None:
    visitor = arrive(example, language="km")
    visitor.sign_up()
    page = visitor.page

    expect_heading(page, "ផ្ទៀងផ្ទាត់លេខទូរសព្ទរបស់អ្នក")
    visitor.start("០៧៧ ៦៩៦ ១១៩")  # not on mobile data, in Khmer digits
    expect_heading(page, "មិនបានផ្ទៀងផ្ទាត់")
    expect(page.get_by_role("alert")).to_contain_text("អ៊ីនធឺណិតទូរសព្ទ")
    page.get_by_role("link", name="ព្យាយាមម្តងទៀត").click()
    page.get_by_label("លេខទូរសព្ទ").fill(VERIFIED)
    page.get_by_role("button", name="ផ្ទៀងផ្ទាត់").click()

    expect_heading(page, "បានផ្ទៀងផ្ទាត់")


def test_the_language_changes_where_they_are(visitor: Person) -> None:
    visitor.page.goto("/phone/?next=/members/")

    visitor.page.get_by_role("button", name="ខ្មែរ").click()

    expect_heading(visitor.page, "ផ្ទៀងផ្ទាត់លេខទូរសព្ទរបស់អ្នក")
    assert visitor.page.url.endswith("/phone/?next=/members/")


@pytest.mark.parametrize("screen", [None, DESKTOP], ids=["phone", "desktop"])
def test_no_other_page_or_host_hears_of_code_key_and_number(
    example: Site, arrive: Callable[..., Person], screen: dict | None
) -> None:
    visitor = arrive(example, **({"screen": screen} if screen else {}))
    visitor.sign_up()
    visitor.start(VERIFIED)
    expect_heading(visitor.page, "Verified")
    visitor.page.get_by_role("link", name="Continue").click()
    expect_heading(visitor.page, "Welcome")

    hosts = (example.origin, example.operator)
    assert all(request.url.startswith(hosts) for request in visitor.requests)
    referers = [request.all_headers().get("referer", "") for request in visitor.requests]
    assert any(referers)
    for secret in ("code=", "private_key", "696118"):
        assert not [referer for referer in referers if secret in referer]
        assert secret not in visitor.page.evaluate("document.cookie + JSON.stringify(localStorage)")
