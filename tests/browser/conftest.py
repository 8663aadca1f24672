"""The app as people meet it: the real service on a version trained on real files, the real app in front of
it, and a real browser. Screenshots are left in build/screenshots, to be looked at."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Download, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.needs import ROOT, require
from tests.servers import Server, free_port

T = TypeVar("T")
SHOTS = ROOT / "build" / "screenshots"
_CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--force-color-profile=srgb",
]
_STILL = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app || app.getAttribute('data-test-script-state') === 'running') return false;
  return app.getAttribute('data-test-connection-state') !== 'CONNECTING'
    && !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]');
}"""


def storecast(*words: str, home: Path) -> str:
    """Run a command as a person would; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", "from storecast.cli import main; main()", *words],
        env={**os.environ, "STORECAST_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Command(Server):
    """A command of ours that listens on a port."""

    def __init__(self, home: Path, words: list[str], alive: str, **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._alive = alive
        folder = home / f"log-{words[0]}-{self.port}"
        folder.mkdir(parents=True)
        command = [sys.executable, "-c", "from storecast.cli import main; main()", *words]
        environment = {**os.environ, "STORECAST_HOME": str(home), **env}
        super().__init__(folder, [*command, "--port", str(self.port)], env=environment)

    def answers(self) -> bool:
        try:
            return httpx.get(self.url + self._alive, timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False


@dataclass
class Site:
    """Service and app on one home folder; ``browse`` opens a page of the app."""

    home: Path
    service: Command
    web: Command
    browse: Callable[..., Page]

    def metrics(self, key: str = "") -> str:
        """What Prometheus would read of the service."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.get(f"{self.service.url}/metrics", headers=headers, trust_env=False).text

    def key(self, role: str) -> str:
        """A new key, as `storecast keys issue` prints it; the service knows it, as it does within seconds."""
        said = storecast("keys", "issue", "--role", role, "--name", f"a {role}", home=self.home)
        found = re.search(r"sc_\S+", said)
        assert found
        headers = {"authorization": f"Bearer {found.group()}"}
        deadline = time.monotonic() + 30
        while not httpx.get(f"{self.service.url}/v1/session", headers=headers, trust_env=False).is_success:
            assert time.monotonic() < deadline, "the service does not know the key"
            time.sleep(0.2)
        return found.group()


_LOOP: list[asyncio.AbstractEventLoop] = []


def _resume() -> None:
    """Let Playwright find the event loop that it left in this thread."""
    if _LOOP and asyncio._get_running_loop() is None:
        asyncio._set_running_loop(_LOOP[0])


@pytest.fixture(autouse=True)
def _loop_of_the_browser() -> Iterator[None]:
    """Playwright leaves its event loop set as running in this thread: others who run one must not find it."""
    _resume()
    yield
    if (loop := asyncio._get_running_loop()) is not None:
        _LOOP[:] = [loop]
        asyncio._set_running_loop(None)


def settled(page: Page) -> Page:
    """The page after the app has drawn all of it."""
    page.wait_for_function(_STILL, timeout=30_000)
    page.wait_for_timeout(150)
    page.wait_for_function(_STILL, timeout=30_000)
    return page


def _pressed(button: Locator, wait: Callable[[int], T], lost: type[Exception]) -> T:
    """Press, and again where nothing comes of it, as a person would: Streamlit loses a press on a page that
    is drawn anew at that moment, and says nothing. ``wait`` presses and waits so many milliseconds."""
    for patience in (10_000, 20_000):
        settled(button.page)
        with suppress(lost):
            return wait(patience)
    settled(button.page)
    return wait(30_000)


def press(button: Locator, comes: Locator) -> None:
    """Press until something comes of it."""

    def wait(patience: int) -> None:
        button.click()
        expect(comes.first).to_be_visible(timeout=patience)

    _pressed(button, wait, AssertionError)


def saved(button: Locator, folder: Path) -> Path:
    """The file that a press on it saves into ``folder``."""

    def wait(patience: int) -> Download:
        with button.page.expect_download(timeout=patience) as waiting:
            button.click()
        return waiting.value

    found = _pressed(button, wait, PlaywrightTimeoutError)
    path = folder / found.suggested_filename
    found.save_as(path)
    return path


def shot(page: Page, name: str) -> None:
    """Leave a picture of the whole page in build/screenshots."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    height = page.evaluate("document.querySelector('[data-testid=\"stMain\"]')?.scrollHeight ?? 0")
    if size and height > size["height"]:
        page.set_viewport_size({"width": size["width"], "height": min(int(height) + 20, 6000)})
        page.wait_for_timeout(600)  # charts draw themselves anew
    page.screenshot(path=str(SHOTS / f"{name}.png"))
    if size:
        page.set_viewport_size(size)


def barriers(page: Page) -> list[str]:
    """What axe finds serious or critical, in words."""
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['help']} ({len(v['nodes'])}) {v['nodes'][0]['html'][:200]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a screen."""
    path = require("chromium", "chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(path), args=_CHROMIUM)
        yield chromium
        _resume()
        chromium.close()


@pytest.fixture(scope="session")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sales at store level: the real file where it is, else the sample."""
    named = os.environ.get("STORECAST_REAL_DATA", "")
    if named:
        return Path(named) / "Walmart_Sales.csv"
    folder = tmp_path_factory.mktemp("sales")
    storecast("sample", str(folder / "sales.csv"), home=folder)
    return folder / "sales.csv"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, sales: Path) -> Path:
    """A home folder with a champion."""
    home = tmp_path_factory.mktemp("trained")
    storecast("train", str(sales), home=home)
    return home


@contextmanager
def running(browser: Browser, home: Path, *, follow: bool = False, **env: str) -> Iterator[Site]:
    """Service and app, each as its own process."""
    words = ["serve"] if follow else ["serve", "--no-follow"]
    service = Command(home, words, "/healthz", **env)
    web = Command(home, ["web", "--service", service.url], "/_stcore/health", **env)
    contexts: list[BrowserContext] = []

    def browse(path: str = "/", *, cookies: dict[str, str] | None = None, **options: Any) -> Page:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "locale": "en-US", "timezone_id": "UTC", **options}
        )
        contexts.append(context)
        if cookies:
            context.add_cookies([{"name": n, "value": v, "url": web.url} for n, v in cookies.items()])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(web.url + path)
        page.get_by_role("heading", level=1).first.wait_for()
        return settled(page)

    with ExitStack() as stack:
        for server in (service, web):
            stack.callback(server.stop)
            server.start()
        yield Site(home, service, web, browse)
        _resume()
        for context in contexts:
            context.close()


@pytest.fixture(scope="session")
def site(browser: Browser, trained: Path) -> Iterator[Site]:
    """A site that tests share: they may look, not break."""
    with running(browser, trained) as made:
        yield made


@pytest.fixture
def own_site(browser: Browser, trained: Path, tmp_path: Path) -> Iterator[Site]:
    """A site of this test's own, to be broken."""
    home = tmp_path / "home"
    shutil.copytree(trained, home, ignore=shutil.ignore_patterns("log-*", "*.db-wal", "*.db-shm"))
    with running(browser, home) as made:
        yield made
