"""The page that sets stores side by side, in a browser and as arithmetic."""

from __future__ import annotations

import math
import re

import pytest
from playwright.sync_api import expect

from storecast.webapp.pages.compare import season_of
from tests.browser.conftest import Site, barriers, shot


def test_a_season_is_each_week_against_the_mean_of_its_year() -> None:
    """A wave around any level comes back as that wave around 1, growth between years notwithstanding."""
    wave = [1.0 + 0.3 * math.sin(2 * math.pi * i / 52) for i in range(52)]
    two_years = [1000.0 * w for w in wave] + [1500.0 * w for w in wave]
    assert season_of([5.0, *two_years]) == pytest.approx(wave)
    assert season_of([None, *two_years[1:]]) == pytest.approx(wave), "the whole year is enough"
    assert season_of(two_years[:40]) == [None] * 52


def test_stores_stand_side_by_side(site: Site) -> None:
    """Season, growth and bias of those chosen, and a table of all."""
    page = site.browse("/compare?series=2&series=5")
    for title in ("Season", "Growth", "Error", "Bias", "All stores"):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    assert page.get_by_test_id("stVegaLiteChart").count() == 4
    for chart in page.get_by_test_id("stVegaLiteChart").all()[1:]:
        marks = [text.strip() for text in chart.locator(".role-axis-label text").all_text_contents()]
        numbers = [text for text in marks if not text.startswith("Store")]
        assert len(numbers) >= 2
        assert all(re.fullmatch(r"−?\d+(\.\d+)?", text) for text in numbers), "no 500m for a half"
    shot(page, "compare")
    assert barriers(page) == []


def test_nothing_chosen_keeps_the_table(site: Site) -> None:
    """Without a store the page says what to do and still lists all."""
    page = site.browse("/compare?series=")
    expect(page.get_by_text("Nothing is chosen")).to_be_visible()
    expect(page.get_by_role("heading", name="All stores")).to_be_visible()
