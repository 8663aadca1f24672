"""The model's page: card, back-test, and moves by an operator's key."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Site, barriers, press, running, settled, shot, storecast


def test_the_card_says_what_serves_and_how_good_it_was(site: Site) -> None:
    """Version, gate's reason, errors beside both naives, coverage, and what matters in its trees."""
    judged = httpx.get(f"{site.service.url}/v1/backtests", trust_env=False).json()
    page = site.browse("/model")
    expect(page.get_by_text("Version 1 of storecast")).to_be_visible()
    expect(page.get_by_role("blockquote").get_by_text(judged["gate"]["reason"])).to_be_visible()
    expect(page.get_by_text(f"${judged['metrics']['wmae']:,.0f}").first).to_be_visible()
    expect(page.get_by_text("were not judged").first).to_be_visible()
    titles = ("Back-test", "What matters in the model", "What its boosting part looks at", "Versions")
    for title in titles:
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.get_by_text(f"80 % bands held {judged['metrics']['coverage-80']:.1f} %")).to_be_visible()
    shot(page, "model")
    assert barriers(page) == []


@pytest.fixture
def two_versions(browser: Browser, trained: Path, sales: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with keys and a second version that serves, and its follower."""
    home = tmp_path / "home"
    shutil.copytree(trained, home, ignore=shutil.ignore_patterns("log-*", "*.db-wal", "*.db-shm"))
    storecast("train", str(sales), "--model", "naive-growth", home=home)
    storecast("models", "promote", "2", "--overrule", "--why", "to have another", home=home)
    storecast("keys", "issue", "--role", "reader", "--name", "first", home=home)
    with running(browser, home, follow=True) as made:
        yield made


def _heard(page: Page, what: str = "") -> Locator:
    """What the page says of a move that was asked for."""
    return page.get_by_text(re.compile(f"(Asked for|Done): .*{what}"))


def test_an_operator_moves_with_a_reason_and_a_reader_only_looks(two_versions: Site) -> None:
    """Moves back and forth are carried out within seconds, the page follows, and history says who and why."""
    site = two_versions
    page = site.browse("/model", cookies={"storecast_key": site.key("reader")})
    expect(page.get_by_text("Version 2 of storecast")).to_be_visible()
    expect(page.get_by_text("your key looks on")).to_be_visible()
    assert page.get_by_role("button", name="Roll back").count() == 0
    operator = site.key("operator")
    page = site.browse("/model", cookies={"storecast_key": operator})
    press(page.get_by_role("button", name="Roll back"), page.get_by_text("Give a reason"))
    page.get_by_label("Reason").nth(1).fill("too wide at Christmas")
    press(page.get_by_role("button", name="Roll back"), _heard(page))
    expect(page.get_by_text("Version 1 of storecast")).to_be_visible(timeout=60_000)
    settled(page)
    expect(page.get_by_text("Done: back to")).to_be_visible()
    shot(page, "model-moved")
    chosen = re.compile("^2: naive-growth, mean error")  # the only one there is to choose
    expect(page.get_by_role("combobox", name="Version")).to_have_value(chosen)
    page.get_by_label("Reason").first.fill("for the comparison")
    page.get_by_text("Though the gate refused it").click()
    press(page.get_by_role("button", name="Promote"), _heard(page, "version 2 serves"))
    expect(page.get_by_text("Version 2 of storecast")).to_be_visible(timeout=60_000)
    told = httpx.get(
        f"{site.service.url}/v1/events", headers={"authorization": f"Bearer {operator}"}, trust_env=False
    )
    moves = [(e["kind"], e["to_version"], e["state"]) for e in told.json()["events"][:2]]
    assert moves == [("overrule", 2, "done"), ("rollback", 1, "done")]


def test_a_challenger_is_tried_and_taken_back(two_versions: Site) -> None:
    """An operator lets another version answer nobody, sees what it moves most, gives it a share, and ends it;
    a reader sees what is on trial."""
    site = two_versions
    page = site.browse("/model", cookies={"storecast_key": site.key("operator")})
    expect(page.get_by_text("No challenger stands beside what serves")).to_be_visible()
    page.get_by_label("Reason").nth(2).fill("as it was before")
    press(page.get_by_role("button", name="Begin"), _heard(page))
    expect(page.get_by_text("answers nobody, for comparison")).to_be_visible(timeout=60_000)
    settled(page)
    expect(page.get_by_text("Nine in ten less than")).to_be_visible()
    shot(page, "model-trial")
    assert barriers(page) == []
    seen = site.browse("/model", cookies={"storecast_key": site.key("reader")})
    expect(seen.get_by_text("answers nobody, for comparison")).to_be_visible()
    assert seen.get_by_role("button", name="Begin").count() == 0
    page.get_by_label("Reason").nth(3).fill("seen enough")
    press(page.get_by_role("button", name="Stop it"), _heard(page, "the trial is over"))
    expect(page.get_by_text("No challenger stands beside what serves")).to_be_visible(timeout=60_000)
