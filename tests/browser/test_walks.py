"""A visitor's whole way in Chromium, on the example project and its sandbox."""

import pytest
from playwright.sync_api import expect

from tests.browser.people import ON_WIFI, VERIFIED, expect_heading, press

pytestmark = pytest.mark.browser


def test_a_phone_verifies_and_gets_the_page_that_requires_it(visitor):
    page = visitor.page

    expect_heading(page, "Verify your phone number")
    page.get_by_label("Phone number").fill(VERIFIED)
    page.get_by_role("button", name="Verify").click()

    expect_heading(page, "Members")
    welcome = f"Welcome, {visitor.name}! Your number is verified."
    expect(page.locator("main")).to_contain_text(welcome)
    expect(page.locator("main")).to_contain_text("+855 77 *** *18")


def test_without_scripts_on_wifi_the_page_says_what_to_do_and_the_retry_keeps_next(example, arrive):
    visitor = arrive(example, scripts=False)
    visitor.sign_up()
    page = visitor.page

    visitor.start(ON_WIFI, path="/phone/?next=/members/")
    expect_heading(page, "Not verified")
    expect(page.get_by_role("alert")).to_contain_text("Turn off Wi‑Fi")
    expect(page.get_by_label("Phone number")).to_have_value(ON_WIFI)
    page.get_by_label("Phone number").fill(VERIFIED)
    page.get_by_role("button", name="Try again").click()

    expect_heading(page, "Members")
    assert visitor.violations == []


def test_refresh_and_back_show_the_callbacks_result_and_spend_nothing(visitor):
    page = visitor.page
    visitor.start(VERIFIED)
    expect_heading(page, "Verified")
    result, requests = page.url, visitor.site.log.read_text().count("POST /sandbox/ip-auth")

    page.reload()
    expect_heading(page, "Verified")
    press(page, "back")
    expect_heading(page, "Verify your phone number")
    press(page, "forward")
    expect_heading(page, "Verified")
    page.goto(next(r.url for r in visitor.requests if "/phone/callback/?" in r.url))
    expect_heading(page, "Verified")

    assert page.url == result
    assert visitor.site.log.read_text().count("POST /sandbox/ip-auth") == requests


def test_a_page_leads_to_plasgate_where_the_policy_forbids_a_redirect(bare, arrive):
    visitor = arrive(bare)
    visitor.start(VERIFIED)

    expect_heading(visitor.page, "Verified")
    assert [r for r in visitor.requests if r.url.startswith(bare.operator)]
    assert visitor.violations == []


def test_no_other_page_or_host_gets_the_code_the_key_or_the_number(visitor):
    visitor.start(VERIFIED)
    expect_heading(visitor.page, "Verified")
    visitor.page.get_by_role("link", name="Continue").click()
    expect_heading(visitor.page, "Members")

    hosts = (visitor.site.origin, visitor.site.operator)
    assert all(request.url.startswith(hosts) for request in visitor.requests)
    referers = [request.all_headers().get("referer", "") for request in visitor.requests]
    assert any(referers)
    for secret in ("code=", "private_key", "696118"):
        assert not [referer for referer in referers if secret in referer]
        assert secret not in visitor.page.evaluate("document.cookie + JSON.stringify(localStorage)")
