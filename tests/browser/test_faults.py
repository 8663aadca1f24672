"""What people see while something is broken, and that it mends itself."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, barriers, settled, shot


def test_a_service_that_dies_is_told_and_comes_back_by_itself(own_site: Site) -> None:
    """Down: words instead of an error; up again: the page with what was chosen, without a click."""
    page = own_site.browse("/forecast?series=2")
    own_site.service.kill()
    page.reload()
    expect(page.get_by_text("The forecast service cannot be reached")).to_be_visible(timeout=30_000)
    assert page.get_by_test_id("stException").count() == 0
    shot(page, "service-down")
    assert barriers(page) == []
    own_site.service.start()
    expect(page.get_by_text("Store 2: the forecast starts")).to_be_visible(timeout=30_000)
    assert "series=2" in page.url


def test_a_service_that_hangs_is_told_and_comes_back_by_itself(own_site: Site) -> None:
    """Connections stand and nothing answers: after some seconds the page says so, and recovers."""
    page = own_site.browse("/")
    own_site.service.pause()
    page.goto(f"{own_site.web.url}/forecast?series=3")
    expect(page.get_by_text("takes too long to answer")).to_be_visible(timeout=40_000)
    own_site.service.resume()
    expect(page.get_by_text("Store 3: the forecast starts")).to_be_visible(timeout=40_000)


def test_an_app_that_is_replaced_loses_nothing(own_site: Site) -> None:
    """The address holds what was chosen: another process shows the same page."""
    page = own_site.browse("/forecast?series=4&horizon=26&levels=90")
    expect(page.get_by_text("Store 4: the forecast starts")).to_be_visible()
    own_site.web.kill()
    own_site.web.start()
    page.reload()
    settled(page)
    expect(page.get_by_text("Store 4: the forecast starts")).to_be_visible(timeout=30_000)
    assert "horizon=26" in page.url


def _sign_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_people_sign_in_by_key_and_pages_follow_the_role(own_site: Site) -> None:
    """Without a key only the way in is shown; a wrong one is told; no script reads the cookie; out again."""
    reader = own_site.key("reader")
    own_site.service.stop()
    own_site.service.start()
    page = own_site.browse("/forecast?series=6")
    page.get_by_role("link", name="Sign in").click()
    assert barriers(page) == []
    shot(page, "sign-in")
    _sign_in(page, "sc_wrong_key")
    expect(page.get_by_role("alert")).to_contain_text("not known")
    _sign_in(page, reader)
    expect(page.get_by_text("Store 6: the forecast starts")).to_be_visible(timeout=30_000)
    cookie = next(c for c in page.context.cookies() if c["name"] == "storecast_key")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    page.goto(f"{own_site.web.url}/upload")
    settled(page)
    expect(page.get_by_text("This page is for the role planner")).to_be_visible()
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to Storecast")).to_be_visible()
    assert not [c for c in page.context.cookies() if c["name"] == "storecast_key"]


def test_a_key_that_is_revoked_leads_back_to_the_sign_in(own_site: Site) -> None:
    """What was valid a moment ago is not, and the page says so."""
    page = own_site.browse("/", cookies={"storecast_key": own_site.key("reader")})
    page.context.add_cookies([{"name": "storecast_key", "value": "sc_gone_gone", "url": own_site.web.url}])
    own_site.service.stop()
    own_site.service.start()
    page.goto(f"{own_site.web.url}/model")
    expect(page.get_by_text("Your key is not accepted")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
