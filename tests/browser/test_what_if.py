"""What-if and scenarios, in a browser."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, barriers, saved, settled, shot


def _asked(site: Site, method: str, path: str, **more: Any) -> Any:
    answer = httpx.request(method, f"{site.service.url}{path}", trust_env=False, **more)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def weeks(site: Site) -> list[str]:
    """The weeks that are forecast."""
    asked = {"series": ["1"], "horizon": 1, "weeks": 1}
    found: list[str] = _asked(site, "POST", "/v1/around", json=asked)["weeks"]
    return found


@pytest.fixture
def tidy(site: Site) -> Iterator[None]:
    """Scenarios that a test saved are removed."""
    yield
    for item in _asked(site, "GET", "/v1/scenarios")["scenarios"]:
        _asked(site, "DELETE", f"/v1/scenarios/{item['id']}")


def _metric(page: Page, label: str) -> str:
    metric = page.get_by_test_id("stMetric").filter(has_text=label)
    return metric.get_by_test_id("stMetricValue").inner_text()


def _save_as(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile("^Save")).first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Name", exact=True).press("Tab")
    settled(page)
    page.get_by_role("button", name="Save as a new scenario").click()
    settled(page)


def test_changes_are_entered_and_their_effect_is_the_service_s(site: Site, weeks: list[str]) -> None:
    """A promotion and a closure, by clicks: totals and dollars are what the service answers; a reload keeps
    them."""
    page = site.browse("/what-if?series=2&by=series")
    expect(page.get_by_text("Nothing is changed yet")).to_be_visible()
    page.get_by_role("button", name="Promotion").click()
    settled(page)
    page.get_by_role("button", name="Closure").click()
    settled(page)
    field = page.get_by_label("Sales change, %", exact=True)
    field.fill("25")
    field.press("Tab")
    page.wait_for_url(re.compile(f"change=promotion%7E{weeks[0]}%7E{weeks[0]}%7E25|~25"))
    settled(page)
    page.reload()
    settled(page)
    events = [
        {"kind": "promotion", "first": weeks[0], "last": weeks[0], "lift": 1.25},
        {"kind": "closure", "first": weeks[0], "last": weeks[0]},
    ]
    said = _asked(site, "POST", "/v1/what-if", json={"series": "2", "horizon": 13, "events": events})
    assert _metric(page, "As it is forecast") == f"${sum(w['base'] for w in said['weeks']):,.0f}"
    assert _metric(page, "What if") == f"${sum(w['scenario'] for w in said['weeks']):,.0f}"
    table = page.get_by_test_id("stTable").inner_text()
    assert f"+${said['effects'][0]['dollars']:,.2f}" in table
    assert "sells nothing in these weeks" in table
    shot(page, "what-if")
    page.get_by_role("button", name="Remove change 2").click()
    settled(page)
    assert "sells nothing" not in page.get_by_test_id("stTable").inner_text()
    assert "closure" not in page.url


def test_an_input_without_effect_says_so(site: Site, weeks: list[str]) -> None:
    """Temperature over a range of weeks: prefilled, and $0 because the model does not use it."""
    page = site.browse("/what-if?series=3")
    page.get_by_role("button", name="Input").click()
    settled(page)
    usual = _asked(site, "GET", f"/v1/inputs?store=3&date={weeks[0]}")
    field = page.get_by_test_id("stNumberInput").locator("input")
    assert float(field.input_value()) == pytest.approx(usual["temperature"], abs=0.01)
    expect(page.get_by_test_id("stTable")).to_contain_text("not used by this model")
    expect(page.get_by_text("no difference")).to_be_visible()


def test_an_effect_that_nobody_knows_is_not_made_up(site: Site, weeks: list[str]) -> None:
    """A promotion without a number, where past data had none: the page asks for it."""
    page = site.browse(f"/what-if?series=1&change=promotion~{weeks[1]}~{weeks[2]}")
    expect(page.get_by_test_id("stTable")).to_contain_text("no promotion was in the data")


def test_scenarios_are_saved_opened_changed_compared_and_removed(
    site: Site, weeks: list[str], tidy: None
) -> None:
    """The life of two scenarios; a link shows others the same; names that are taken are told."""
    page = site.browse(f"/what-if?series=2&change=promotion~{weeks[3]}~{weeks[4]}~10")
    _save_as(page, "Autumn *push*")
    expect(page.get_by_text("Saved as “Autumn *push*”.")).to_be_visible()
    page.wait_for_url(re.compile("scenario="))
    (kept,) = _asked(site, "GET", "/v1/scenarios")["scenarios"]
    assert kept["what_if"]["events"] == [
        {"kind": "promotion", "first": weeks[3], "last": weeks[4], "lift": 1.1}
    ]
    _save_as(page, "Autumn *push*")
    expect(page.get_by_role("alert").filter(has_text="name").first).to_be_visible()
    other = site.browse(f"/what-if?scenario={kept['id']}")
    expect(other.get_by_text(re.compile("of local, as saved"))).to_be_visible()
    assert _metric(other, "What if") == _metric(page, "What if")
    field = other.get_by_label("Sales change, %", exact=True)
    field.fill("30")
    field.press("Tab")
    expect(other.get_by_text(re.compile("changed since it was saved"))).to_be_visible()
    _save_as(other, "Autumn, more")
    expect(other.get_by_text("Saved as “Autumn, more”.")).to_be_visible()
    names = [s["name"] for s in _asked(site, "GET", "/v1/scenarios")["scenarios"]]
    assert names == ["Autumn, more", "Autumn *push*"]
    # The page that still shows the first one compares all three.
    page.goto(f"{site.web.url}/what-if?scenario={kept['id']}")
    settled(page)
    chart = page.locator('[aria-label^="Differences by week"]').first
    expect(chart).to_have_attribute("aria-label", re.compile(r"Autumn, more: \+\$.*Autumn \*push\*: \+\$"))
    shot(page, "what-if-compared")
    assert barriers(page) == []
    page.get_by_role("button", name=re.compile("Save or remove")).click()
    page.get_by_role("button", name=re.compile("Remove “Autumn")).click()
    settled(page)
    expect(page.get_by_text(re.compile("is removed"))).to_be_visible()
    assert [s["name"] for s in _asked(site, "GET", "/v1/scenarios")["scenarios"]] == ["Autumn, more"]


def test_of_two_people_who_change_one_scenario_the_later_is_told(
    site: Site, weeks: list[str], tidy: None
) -> None:
    """The service has moved on meanwhile: nothing is overwritten, what was entered stays."""
    asked = {"series": "1", "events": [{"kind": "closure", "first": weeks[0], "last": weeks[0]}]}
    made = _asked(site, "POST", "/v1/scenarios", json={"name": "Both", "what_if": asked})
    page = site.browse(f"/what-if?scenario={made['id']}")
    page.get_by_role("button", name=re.compile("Save or remove")).click()
    _asked(
        site,
        "PUT",
        f"/v1/scenarios/{made['id']}",
        json={"name": "Both", "version": made["version"], "what_if": asked | {"horizon": 4}},
    )
    page.get_by_role("button", name="Save changes").click()
    settled(page)
    expect(page.get_by_role("alert").first).to_be_visible()
    assert _asked(site, "GET", f"/v1/scenarios/{made['id']}")["what_if"]["horizon"] == 4
    assert "closure" in page.url


def test_a_scenario_that_is_gone_and_one_that_has_no_answer_are_told(
    site: Site, weeks: list[str], tidy: None
) -> None:
    """A link to a removed scenario shows what else it says; a store that is no more has no answer."""
    page = site.browse(
        "/what-if?scenario=00000000-0000-0000-0000-000000000000&series=5"
        f"&change=closure~{weeks[0]}~{weeks[0]}"
    )
    expect(page.get_by_text("is not there any more")).to_be_visible()
    expect(page.get_by_test_id("stTable")).to_contain_text("Closure")
    _asked(site, "POST", "/v1/scenarios", json={"name": "Old", "what_if": {"series": "no such store"}})
    page.reload()
    settled(page)
    expect(page.get_by_text(re.compile("“Old” has no answer by the version that serves"))).to_be_visible()


def test_a_reader_shares_by_link_and_cannot_save(own_site: Site, weeks: list[str]) -> None:
    """Without the role the page says so, and shows the link that keeps the what-if."""
    reader = own_site.key("reader")
    own_site.service.stop()
    own_site.service.start()
    address = f"/what-if?series=1&change=closure~{weeks[0]}~{weeks[0]}"
    page = own_site.browse(address, cookies={"storecast_key": reader})
    expect(page.get_by_text("needs a key of the role planner")).to_be_visible()
    page.get_by_role("button", name=re.compile("Share")).click()
    link = page.get_by_test_id("stCode").inner_text().strip()
    assert link.startswith(f"{own_site.web.url}/what-if?")
    again = own_site.browse(link.removeprefix(own_site.web.url), cookies={"storecast_key": reader})
    expect(again.get_by_test_id("stTable")).to_contain_text("sells nothing in these weeks")
    own_site.service.kill()
    again.get_by_role("button", name="Promotion").click()
    expect(again.get_by_text("The forecast service cannot be reached")).to_be_visible(timeout=30_000)
    own_site.service.start()
    expect(again.get_by_test_id("stTable")).to_contain_text("Promotion", timeout=30_000)
    expect(again.get_by_test_id("stTable")).to_contain_text("Closure")


def test_the_download_holds_what_the_page_shows(site: Site, weeks: list[str], tmp_path: Any) -> None:
    """The weeks of the CSV are the service's."""
    page = site.browse(f"/what-if?series=4&horizon=4&change=promotion~{weeks[0]}~{weeks[3]}~50")
    path = saved(page.get_by_role("button", name="CSV", exact=True), tmp_path)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert [row["Week"] for row in rows] == weeks[:4]
    for row in rows:
        assert float(row["What if"]) == pytest.approx(1.5 * float(row["Forecast"]), abs=0.011)
        assert float(row["Difference"]) == pytest.approx(
            float(row["What if"]) - float(row["Forecast"]), abs=0.011
        )


def test_nonsense_in_the_address_is_no_error(site: Site) -> None:
    """Changes that are none are left out."""
    page = site.browse("/what-if?by=x&series=y&horizon=z&change=nothing~1&change=closure&change=cpi~a~b~c")
    assert page.get_by_test_id("stException").count() == 0
    expect(page.get_by_test_id("stTable")).to_contain_text("Closure")


def test_the_page_has_no_serious_barrier(site: Site, weeks: list[str]) -> None:
    """Axe finds nothing serious, light or dark, wide or on a phone; nothing is too wide."""
    for width, scheme in ((1280, "dark"), (390, "light")):
        page = site.browse(
            f"/what-if?change=closure~{weeks[0]}~{weeks[1]}&change=cpi~{weeks[0]}~{weeks[1]}~200",
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        assert barriers(page) == [], (width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        shot(page, f"what-if-{width}-{scheme}")
