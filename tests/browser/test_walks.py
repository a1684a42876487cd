"""A visitor's whole way in Chromium, on the example project and its sandbox."""

import pytest
from playwright.sync_api import expect

from tests.browser.people import ON_WIFI, PASSWORD, SLOW, VERIFIED, expect_heading, press

pytestmark = pytest.mark.browser

MASKED = "+855 77 *** *18"


def test_a_phone_verifies_and_gets_the_page_that_requires_it(example, arrive):
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


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_on_wifi_the_page_says_what_to_do_and_the_retry_keeps_next(example, arrive, scripts):
    visitor = arrive(example, scripts=scripts)
    visitor.sign_up()
    page = visitor.page

    visitor.start(ON_WIFI, path="/phone/?next=/members/")
    expect_heading(page, "Not verified")
    expect(page.get_by_role("alert")).to_contain_text("Turn off Wi‑Fi")
    other_tab = visitor.context.new_page()
    other_tab.goto("/members/")
    expect_heading(other_tab, "Verify your phone number")  # still closed
    expect(page.get_by_label("Phone number")).to_have_value(ON_WIFI)
    page.get_by_label("Phone number").fill(VERIFIED)
    page.get_by_role("button", name="Try again").click()

    expect_heading(page, "Members")
    assert visitor.violations == []


def test_refresh_and_back_show_the_callbacks_result_and_spend_nothing(visitor):
    page = visitor.page
    visitor.start(VERIFIED)
    expect_heading(page, "Verified")
    result, spent = page.url, visitor.site.log.count("POST /sandbox/ip-auth")

    page.reload()
    expect_heading(page, "Verified")
    press(page, "back")
    expect_heading(page, "Verify your phone number")
    press(page, "forward")
    expect_heading(page, "Verified")
    page.goto(next(r.url for r in visitor.requests if "/phone/callback/?" in r.url))
    expect_heading(page, "Verified")

    assert page.url == result
    assert visitor.site.log.count("POST /sandbox/ip-auth") == spent


def test_a_second_tab_refreshes_until_the_operator_has_answered(visitor):
    urls = visitor.start_by_script(SLOW)
    visitor.page.evaluate("url => { location.assign(url) }", urls["authorize_url"])
    second = visitor.context.new_page()

    for _ in range(20):
        shown = second.goto(urls["detail_url"])
        if shown and "refresh" in shown.headers:
            break
        second.wait_for_timeout(100)
    expect_heading(second, "In progress")

    expect_heading(second, "Verified")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_page_leads_to_plasgate_where_the_policy_forbids_a_redirect(bare, arrive, scripts):
    visitor = arrive(bare, scripts=scripts)

    visitor.start(VERIFIED)

    expect_heading(visitor.page, "Verified")
    assert [r for r in visitor.requests if r.url.startswith(bare.operator)]
    assert visitor.violations == []


def test_no_other_page_or_host_gets_the_code_the_key_or_the_number(visitor):
    example = visitor.site
    visitor.start(VERIFIED)
    expect_heading(visitor.page, "Verified")
    visitor.page.get_by_role("link", name="Continue").click()
    expect_heading(visitor.page, "Members")

    hosts = (example.origin, example.operator)
    assert all(request.url.startswith(hosts) for request in visitor.requests)
    referers = [request.all_headers().get("referer", "") for request in visitor.requests]
    assert any(referers)
    for secret in ("code=", "private_key", "696118"):
        assert not [referer for referer in referers if secret in referer]
        assert secret not in visitor.page.evaluate("document.cookie + JSON.stringify(localStorage)")
