"""Uploads, in a browser: sales that are checked and forecast, and rows that are predicted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Command, Site, barriers, running, saved, settled, shot

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def working(browser: Browser, trained: Path) -> Iterator[Site]:
    """A site with a worker for uploads."""
    with running(browser, trained, follow=True) as made:
        yield made


def _sales(path: Path, *, wrong: bool = False) -> Path:
    """Two years of two stores; a row that is there twice, or one that is no number."""
    first = date(2022, 1, 7)
    lines = ["Store,Date,Weekly_Sales"]
    for store in (1, 2):
        for week in range(104):
            sales = 1000 * store + 10 * (week % 52)
            lines.append(f"{store},{first + timedelta(weeks=week)},{sales}")
    if wrong:
        lines[20] = lines[20].rsplit(",", 1)[0] + ",<b>oops</b>"
    else:
        lines.append(lines[50])
    path.write_text("\n".join(lines) + "\n")
    return path


def _choose(page: Page, path: Path) -> None:
    page.locator("input[type=file]").set_input_files(str(path))


def test_sales_are_checked_forecast_and_kept_under_their_address(working: Site, tmp_path: Path) -> None:
    """From a file to its report with the rows concerned, its forecasts and their download; a reload or a
    colleague's browser shows the same."""
    page = working.browse("/upload")
    expect(page.get_by_text("up to 128 MB")).to_be_visible()
    _choose(page, _sales(tmp_path / "two stores.csv"))
    page.wait_for_url(re.compile("dataset="), timeout=30_000)
    expect(page.get_by_role("heading", name="Forecasts of it")).to_be_visible(timeout=120_000)
    settled(page)
    expect(page.get_by_text(re.compile("some things were put right. 208 rows of 2 series"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"Rows? of the file: .*210"))).to_be_visible()
    shot(page, "upload")
    path = saved(page.get_by_role("link", name="CSV of every series"), tmp_path)
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert len(rows) == 104
    assert rows[0]["ds"] == "2024-01-05"
    again = working.browse(page.url.removeprefix(working.web.url) + "&table=forecast-series.csv&of=2")
    expect(again.get_by_role("heading", name="Forecasts of it")).to_be_visible()
    expect(again.locator('[aria-label^="Sales and forecast of 2: 52 weeks"]').first).to_be_visible()
    assert 'event="upload",page="upload"' in working.metrics()
    again.get_by_role("button", name=re.compile("Remove")).click()
    again.get_by_role("button", name="Remove it").click()
    settled(again)
    assert "dataset=" not in again.url
    page.reload()
    expect(page.get_by_text("The upload of this link is not there")).to_be_visible()


def test_a_file_with_a_wrong_cell_is_refused_with_its_row(working: Site, tmp_path: Path) -> None:
    """Row, column, what was found and what to do; what the file holds is text, never markup."""
    page = working.browse("/upload")
    _choose(page, _sales(tmp_path / "wrong.csv", wrong=True))
    expect(page.get_by_text("This file cannot be used as it is")).to_be_visible(timeout=60_000)
    settled(page)
    expect(page.get_by_text("Row of the file: 21")).to_be_visible()
    expect(page.get_by_text("Column: Weekly_Sales")).to_be_visible()
    expect(page.get_by_text(re.compile("<b>oops</b>")).first).to_be_visible()
    assert page.locator("b", has_text="oops").count() == 0
    shot(page, "upload-refused")
    assert barriers(page) == []
    path = saved(page.get_by_role("button", name="Excel (XLSX)"), tmp_path)
    sheet = openpyxl.load_workbook(path)["Findings"]
    assert "Weekly_Sales" in [cell.value for row in sheet.iter_rows() for cell in row]


def test_rubbish_is_refused_in_words(working: Site, tmp_path: Path) -> None:
    """Bytes of no kind with the name of a workbook: told, not an accident."""
    path = tmp_path / "photo.xlsx"
    path.write_bytes(bytes(range(256)) * 400)
    page = working.browse("/upload")
    _choose(page, path)
    expect(page.get_by_text("This file cannot be used as it is")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("What to do:")).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0


def test_what_is_not_read_here_is_told_before_it_is_sent(site: Site, tmp_path: Path) -> None:
    """A wrong kind, an empty file and one beyond the limit never leave the browser."""
    page = site.browse("/upload")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/app/upload" in request.url else None)
    for name, size, said in (
        ("letter.docx", 10, "none of the kinds that are read here"),
        ("empty.csv", 0, "is empty"),
        ("large.csv", 129 * MEGABYTE, "128 MB is the most"),
    ):
        path = tmp_path / name
        with path.open("wb") as file:
            file.truncate(size)
        _choose(page, path)
        expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
    assert sent == []
    assert barriers(page) == []


def test_a_refusal_of_the_service_is_told_in_its_words(own_site: Site, tmp_path: Path) -> None:
    """413 for what is beyond the limit in spite of the page; a service that is gone; neither breaks
    anything."""
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(129 * MEGABYTE)
    with large.open("rb") as file:
        answer = httpx.post(
            f"{own_site.web.url}/app/upload?name=large.csv", content=file, timeout=60, trust_env=False
        )
    assert answer.status_code == 413
    assert answer.json()["remedy"]
    page = own_site.browse("/upload")
    own_site.service.kill()
    _choose(page, _sales(tmp_path / "sales.csv"))
    expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible(timeout=30_000)
    own_site.service.start()
    _choose(page, _sales(tmp_path / "sales.csv"))
    page.wait_for_url(re.compile("dataset="), timeout=30_000)
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()
    expect(page.get_by_text("Nobody works on it yet")).to_be_visible(timeout=40_000)
    shot(page, "upload-waiting")


