"""The summary of 30 days above the admin's list, as the page shows it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from django_plasgate_ip.admin import chart
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.staff import LIST, cells, ended, noon, pending, post, text, verified

pytestmark = pytest.mark.django_db

SVG = "{http://www.w3.org/2000/svg}"


def section(response: Any) -> str:
    """Return the summary's part of the page."""
    html = response.content.decode()
    return str(re.search(r'<section class="plasgate-ip-summary".*?</section>', html, re.DOTALL)[0])  # type: ignore[index]


def figures(response: Any) -> dict[str, str]:
    """Return the figures at the top, by name."""
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", section(response), re.DOTALL)
    return {name: " ".join(value.split()) for name, value in pairs}


def table(response: Any) -> list[list[str]]:
    """Return the rows of the table, the heading first."""
    rows = re.findall(r"<tr>(.*?)</tr>", section(response), re.DOTALL)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def drawing(response: Any) -> ElementTree.Element:
    (svg,) = re.findall(r"<svg.*?</svg>", section(response), re.DOTALL)
    return ElementTree.fromstring(svg.replace("<svg", f'<svg xmlns="{SVG[1:-1]}"'))  # noqa: S314


# In words and digits


def test_the_summary_says_how_many_how_successful_and_how_fast(viewer: Client) -> None:
    for seconds in (1, 2, 2.97):
        ended(1, seconds)
    ended(1, 4, Reason.NOT_VERIFIED)
    pending(created_at=timezone.now())
    response = viewer.get(LIST)

    assert figures(response) == {
        "Verifications": "5",
        "Success rate of ended verifications": "75 %",
        "Median time until the operator's answer": "2.0 s",
        "95th percentile": "4.0 s",
    }
    assert "The filters of the list do not apply here." in text(response)
    assert "The times are from the newest 1,000 verifications" in text(response)


def test_a_time_is_rounded_down_as_in_the_list(viewer: Client) -> None:
    ended(1, 2.97)
    response = viewer.get(LIST)

    assert figures(response)["95th percentile"] == cells(response)[0]["took"] == "2.9 s"


def test_without_an_ended_verification_there_is_no_rate_and_no_time(viewer: Client) -> None:
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


def test_the_commonest_reasons_come_with_what_to_do(viewer: Client) -> None:
    for reason, times in {
        Reason.EXPIRED: 1,
        Reason.CREDENTIALS_REJECTED: 4,
        Reason.NOT_ON_MOBILE_DATA: 3,
        Reason.PROVIDER_TIMEOUT: 2,
    }.items():
        for _ in range(times):
            ended(1, reason=reason)
    page = text(viewer.get(LIST))

    shown = [
        f"{str(reason.label).capitalize()} {share} {reason.staff_message}"
        for reason, share in {
            Reason.CREDENTIALS_REJECTED: "4 (40 %)",
            Reason.NOT_ON_MOBILE_DATA: "3 (30 %)",
            Reason.PROVIDER_TIMEOUT: "2 (20 %)",
        }.items()
    ]
    assert " ".join(shown) in page
    assert str(Reason.EXPIRED.staff_message) not in page


def test_the_table_has_every_outcome_of_every_day(viewer: Client) -> None:
    for reason in (None, None, Reason.NOT_VERIFIED, Reason.EXPIRED):
        ended(3, reason=reason)
    pending(created_at=noon(3))
    head, *rows = table(viewer.get(LIST))
    today = timezone.localtime()

    assert head == ["Day", "Verified", "Failed", "Error", "Not ended", "Verifications"]
    assert len(rows) == 30
    assert rows[0] == [f"{today:%B} {today.day}", "0", "0", "0", "0", "0"]
    assert rows[3][1:] == ["2", "1", "1", "1", "5"]


def test_a_summary_without_data_says_so(viewer: Client) -> None:
    verified(created_at=timezone.now() - timedelta(days=99))
    page = section(viewer.get(LIST))

    assert "No verification was started in the last 30 days." in page
    assert "<svg" not in page


