"""The first page, in a browser."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import expect

from storecast.webapp.shell import shell
from tests.browser.conftest import Site, barriers, settled, shot


def test_exceptions_come_first_and_lead_to_the_forecast(site: Site) -> None:
    """Total, three lists of exceptions, and each entry opens that store's forecast with the same weeks."""
    page = site.browse("/?horizon=26")
    for title in ("Moves most against last year", "Last week fell outside its band", "Hardest to forecast"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.get_by_text("Forecast, next 26 weeks")).to_be_visible()
    shot(page, "overview")
    first = page.get_by_test_id("stPageLink").first
    name = first.inner_text().strip().split("\n")[-1]
    first.get_by_role("link").click()
    page.wait_for_url(re.compile("/forecast"))
    settled(page)
    number = name.removeprefix("Store ")
    assert f"series={number}" in page.url
    assert "horizon=26" in page.url
    expect(page.get_by_text(re.compile(f"{name}: the forecast starts"))).to_be_visible()


def test_the_overview_has_no_serious_barrier(site: Site) -> None:
    """Axe finds nothing serious in light and dark, on a phone, and at 200 % zoom."""
    for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light"), (640, "light")):
        page = site.browse("/", viewport={"width": width, "height": 900}, color_scheme=scheme)
        assert barriers(page) == [], (width, scheme)
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{width} px: {overflow} px too wide"
    shot(page, "overview-zoomed")


def test_every_page_s_address_has_the_page_that_names_its_scripts(site: Site) -> None:
    """The app answers with it, by whatever page one comes in; browsers ask anew each time."""
    for path in ("/", "/forecast?series=7", "/monitoring"):
        answer = httpx.get(site.web.url + path, trust_env=False)
        assert (answer.status_code, answer.text) == (200, shell())
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-frame-options"] == "DENY"


def test_what_is_drawn_was_named_by_the_page(site: Site) -> None:
    """Figures, chart and table need no script that the page does not name: none is asked for in a second
    wave. Parts of the table that wait for a click may."""
    page = site.browse("/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    settled(page)
    page.get_by_test_id("stDataFrame").locator("canvas").first.wait_for()
    named = httpx.get(site.web.url, trust_env=False).text
    scripts = [url.rpartition("/")[2] for url in asked if url.endswith(".js")]
    assert len(scripts) > 100
    assert [name for name in scripts if name not in named] == []


def test_pages_and_sessions_are_counted(site: Site) -> None:
    """Opening a page in a new session reaches Prometheus through the service."""

    def count(event: str) -> float:
        found = re.search(rf'web_events_total{{event="{event}",page="overview"}} (\S+)', site.metrics())
        return float(found.group(1)) if found else 0.0

    sessions, pages = count("session"), count("page")
    site.browse("/")
    assert (count("session"), count("page")) == (sessions + 1, pages + 1)
