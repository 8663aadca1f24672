"""The forecast page, in a browser."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, barriers, press, running, saved, settled, shot, storecast


def _asked(site: Site, path: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{site.service.url}{path}", trust_env=False).json()
    return found


def _saved(page: Page, button: str, folder: Path) -> Path:
    return saved(page.get_by_role("button", name=button, exact=True), folder)


def test_a_choice_is_drawn_explained_and_kept_in_the_address(site: Site) -> None:
    """Choosing a store by typing draws it, names its reasons, and a reload shows the same."""
    page = site.browse("/forecast")
    box = page.get_by_role("combobox", name="Stores")
    box.fill("Store 7")
    page.get_by_role("option", name="Store 7", exact=True).click()
    page.locator('[data-tag][aria-label="Store 1"] button').click()
    settled(page)
    page.wait_for_url(re.compile("series=7"))
    expect(page.get_by_text("Store 7: the forecast starts")).to_be_visible()
    # the box of weeks names no number: it would go on showing the one of store 1
    expect(page.get_by_text(re.compile(r"^\w+ \d+, \d{4}: \$"))).to_have_count(0)
    for title in ("Why this number", "How far to trust it", "The same as a table"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.get_by_text(re.compile(r"Bands that promise 80 % held \d+\.\d %"))).to_be_visible()
    shot(page, "forecast")
    page.reload()
    settled(page)
    expect(page.get_by_text("Store 7: the forecast starts")).to_be_visible()
    chart = page.get_by_test_id("stVegaLiteChart").first
    expect(chart).to_have_attribute("aria-label", re.compile("Sales and forecast of Store 7: 13 weeks"))


def test_reasons_are_the_service_s_and_add_up(site: Site) -> None:
    """The week asked for in the address is explained with the service's own dollars."""
    made = _asked(site, "/v1/explanations?series=3&horizons=4")["explanations"][0]
    page = site.browse(f"/forecast?series=3&week={made['ds']}")
    base = next(s["dollars"] for s in made["steps"] if s["name"] == "last_year")
    moved = round(made["forecast"] - base, 2)
    words = "more" if moved > 0 else "less"
    text = page.get_by_text(re.compile("Store 3: the forecast starts")).inner_text()
    assert f"${base:,.0f}" in text
    assert f"is ${abs(moved):,.0f} {words}" in text


def test_several_stores_stand_side_by_side(site: Site) -> None:
    """Each has a chart of its own, and the reasons are of the one that is chosen."""
    page = site.browse("/forecast?series=1&series=2&series=3&why=2&levels=90")
    assert page.get_by_test_id("stVegaLiteChart").count() == 4  # three, and the reasons
    expect(page.get_by_text("Store 2: the forecast starts")).to_be_visible()
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
    expect(page.get_by_text("Store 1: the forecast starts")).to_be_visible()
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


