"""The forecast page, in a browser."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import httpx
import openpyxl
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, barriers, settled, shot


def _asked(site: Site, path: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{site.service.url}{path}", trust_env=False).json()
    return found


def _saved(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button, exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_choice_is_drawn_explained_and_kept_in_the_address(site: Site) -> None:
    """Choosing a store by typing draws it, names its reasons, and a reload shows the same."""
    page = site.browse("/forecast")
    box = page.get_by_role("combobox", name="Stores")
    box.fill("Store 7")
    page.get_by_role("option", name="Store 7", exact=True).click()
    page.locator('[data-tag][aria-label="Store 1"] button').click()
    settled(page)
    page.wait_for_url(re.compile("series=7"))
    expect(page.get_by_text("Store 7 sold")).to_be_visible()
    for title in ("Why this number", "How far to trust it", "The same as a table"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.get_by_text(re.compile(r"Bands that promise 80 % held \d+\.\d %"))).to_be_visible()
    shot(page, "forecast")
    page.reload()
    settled(page)
    expect(page.get_by_text("Store 7 sold")).to_be_visible()
    chart = page.get_by_test_id("stVegaLiteChart").first
    expect(chart).to_have_attribute("aria-label", re.compile("Sales and forecast of Store 7: 13 weeks"))


def test_reasons_are_the_service_s_and_add_up(site: Site) -> None:
    """The week asked for in the address is explained with the service's own dollars."""
    made = _asked(site, "/v1/explanations?series=3&horizons=4")["explanations"][0]
    page = site.browse(f"/forecast?series=3&week={made['ds']}")
    base = next(s["dollars"] for s in made["steps"] if s["name"] == "last_year")
    moved = round(made["forecast"] - base, 2)
    words = "more" if moved > 0 else "less"
    text = page.get_by_text(re.compile("Store 3 sold")).inner_text()
    assert f"${base:,.0f}" in text
    assert f"is ${abs(moved):,.0f} {words}" in text


def test_several_stores_stand_side_by_side(site: Site) -> None:
    """Each has a chart of its own, and the reasons are of the one that is chosen."""
    page = site.browse("/forecast?series=1&series=2&series=3&why=2&levels=90")
    assert page.get_by_test_id("stVegaLiteChart").count() == 4  # three, and the reasons
    expect(page.get_by_text("Store 2 sold")).to_be_visible()
    expect(page.get_by_text(re.compile("what they held was not counted"))).to_be_visible()
    shot(page, "forecast-several")


def test_downloads_hold_the_service_s_numbers(site: Site, tmp_path: Path) -> None:
    """CSV and XLSX hold every week and limit as the service answers them; reasons add up in the workbook."""
    page = site.browse("/forecast?series=5&horizon=4")
    asked = _asked(site, "/v1/forecasts?series=5&horizon=4")["forecasts"]
    text = _saved(page, "CSV", tmp_path).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(r["Week"], float(r["Forecast"]), float(r["80 % from"])) for r in rows] == [
        (r["ds"], r["storecast"], r["storecast-lo-80"]) for r in asked
    ]
    book = openpyxl.load_workbook(_saved(page, "Excel (XLSX)", tmp_path))
    assert book.sheetnames == ["Forecast", "Why", "About"]
    assert [c.value for c in book["Forecast"]["C"][1:]] == [r["storecast"] for r in asked]
    for line in list(book["Why"].iter_rows(values_only=True))[1:]:
        assert sum(round(100 * v) for v in line[2:-1]) == round(100 * line[-1])
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)
    assert 'event="download",page="forecast"' in site.metrics()


def test_an_address_with_nonsense_is_no_error(site: Site) -> None:
    """Unknown stores, weeks and levels in an address fall back to what there is."""
    page = site.browse("/forecast?series=none&horizon=999&levels=x&week=2000-01-01&by=galaxy&weeks=-1")
    expect(page.get_by_text("Store 1 sold")).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0


def test_nothing_chosen_says_so(site: Site) -> None:
    """Without a store the page says what to do, and a reload keeps it so."""
    page = site.browse("/forecast?series=")
    expect(page.get_by_text("Nothing is chosen")).to_be_visible()


def test_the_forecast_has_no_serious_barrier(site: Site) -> None:
    """Axe finds nothing serious, light or dark, wide or on a phone."""
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = site.browse(
            "/forecast?series=1&series=2", viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        assert barriers(page) == [], (width, scheme)
    shot(page, "forecast-phone")


def test_the_keyboard_reaches_everything(site: Site) -> None:
    """By Tab alone one gets from the first page into the navigation and to a choice, seeing where one is."""
    page = site.browse("/forecast")
    named = "document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.innerText ?? ''"
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate(named).strip())
    assert any("Model" in text for text in seen), seen
    assert any(text.startswith("Stores") for text in seen), seen
