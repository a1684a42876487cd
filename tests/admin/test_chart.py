"""The 30 days above the staff's list, as the page shows them."""

import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.staff import LIST, cells, ended, noon, pending, post, staff, text, verified

pytestmark = pytest.mark.django_db

SVG = "{http://www.w3.org/2000/svg}"


def section(response: Any) -> str:
    """Return the summary's part of the page."""
    html = response.content.decode()
    return str(re.search(r'<section class="plasgate-ip-summary".*?</section>', html, re.DOTALL)[0])  # type: ignore[index]


def figures(response: Any) -> dict[str, str]:
    """Return the figures at the top, by their names."""
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", section(response), re.DOTALL)
    return {name: " ".join(value.split()) for name, value in pairs}


def table(response: Any) -> list[list[str]]:
    """Return the table of every day, the newest first."""
    rows = re.findall(r"<tr>(.*?)</tr>", section(response), re.DOTALL)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def drawing(response: Any) -> ElementTree.Element:
    (svg,) = re.findall(r"<svg.*?</svg>", section(response), re.DOTALL)
    return ElementTree.fromstring(svg.replace("<svg", f'<svg xmlns="{SVG[1:-1]}"'))  # noqa: S314


# In words and digits


def test_it_says_how_many_how_well_and_how_fast(viewer: Client) -> None:
    for seconds in (1, 2, 3):
        ended(1, seconds)
    ended(1, 4, Reason.NOT_VERIFIED)
    pending(created_at=timezone.now())
    response = viewer.get(LIST)
    assert figures(response) == {
        "Verifications": "5",
        "Verified, of those that ended": "75 %",
        "Median time until the operator's answer": "2.0 s",
        "95th percentile": "4.0 s",
    }
    assert "All verifications are counted, whatever the filters of the list." in text(response)
    assert "The times are those of the newest 1,000 answered." in text(response)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(2.97, "2.9 s"), (2.3, "2.3 s"), (4.1, "4.1 s"), (0, "0.0 s"), (1e9, "1000000000.0 s")],
)
def test_a_time_is_the_one_of_the_list(viewer: Client, seconds: float, shown: str) -> None:
    ended(1, seconds)
    response = viewer.get(LIST)
    assert figures(response)["95th percentile"] == shown
    assert cells(response)[0]["took"] == shown


def test_where_nothing_has_ended_there_is_no_rate_and_no_time(viewer: Client) -> None:
    pending(created_at=timezone.now())
    response = viewer.get(LIST)
    assert list(figures(response).values()) == ["1", "–", "–", "–"]  # noqa: RUF001
    assert "Why verifications did not succeed" not in section(response)


def test_thousands_are_grouped(viewer: Client) -> None:
    start = noon(1)
    PhoneVerification.objects.bulk_create(
        PhoneVerification(scopes="mobile_id", created_at=start) for _ in range(1234)
    )
    response = viewer.get(LIST)
    assert figures(response)["Verifications"] == "1,234"
    assert table(response)[2][-2:] == ["1,234", "1,234"]


def test_top_reasons_come_in_words_with_what_to_do(viewer: Client) -> None:
    for reason, times in {
        Reason.EXPIRED: 1,
        Reason.CREDENTIALS_REJECTED: 4,
        Reason.NOT_ON_MOBILE_DATA: 3,
        Reason.PROVIDER_TIMEOUT: 2,
    }.items():
        for _ in range(times):
            ended(1, reason=reason)
    page = text(viewer.get(LIST))
    said = [
        f"Keys or balance refused 4 (40 %) {Reason.CREDENTIALS_REJECTED.staff_message}",
        f"Not on mobile data 3 (30 %) {Reason.NOT_ON_MOBILE_DATA.staff_message}",
        f"Provider too slow 2 (20 %) {Reason.PROVIDER_TIMEOUT.staff_message}",
    ]
    assert " ".join(said) in page
    assert str(Reason.EXPIRED.staff_message) not in page


def test_table_has_every_outcome_of_every_day(viewer: Client) -> None:
    for reason in (None, None, Reason.NOT_VERIFIED, Reason.EXPIRED):
        ended(3, reason=reason)
    pending(created_at=noon(3))
    head, *rows = table(viewer.get(LIST))
    assert head == ["Day", "Verified", "Failed", "Error", "Not ended", "Verifications"]
    assert len(rows) == 30
    today = timezone.localtime()
    assert rows[0] == [f"{today:%B} {today.day}", "0", "0", "0", "0", "0"]
    assert rows[3][1:] == ["2", "1", "1", "1", "5"]