@pytest.fixture
def desk(browser: Browser, trained: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with keys, of this test's own."""
    home = tmp_path / "home"
    shutil.copytree(trained, home, ignore=shutil.ignore_patterns("log-*", "*.db-wal", "*.db-shm"))
    storecast("keys", "issue", "--role", "reader", "--name", "first", home=home)
    with running(browser, home) as made:
        yield made


@pytest.fixture
def moved(browser: Browser, trained: Path, sales: Path, tmp_path: Path) -> Iterator[Site]:
    """A site on which the champion took one more week: that of a year before, a tenth more."""
    home = tmp_path / "home"
    shutil.copytree(trained, home, ignore=shutil.ignore_patterns("log-*", "*.db-wal", "*.db-shm"))
    frame = pd.read_csv(sales)
    days = pd.to_datetime(frame["Date"], dayfirst=not frame["Date"].str.match(r"\d{4}-").all())
    week = frame[days == days.max() - pd.Timedelta(weeks=51)].copy()
    week["Weekly_Sales"] = (week["Weekly_Sales"] * 1.1).round(2)
    week["Date"] = (days.max() + pd.Timedelta(weeks=1)).strftime("%Y-%m-%d")
    week.to_csv(tmp_path / "week.csv", index=False)
    storecast("update", str(tmp_path / "week.csv"), home=home)
    with running(browser, home) as made:
        yield made


def _enter(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Tab")


def test_an_override_is_said_seen_and_taken_back(desk: Site, tmp_path: Path) -> None:
    """A planner says a percentage with a reason: chart, table, files and the list hold it beside the model's
    number; undone, the model's number is back. A reader sees it and is offered no form."""
    planner, reader = desk.key("planner"), desk.key("reader")
    head = {"authorization": f"Bearer {planner}"}

    def asked(path: str) -> Any:
        return httpx.get(f"{desk.service.url}{path}", headers=head, trust_env=False).json()

    own = asked("/v1/forecasts?series=4&horizon=13")["forecasts"][0]
    page = desk.browse("/forecast?series=4", cookies={"storecast_key": planner})
    expect(page.get_by_text("No override is in the forecasts shown")).to_be_visible()
    settled(page)  # a press while the page is still being drawn may be lost
    nothing = "There is nothing to compare with: no version served before this one."
    expect(page.get_by_text(nothing)).to_be_visible()
    page.get_by_text("Override these forecasts").click()
    override = page.get_by_role("button", name="Override", exact=True)
    press(override, page.get_by_text("Choose a week or more, and give a reason"))
    _enter(page, "How much", "10")
    _enter(page, "Reason", "a fair in town")
    press(override, page.get_by_text("Said of 1 week"))
    settled(page)
    (said,) = asked("/v1/forecasts?series=4&horizon=13")["overrides"]
    assert (said["mode"], said["value"], said["why"], said["ds"]) == (
        "percent", 10.0, "a fair in town", own["ds"],
    )  # fmt: skip
    expect(page.get_by_text("Diamonds are numbers that planners changed")).to_be_visible()
    row = next(csv.DictReader(io.StringIO(_saved(page, "CSV", tmp_path).read_text(encoding="utf-8-sig"))))
    assert float(row["Model's forecast"]) == own["storecast"]
    assert round(float(row["Forecast"]) * 100) == round(own["storecast"] * 110)
    assert row["Override"].endswith(": a fair in town")
    book = openpyxl.load_workbook(_saved(page, "Excel (XLSX)", tmp_path))
    first = dict(zip(*[[c.value for c in r] for r in list(book["Forecast"].rows)[:2]], strict=True))
    assert first["Model's forecast"] == own["storecast"]
    page.get_by_text("All overrides that count").click()
    settled(page)
    shot(page, "forecast-override")
    assert barriers(page) == []
    onlooker = desk.browse("/forecast?series=4", cookies={"storecast_key": reader})
    expect(onlooker.get_by_text("needs a key of the role planner")).to_be_visible()
    assert onlooker.get_by_text("Override these forecasts").count() == 0
    _enter(page, "Reason to take it back", "the fair is off")
    press(page.get_by_role("button", name="Undo"), page.get_by_text("Taken back: 1 week."))
    settled(page)
    assert asked("/v1/forecasts?series=4&horizon=13")["forecasts"][0] == own
    expect(page.get_by_text("No override is in the forecasts shown")).to_be_visible()


def test_why_it_moved(moved: Site) -> None:
    """After an update the page says what moved each number since the version before, as the service does."""
    made = _asked(moved, "/v1/explanations/change?series=2")["changes"]
    page = moved.browse(f"/forecast?series=2&week={made[3]['ds']}")
    expect(page.get_by_role("heading", name="Why did it move?")).to_be_visible()
    text = page.get_by_text(re.compile("by version 1")).inner_text()
    assert f"${made[3]['before']:,.0f}" in text
    assert f"${made[3]['after']:,.0f}" in text
    shot(page, "forecast-moved")
    assert barriers(page) == []