def _peak(server: Command) -> int:
    """Bytes that a server's processes held at most so far."""
    found = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            words = (folder / "cmdline").read_text().split("\0")
            status = (folder / "status").read_text()
        except OSError:
            continue  # it ended just now
        if str(server.port) in words:
            found += 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])
    assert found
    return found


def test_a_hundred_megabytes_neither_kill_nor_bloat(own_site: Site, tmp_path: Path) -> None:
    """The file passes through app and service in pieces: both stay as small as they were, and answer
    meanwhile."""
    path = tmp_path / "hundred.csv"
    line = b"1,2020-01-03,1000.00,0,41.50,3.150,310.20,3.90\n"
    head = b"Store,Date,Weekly_Sales,Holiday_Flag,Temperature,Fuel_Price,CPI,Unemployment\n"
    path.write_bytes(head + line * (100 * MEGABYTE // len(line)))
    page = own_site.browse("/upload")
    before = _peak(own_site.web), _peak(own_site.service)
    _choose(page, path)
    for _ in range(600):
        assert httpx.get(f"{own_site.service.url}/healthz", timeout=5, trust_env=False).is_success
        if "dataset=" in page.url:
            break
        page.wait_for_timeout(100)
    assert "dataset=" in page.url
    settled(page)
    after = _peak(own_site.web), _peak(own_site.service)
    grown = [(now - then) / MEGABYTE for now, then in zip(after, before, strict=True)]
    assert max(grown) < 60, grown
    other = own_site.browse("/forecast?series=1")
    expect(other.get_by_text("Store 1: the forecast starts")).to_be_visible()


def _asked(site: Site, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = httpx.post(f"{site.service.url}/v1/predictions", json={"rows": rows}, trust_env=False)
    found: list[dict[str, Any]] = answer.json()["predictions"]
    return found


def test_rows_of_a_file_are_predicted(site: Site, tmp_path: Path) -> None:
    """The template of the page is taken; each row comes back with the service's prediction."""
    page = site.browse("/upload?what=rows")
    saved(page.get_by_role("button", name="Template, CSV"), tmp_path).rename(tmp_path / "rows.csv")
    text = (tmp_path / "rows.csv").read_text(encoding="utf-8-sig")
    rows = [{"store": r["Store"], "date": r["Date"]} for r in csv.DictReader(io.StringIO(text))]
    _choose(page, tmp_path / "rows.csv")
    expect(page.get_by_text(f"{len(rows)} rows are predicted.")).to_be_visible(timeout=30_000)
    path = saved(page.get_by_role("link", name="Save predictions.csv"), tmp_path)
    assert path.name == "rows-predictions.csv"
    made = list(csv.DictReader(io.StringIO(path.read_text())))
    said = _asked(site, rows)
    assert [(r["store"], float(r["storecast"]), float(r["storecast-hi-95"])) for r in made] == [
        (r["store"], r["storecast"], r["storecast-hi-95"]) for r in said
    ]
    settled(page)
    shot(page, "upload-rows")
    assert barriers(page) == []
    assert 'event="prediction",page="upload"' in site.metrics()


def test_rows_that_cannot_be_predicted_are_named(site: Site, tmp_path: Path) -> None:
    """Nothing is predicted; each wrong row is told with its reason."""
    path = tmp_path / "rows.csv"
    path.write_text("Store,Date\nno such,2000-01-07\n")
    page = site.browse("/upload?what=rows")
    _choose(page, path)
    alert = page.get_by_role("alert").filter(has_text="Nothing was predicted")
    expect(alert).to_be_visible(timeout=30_000)
    expect(alert).to_contain_text("Row 1, store: there is no store 'no such'")
    expect(alert).to_contain_text("Row 1, date: '2000-01-07' is not forecast")


def test_templates_are_offered(site: Site, tmp_path: Path) -> None:
    """Each layout can be had as CSV and as a workbook."""
    page = site.browse("/upload")
    page.get_by_text("What a file looks like: templates").click()
    for name in ("Stores template, XLSX", "Departments template, CSV"):
        saved(page.get_by_role("button", name=name), tmp_path)
    sheet = openpyxl.load_workbook(tmp_path / "template-stores.xlsx").active
    assert [cell.value for cell in sheet[1]][:3] == ["Store", "Date", "Weekly_Sales"]
    assert (tmp_path / "template-departments.csv").read_text(encoding="utf-8-sig").startswith("Store,Dept,")


def test_the_page_has_no_serious_barrier_and_a_keyboard_suffices(site: Site) -> None:
    """Axe finds nothing serious, light or dark, wide or on a phone; the field can be reached by Tab."""
    for width, scheme in ((1280, "dark"), (390, "light")):
        page = site.browse("/upload", viewport={"width": width, "height": 900}, color_scheme=scheme)
        assert barriers(page) == [], (width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        shot(page, f"upload-{width}-{scheme}")
    reached = "document.activeElement?.shadowRoot?.activeElement?.type ?? document.activeElement?.type ?? ''"
    types = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        types.add(page.evaluate(reached))
    assert "file" in types
