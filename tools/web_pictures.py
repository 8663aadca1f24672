"""Take the README's pictures of the web app, on the sample: ``.venv/bin/python -m tools.web_pictures``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.webapp import CHROMIUM, serving

__all__ = ["main"]

_FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
_WIDTH = 1280
_DRAWN = """() => document.querySelector('[data-test-script-state="notRunning"]')
  && document.querySelector('[data-testid="stVegaLiteChart"] svg')
  && !document.querySelector('[data-testid="stSkeleton"]')"""
# name -> address, height of the picture, light or dark
_PICTURES = {
    "web-overview.png": ("/", 1000, "light"),
    "web-forecast.png": ("/forecast?series=12&week=2012-11-23", 1000, "dark"),
}


def _storecast(home: Path, *words: str) -> None:
    command = [sys.executable, "-c", "from storecast.cli import main; main()", *words]
    environment = {**os.environ, "STORECAST_HOME": str(home)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def _take(page: Page, path: Path) -> None:
    page.wait_for_function(_DRAWN, timeout=60_000)
    page.wait_for_timeout(1500)  # charts move into place
    page.screenshot(path=path)
    print(f"{path}: {path.stat().st_size:,} bytes")


def main(folder: Path = _FOLDER) -> list[Path]:
    """Train on the sample, start service and app, and photograph two pages into ``folder``."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("There is no browser to take pictures with: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="storecast-pictures-") as made, sync_playwright() as playwright:
        home = Path(made)
        _storecast(home, "sample", str(home / "sales.csv"))
        _storecast(home, "train", str(home / "sales.csv"))
        with (
            serving(home, ["serve", "--no-follow"], "/healthz") as (service, _),
            serving(home, ["web", "--service", service], "/_stcore/health") as (url, _),
        ):
            browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM))
            for name, (address, height, scheme) in _PICTURES.items():
                size = {"width": _WIDTH, "height": height}
                page = browser.new_page(viewport=size, color_scheme=scheme, locale="en-US")  # type: ignore[arg-type]
                page.goto(url + address)
                _take(page, folder / name)
            browser.close()
    return [folder / name for name in _PICTURES]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER)