def test_the_summary_is_translated(viewer: Client) -> None:
    ended(1, reason=Reason.EXPIRED)
    page = section(viewer.get(LIST, headers={"accept-language": "km"}))

    assert "30 ថ្ងៃចុងក្រោយ" in page
    assert "មិនត្រឡប់មកវិញទាន់ពេល" in page


def test_popups_and_confirmations_have_no_summary(deleter: Client) -> None:
    verification = ended(1)
    popup = deleter.get(LIST, {"_popup": "1"})
    action = {"action": "delete_selected", "_selected_action": verification.pk, "index": "0"}

    for response in (popup, post(deleter, LIST, **action)):
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
    bars = [
        [tuple(r.attrib[n] for n in ("class", "x", "y", "height")) for r in g.iter(f"{SVG}rect")]
        for g in svg.findall(f"{SVG}g")
    ]

    assert svg.attrib["viewBox"] == "0 0 300 100"
    assert len(bars) == 30
    assert bars[28] == [("plasgate-ip-verified", "280", "0.00", "99.00")]
    assert bars[27] == [
        ("plasgate-ip-verified", "270", "75.00", "24.00"),
        ("plasgate-ip-error", "270", "50.00", "24.00"),
    ]
    assert bars[26] == []


def test_a_thin_bar_is_not_hidden_by_its_gap(viewer: Client) -> None:
    for _ in range(99):
        ended(1)
    ended(1, reason=Reason.EXPIRED)
    heights = [rect.attrib["height"] for rect in drawing(viewer.get(LIST)).iter(f"{SVG}rect")]

    assert heights == ["98.00", "0.50"]


def test_the_drawing_has_a_text_alternative(viewer: Client) -> None:
    ended(1)
    ended(1, reason=Reason.EXPIRED)
    response = viewer.get(LIST)
    svg = drawing(response)
    day = table(response)[2][0]
    labels = [svg.find(f"{SVG}{name}") for name in ("title", "desc")]
    titles = [g.findtext(f"{SVG}title") for g in svg.findall(f"{SVG}g")]

    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-labelledby"].split() == [
        e.attrib["id"] for e in labels if e is not None
    ]
    assert svg.findtext(f"{SVG}title") == "Verifications per day, by outcome"
    description = str(svg.findtext(f"{SVG}desc"))
    assert f"The busiest day was {day}, with this number of verifications: 2." in description
    assert titles[27:29] == [f"{table(response)[3][0]}: 0", f"{day}: verified 1, error 1"]


def test_the_drawing_obeys_a_strict_content_security_policy(viewer: Client) -> None:
    ended(1)

    page = section(viewer.get(LIST))
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|url\(", page)


def test_coordinates_have_no_decimal_comma(viewer: Client, settings: Any) -> None:
    settings.LANGUAGES = [("de", "German")]
    settings.USE_THOUSAND_SEPARATOR = True
    for days_ago in (1, 1, 1, 2):
        ended(days_ago)
    response = viewer.get(LIST, headers={"accept-language": "de"})
    rects = list(drawing(response).iter(f"{SVG}rect"))

    assert figures(response)["95th percentile"] == "4,0 s"
    assert len(rects) == 2
    for rect in rects:
        for name in ("x", "y", "width", "height"):
            assert re.fullmatch(r"\d+(\.\d+)?", rect.attrib[name])


def test_the_colours_have_enough_contrast_on_light_and_dark_pages() -> None:
    package = Path(chart.__file__).parents[1]
    css = (package / "static/django_plasgate_ip/admin.css").read_text()
    colours = dict(re.findall(r"--plasgate-ip-(verified|failed|error|live): (#[0-9a-f]{6});", css))

    assert set(colours) == {"verified", "failed", "error", "live"}
    for colour in colours.values():
        assert contrast(colour, "#ffffff") >= 4.5  # the text of a badge
        for background in ("#121212", "#212121", "#101828"):  # the admin's, and django-unfold's
            assert contrast(colour, background) >= 3


def contrast(one: str, other: str) -> float:
    """Return WCAG's contrast ratio of two colours, #rrggbb."""
    dark, light = sorted(luminance(colour) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
