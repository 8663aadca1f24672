"""The classic form, in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, barriers, running, settled, shot, storecast


def _asked(site: Site, method: str, path: str, **more: Any) -> Any:
    return httpx.request(method, f"{site.service.url}{path}", trust_env=False, **more).json()


def _effects(page: Page) -> dict[str, list[str]]:
    """The table of what each input changed: title -> entered, dollars, why."""
    rows = page.get_by_test_id("stTable").locator("tbody tr")
    return {
        row.locator("th").inner_text().strip(): [cell.strip() for cell in row.locator("td").all_inner_texts()]
        for row in rows.all()
    }


def _cents(text: str) -> int:
    return round(100 * float(re.sub(r"[^\d.]", "", text))) * (-1 if text.startswith("−") else 1)


def test_the_form_is_filled_with_what_is_likely_and_predicts(site: Site) -> None:
    """Fields hold the service's likely values; the prediction and its bands are the service's."""
    week = _asked(site, "GET", "/v1/overview?by=store&horizon=4")["last"]
    usual = _asked(site, "GET", f"/v1/inputs?store=3&date={week}")
    page = site.browse(f"/form?store=3&week={week}")
    for label, name in (("Temperature, °F", "temperature"), ("Unemployment, %", "unemployment")):
        assert float(page.get_by_label(label, exact=True).input_value()) == pytest.approx(
            usual[name], abs=0.05
        )
    row = {"store": "3", "date": week, "temperature": usual["temperature"]}
    said = _asked(site, "POST", "/v1/predictions", json={"rows": [row], "levels": [80]})["predictions"][0]
    expect(page.get_by_text(f"${said['storecast']:,.0f}", exact=True).first).to_be_visible()
    low, high = said["storecast-lo-80"], said["storecast-hi-80"]
    expect(page.get_by_test_id("stMetric").filter(has_text="80 % band, from")).to_contain_text(f"${low:,.0f}")
    expect(page.get_by_test_id("stMetric").filter(has_text="80 % band, to")).to_contain_text(f"${high:,.0f}")
    shot(page, "form")


def test_an_input_that_the_model_does_not_use_says_so(site: Site) -> None:
    """$0 and why; what to do about it is a click away; the entry is in the address and survives a reload."""
    page = site.browse("/form?store=2")
    field = page.get_by_label("Temperature, °F", exact=True)
    field.fill("99")
    field.press("Tab")
    page.wait_for_url(re.compile("temperature=99"))
    settled(page)
    page.reload()
    settled(page)
    assert float(page.get_by_label("Temperature, °F", exact=True).input_value()) == 99.0
    effects = _effects(page)
    entered, dollars, why = effects["Temperature, °F"]
    assert entered.startswith("99.0 (likely: ")
    assert (dollars, why) == ("$0", "not used by this model")
    assert effects["Prediction"][1] == effects["Forecast of this week by itself"][1]
    page.get_by_text("What would a model say that uses them?").click()
    expect(page.get_by_text("--model boosting --no-promote")).to_be_visible()
    page.get_by_role("button", name=re.compile("Back to likely values")).click()
    settled(page)
    assert "temperature" not in page.url
    assert float(page.get_by_label("Temperature, °F", exact=True).input_value()) != 99.0


def test_likely_values_follow_the_week_until_somebody_enters_another(site: Site) -> None:
    """Another week brings its own temperature; what was entered stays entered."""
    weeks = _asked(site, "POST", "/v1/around", json={"series": ["1"], "horizon": 1, "weeks": 1})["weeks"]
    page = site.browse("/form?store=1&fuel_price=5")
    page.get_by_role("combobox", name="Week of").click()
    page.get_by_role("option").nth(5).click()
    page.wait_for_url(re.compile(f"week={weeks[5]}"))
    settled(page)
    usual = _asked(site, "GET", f"/v1/inputs?store=1&date={weeks[5]}")
    shown = float(page.get_by_label("Temperature, °F", exact=True).input_value())
    assert shown == pytest.approx(usual["temperature"], abs=0.05)
    assert float(page.get_by_label("Fuel price, $ a gallon", exact=True).input_value()) == 5.0


def test_nonsense_in_the_address_is_no_error(site: Site) -> None:
    """Unknown stores, weeks and values fall back to what is likely."""
    page = site.browse("/form?store=none&week=1999-01-01&temperature=hot&holiday=maybe&cpi=nan")
    assert page.get_by_test_id("stException").count() == 0
    expect(page.get_by_role("heading", name="What each input changed")).to_be_visible()


def test_predictions_are_counted(site: Site) -> None:
    """Each row that is predicted reaches Prometheus once."""

    def count() -> float:
        found = re.search(r'web_events_total{event="prediction",page="form"} (\S+)', site.metrics())
        return float(found.group(1)) if found else 0.0

    before = count()
    page = site.browse("/form?store=4")
    assert count() == before + 1
    page.get_by_label("Temperature, °F", exact=True).fill("12")
    page.get_by_label("Temperature, °F", exact=True).press("Tab")
    page.wait_for_url(re.compile("temperature=12"))
    settled(page)
    assert count() == before + 2


def test_the_form_has_no_serious_barrier(site: Site) -> None:
    """Axe finds nothing serious, light or dark, wide or on a phone; nothing is too wide."""
    for width, scheme in ((1280, "dark"), (390, "light")):
        page = site.browse(
            "/form?temperature=99", viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        assert barriers(page) == [], (width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        shot(page, f"form-{width}-{scheme}")


@pytest.fixture(scope="module")
def boosted(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A site whose champion reads the inputs."""
    home = tmp_path_factory.mktemp("boosted")
    storecast("sample", str(home / "sales.csv"), "--stores", "8", "--weeks", "143", home=home)
    storecast("train", str(home / "sales.csv"), "--model", "boosting", "--no-promote", home=home)
    storecast("models", "promote", "1", "--overrule", "--why", "reads inputs", home=home)
    with running(browser, Path(home)) as made:
        yield made


def test_inputs_that_are_used_add_up_to_the_prediction(boosted: Site) -> None:
    """With a model that reads them, the dollars of all inputs add up to the cent, and some are not zero."""
    page = boosted.browse("/form?store=3&temperature=95&fuel_price=4.5&unemployment=12")
    effects = _effects(page)
    dollars = {name: _cents(cells[1]) for name, cells in effects.items()}
    total = dollars.pop("Prediction")
    assert sum(dollars.values()) == total
    dollars.pop("Forecast of this week by itself")
    assert any(dollars.values())
    assert effects["Temperature, °F"][2] == "as this model has learnt it"
    assert dollars["Holiday week"] == 0
    assert page.get_by_text("What would a model say that uses them?").count() == 0
    shot(page, "form-boosting")
