"""The monitoring page: nothing known is said plainly, and actuals that arrive are counted."""

from __future__ import annotations

import json

import httpx
import pytest
from playwright.sync_api import expect

from storecast.settings import Settings
from storecast.stores.forecast_log.monitor_runs import MonitorRunTable
from storecast.webapp.pages.monitoring import counts
from storecast.wiring.serving import database
from tests.browser.conftest import Site, barriers, shot
from tests.service.test_monitoring import BODY

ALARM = {"active": True, "sentence": "Sales of store 1 fell.", "remedy": "See why."}
LOOK = {**BODY, "drift": {**BODY["drift"], "alarms": [ALARM]}}


def test_metrics_are_read_with_their_labels() -> None:
    """Samples of one name, with labels, escaped ones as well; others and comments are passed over."""
    text = (
        '# HELP a_total x\na_total{k="v",l="w x"} 2.0\na_totals{k="v"} 5.0\nb 1.0\na_total{k="q\\"r"} 1e3\n'
    )
    assert counts(text, "a_total") == [({"k": "v", "l": "w x"}, 2.0), ({"k": 'q\\"r'}, 1000.0)]


def test_without_actuals_it_says_so(site: Site) -> None:
    """No accuracy is made up; use and health are there."""
    page = site.browse("/monitoring")
    expect(page.get_by_text("No actuals yet")).to_be_visible()
    expect(page.get_by_text("A version serves")).to_be_visible()
    shot(page, "monitoring")
    assert barriers(page) == []


def test_actuals_that_arrive_are_set_against_the_forecasts(own_site: Site) -> None:
    """Mean error and what the bands held are those of a plain loop over the service's own forecasts."""
    url = own_site.service.url
    asked = httpx.get(f"{url}/v1/forecasts?horizon=2&levels=80,95", trust_env=False).json()["forecasts"]
    rows = [
        {"unique_id": r["unique_id"], "ds": r["ds"], "y": round(r["storecast"] * (0.8 if i % 3 else 1.01), 2)}
        for i, r in enumerate(asked)
    ]
    done = httpx.post(f"{url}/v1/actuals", json={"actuals": rows}, trust_env=False)
    assert done.status_code == 200, done.text
    errors = [abs(r["storecast"] - a["y"]) for r, a in zip(asked, rows, strict=True)]
    inside = [
        r["storecast-lo-80"] <= a["y"] <= r["storecast-hi-80"] for r, a in zip(asked, rows, strict=True)
    ]
    found = httpx.get(f"{url}/v1/monitoring/accuracy", trust_env=False).json()["all"]
    assert found["rows"] == len(rows)
    assert found["error"] == pytest.approx(sum(errors) / len(errors), abs=0.01)
    assert found["coverage-80"] == pytest.approx(100 * sum(inside) / len(inside))
    page = own_site.browse("/monitoring")
    expect(page.get_by_text(f"${sum(errors) / len(errors):,.0f}").first).to_be_visible()
    assert page.get_by_text("No actuals yet").count() == 0
    shot(page, "monitoring-actuals")


def test_the_last_look_is_shown(own_site: Site) -> None:
    """What to do with its reasons, accuracy since go-live by what is chosen, and drift in plain words."""
    opened = database(Settings(home=own_site.home))
    look = {**LOOK, "model": {**BODY["model"], "version": 1}}
    MonitorRunTable(opened).record("storecast", 1, verdict="retrain", due=True, body=json.dumps(look))
    opened.close()
    page = own_site.browse("/monitoring")
    for _ in range(20):
        if page.get_by_text("Train again.").count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    expect(page.get_by_text("Train again.")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("It is old.")).to_be_visible()
    assert page.get_by_text("serves since the last look").count() == 0
    expect(page.get_by_text("in the weeks of May 25, 2012 to Jun 1, 2012")).to_be_visible()
    expect(page.get_by_text("Accuracy since go-live")).to_be_visible()
    expect(page.get_by_text("Sales of store 1 fell.")).to_be_visible()
    page.get_by_text("Version", exact=True).first.click()
    expect(page.get_by_text("Accuracy since go-live")).to_be_visible()
    assert page.get_by_text("Something went wrong").count() == 0
    shot(page, "monitoring-look")
    assert barriers(page) == []


def test_a_look_at_a_version_before_is_told_as_such(own_site: Site) -> None:
    """What was advised for a version that serves no more is not advised for the one that does."""
    opened = database(Settings(home=own_site.home))
    MonitorRunTable(opened).record("storecast", 1, verdict="retrain", due=True, body=json.dumps(LOOK))
    opened.close()
    page = own_site.browse("/monitoring")
    told = page.get_by_text("Version 1 serves since the last look, which was at version 3")
    for _ in range(20):
        if told.count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    expect(told).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Said then: Train again.")).to_be_visible()
    assert page.get_by_test_id("stAlert").filter(has_text="Train again.").count() == 0