@pytest.mark.parametrize("query", [{}, {"status__exact": "failed"}, {"q": "nobody"}])
def test_without_data_it_says_so(viewer: Client, query: dict[str, str]) -> None:
    verified(created_at=timezone.now() - timedelta(days=99))
    page = section(viewer.get(LIST, query))
    assert "No verification was started in these days." in page
    assert "<svg" not in page


def test_it_speaks_khmer(viewer: Client) -> None:
    ended(1, reason=Reason.EXPIRED)
    page = section(viewer.get(LIST, headers={"accept-language": "km"}))
    assert "30 ថ្ងៃចុងក្រោយ" in page
    assert "មិនត្រឡប់មកវិញទាន់ពេល" in page
    english = set(re.findall(r"[A-Za-z]{3,}", re.sub(r"<[^>]*>", "", page)))
    assert {word for word in english if not word.isupper()} <= {"PlasGate"}


def test_popup_and_questions_have_none() -> None:
    client = staff("view_phoneverification", "delete_phoneverification")
    verification = ended(1)
    popup = client.get(LIST, {"_popup": "1"})
    action = {"action": "delete_selected", "_selected_action": verification.pk, "index": "0"}
    for response in (popup, post(client, LIST, **action)):
        assert response.status_code == 200
        assert "plasgate-ip-summary" not in response.content.decode()
        assert "Export as CSV" not in response.content.decode()


# As a drawing


def test_bars_are_as_high_as_their_counts(viewer: Client) -> None:
    for _ in range(4):
        ended(1)
    ended(2)
    ended(2, reason=Reason.EXPIRED)
    svg = drawing(viewer.get(LIST))
    assert svg.attrib["viewBox"] == "0 0 300 100"
    bars = svg.findall(f"{SVG}g")
    assert len(bars) == 30
    whole, half = (bars[index].findall(f"{SVG}rect") for index in (28, 27))
    assert [(r.attrib["class"], r.attrib["y"], r.attrib["x"]) for r in whole] == [
        ("plasgate-ip-verified", "0.00", "280")
    ]
    assert [(r.attrib["class"], r.attrib["y"], r.attrib["x"]) for r in half] == [
        ("plasgate-ip-verified", "75.00", "270"),
        ("plasgate-ip-error", "50.00", "270"),
    ]
    assert float(whole[0].attrib["height"]) == pytest.approx(100, abs=1)
    assert float(half[0].attrib["height"]) == pytest.approx(25, abs=1)
    assert not bars[26].findall(f"{SVG}rect")


def test_drawing_can_be_heard(viewer: Client) -> None:
    ended(1)
    ended(1, reason=Reason.EXPIRED)
    response = viewer.get(LIST)
    svg = drawing(response)
    day = table(response)[2][0]
    said = {svg.attrib["role"]: svg.attrib["aria-labelledby"].split()}
    title, description = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert said == {"img": [title.attrib["id"], description.attrib["id"]]}
    assert title.text == "Verifications per day, by outcome"
    assert f"The most were on {day}: 2." in str(description.text)
    titles = [g.findtext(f"{SVG}title") for g in svg.findall(f"{SVG}g")]
    assert titles[28] == f"{day}: verified 1, error 1"
    assert titles[27] == f"{table(response)[3][0]}: 0"


@pytest.mark.parametrize("language", ["en", "km", "de"])
def test_drawing_asks_nothing_of_a_content_security_policy(
    viewer: Client, settings: Any, language: str
) -> None:
    settings.LANGUAGES = [(code, code) for code in ("en", "km", "de")]
    settings.USE_THOUSAND_SEPARATOR = True
    for days_ago in (1, 1, 1, 2):
        ended(days_ago)
    response = viewer.get(LIST, headers={"accept-language": language})
    page = section(response)
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|url\(", page)
    rects = list(drawing(response).iter(f"{SVG}rect"))
    assert len(rects) == 2
    for rect in rects:
        assert all(
            re.fullmatch(r"\d+(\.\d+)?", rect.attrib[n]) for n in ("x", "y", "width", "height")
        )


def test_page_links_the_stylesheet_of_badges_and_bars(viewer: Client) -> None:
    ended(1)
    html = viewer.get(LIST).content.decode()
    assert 'href="/static/django_plasgate_ip/admin.css"' in html
    assert '<span class="plasgate-ip-badge plasgate-ip-badge-verified">verified</span>' in html
