"""Ways through the app for those who use no mouse, and barriers on pages that have no test of their own."""

from __future__ import annotations

import io
import re

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, barriers, settled

_NAME = """() => {
  const at = document.activeElement;
  return (at?.innerText || at?.getAttribute('aria-label') || '').trim();
}"""
_SEEN = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
}"""


def tab_to(page: Page, name: str, most: int = 80) -> str:
    """Press Tab until what has the focus is called so; it is seen that it has it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        found: str = page.evaluate(_NAME)
        if re.fullmatch(name, found.split("\n")[-1]):
            assert page.evaluate(_SEEN), f"nobody sees that {found} has the focus"
            return found
    raise AssertionError(f"{most} times Tab did not lead to {name}")


def test_the_keyboard_alone_leads_to_a_store_s_forecast_and_its_file(site: Site) -> None:
    """From the first page by Tab and Enter to a store that stands out, its reasons and its workbook."""
    page = site.browse("/")
    store = tab_to(page, r"Store \d+").split("\n")[-1]
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/forecast"))
    settled(page)
    expect(page.get_by_text(re.compile(f"{store}: the forecast starts"))).to_be_visible()
    tab_to(page, r"Excel \(XLSX\)")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    book = openpyxl.load_workbook(io.BytesIO(waiting.value.path().read_bytes()))
    assert book.sheetnames == ["Forecast", "Why", "About"]
    number = store.removeprefix("Store ")
    assert {str(row[0]) for row in book["Forecast"].iter_rows(min_row=2, values_only=True)} == {number}


@pytest.mark.parametrize("page_name", ["compare", "model", "monitoring"])
def test_pages_of_figures_have_no_serious_barrier(site: Site, page_name: str) -> None:
    """Axe finds nothing serious, light or dark, wide, on a phone or at 200 % zoom, what is folded
    opened as well; nothing is too wide."""
    for width, scheme in ((1280, "light"), (1280, "dark"), (390, "dark"), (640, "light")):
        page = site.browse(f"/{page_name}", viewport={"width": width, "height": 900}, color_scheme=scheme)
        for folded in page.locator("summary").all():
            folded.click()
        settled(page)
        assert barriers(page) == [], (width, scheme)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{width} px: {wide} px too wide"
