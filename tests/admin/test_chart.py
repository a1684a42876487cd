"""The summary above the admin's list: its figures, its drawing and its table."""

import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.utils import timezone, translation

from django_plasgate_ip.admin import chart
from django_plasgate_ip.admin.statistics import Outcome, Summary
from django_plasgate_ip.reasons import Reason
from tests.kept import ended, noon, pending
from tests.staff import LIST, post, text

SVG = "{http://www.w3.org/2000/svg}"
VERIFIED, FAILED, ERROR, LIVE = Outcome


def draw(
    by_day: dict[tuple[int, Outcome], int], reasons: dict[str, int] | None = None, **values: Any
) -> Any:
    """Draw a summary of three days: 1, 2 and 3 March 2026."""
    days = [date(2026, 3, day) for day in (1, 2, 3)]
    others = {"operators": {}, "median": None, "percentile_95": None} | values
    return chart.draw(Summary(days, Counter(by_day), Counter(reasons or {}), **others))


def test_figures_are_formatted_and_the_commonest_reasons_have_their_share():
    drawn = draw(
        {(0, VERIFIED): 1000, (1, FAILED): 333, (2, LIVE): 1},
        {"expired": 1, "credentials_rejected": 4, "interrupted": 3, "rate_limited": 2},
        median=2.97,
        operators={"Smart": (910, 1000), "Metfone": (0, 3)},
    )
    assert (drawn["total"], drawn["success_rate"]) == ("1,334", "75 %")
    assert (drawn["median"], drawn["percentile_95"]) == ("2.9 s", chart.NO_FIGURE)
    assert drawn["legend"] == [(VERIFIED, "1,000"), (FAILED, "333"), (ERROR, "0"), (LIVE, "1")]
    assert drawn["operators"] == [("Smart", "1,000", "91 %"), ("Metfone", "3", "0 %")]
    assert drawn["reasons"] == [
        (Reason.CREDENTIALS_REJECTED, "4", "40 %"),
        (Reason.INTERRUPTED, "3", "30 %"),
        (Reason.RATE_LIMITED, "2", "20 %"),
    ]
    assert draw({(0, LIVE): 1})["success_rate"] == chart.NO_FIGURE


def test_each_day_has_a_bar_as_high_as_its_counts_a_row_and_a_title():
    drawn = draw({(0, VERIFIED): 99, (0, ERROR): 1, (1, VERIFIED): 25, (1, LIVE): 25})
    first, second, third = drawn["days"]
    # A gap of 1 separates the parts, but takes at most half of a thin one.
    assert first["bar"] == [(VERIFIED, "1.00", "98.00"), (ERROR, "0.00", "0.50")]
    assert second["bar"] == [(VERIFIED, "75.00", "24.00"), (LIVE, "50.00", "24.00")]
    assert third["bar"] == []
    assert [day["x"] for day in drawn["days"]] == [0, 10, 20]
    assert drawn["busiest"] is first
    assert (first["counts"], first["total"]) == (["99", "0", "1", "0"], "100")
    assert [first["title"], third["title"]] == ["March 1: verified 99, error 1", "March 3: 0"]


def test_coordinates_have_no_decimal_comma(settings):
    settings.USE_THOUSAND_SEPARATOR = True
    with translation.override("de"):
        drawn = draw({(0, VERIFIED): 3, (1, VERIFIED): 1}, median=4)
    assert drawn["median"] == "4,0 s"
    assert drawn["days"][1]["bar"] == [(VERIFIED, "66.67", "32.33")]


@pytest.mark.django_db
def test_the_page_shows_the_figures_the_reasons_the_table_and_the_drawing(viewer):
    for reason in (None, None, Reason.NOT_VERIFIED, Reason.EXPIRED):
        ended(3, 2.97, reason, operator="Smart")
    pending(created_at=noon(3))
    response = viewer.get(LIST)
    page, today = text(response), timezone.localtime()
    for shown in (
        "Verifications 5 Success rate of ended verifications 50 %",
        "Median time until the operator's answer 2.9 s 95th percentile 2.9 s",
        "The times are from the newest 1,000 verifications",
        "Success rate by operator Smart 50 % of 4",
        f"Not back in time 1 (50 %) {Reason.EXPIRED.staff_message}",
    ):
        assert shown in page
    (html,) = re.findall(
        r'<section class="plasgate-ip-summary".*?</section>', response.content.decode(), re.DOTALL
    )
    lines = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    head, *rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in lines]
    assert head == ["Day", "Verified", "Failed", "Error", "Not ended", "Verifications"]
    assert len(rows) == 30
    assert rows[0] == [f"{today:%B} {today.day}", "0", "0", "0", "0", "0"]
    day, *counts = rows[3]
    assert counts == ["2", "1", "1", "1", "5"]
    order = ('id="changelist-search"', "plasgate-ip-summary", 'id="changelist-form"')
    places = [response.content.decode().index(part) for part in order]
    assert places == sorted(places)

    # The drawing has a text alternative and no script.
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|url\(", html)
    (drawing,) = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    svg = ElementTree.fromstring(drawing.replace("<svg", f'<svg xmlns="{SVG[1:-1]}"'))  # noqa: S314
    ids = [svg.find(f"{SVG}{name}").attrib["id"] for name in ("title", "desc")]  # type: ignore[union-attr]
    assert (svg.attrib["role"], svg.attrib["aria-labelledby"].split()) == ("img", ids)
    assert f"The busiest day was {day}" in str(svg.findtext(f"{SVG}desc"))
    days = svg.findall(f"{SVG}g")
    title = f"{day}: verified 2, failed 1, error 1, not ended 1"
    assert days[26].findtext(f"{SVG}title") == title
    assert [len(g.findall(f"{SVG}rect")) for g in days[25:28]] == [0, 4, 0]


@pytest.mark.django_db
def test_popups_and_confirmations_have_no_summary(deleter):
    action = {"action": "delete_selected", "_selected_action": ended(1).pk, "index": "0"}
    for response in (deleter.get(LIST, {"_popup": "1"}), post(deleter, LIST, **action)):
        page = text(response)
        assert ["The last 30 days" in page, "Export as CSV" in page] == [False, False]


def test_the_colours_have_enough_contrast_on_light_and_dark_pages():
    css = (Path(chart.__file__).parents[1] / "static/django_plasgate_ip/admin.css").read_text()
    colours = dict(re.findall(r"badge-(\w+) {\s+--plasgate-ip-outcome: (#[0-9a-f]{6});", css))
    assert set(colours) == set(Outcome.values)
    # A badge has white text. The other colours are dark backgrounds: the admin's and Unfold's.
    minimum = {"#ffffff": 4.5, "#121212": 3, "#212121": 3, "#101828": 3}
    for colour in colours.values():
        for other, ratio in minimum.items():
            dark, light = sorted((luminance(colour), luminance(other)))
            assert (light + 0.05) / (dark + 0.05) >= ratio


def luminance(colour: str) -> float:
    """Return WCAG's relative luminance of a colour, #rrggbb."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
