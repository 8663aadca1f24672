"""How quick the web app is: its first page in a browser, a change of store, and many sessions at once."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.data import load_sales
from benchmarks.machine import machine, versions
from benchmarks.processes import cpu_seconds, memory_mb, started
from benchmarks.protocol import Session
from benchmarks.tables import facts, markdown_table, write_results
from storecast.errors import SetupError

__all__ = ["CHROMIUM", "add_arguments", "run", "serving"]

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
_DRAWN = """() => document.querySelector('[data-test-script-state="notRunning"]')
  && document.querySelector('[data-testid="stMetric"]')
  && document.querySelector('[data-testid="stVegaLiteChart"] svg')
  && document.querySelector('[data-testid="stDataFrame"] canvas')"""
_CHANGES = 15
_STARTS, _LATER = 3, 2  # of the app, and openings of each after its first
_THINK = 2.0  # seconds a person looks at a chart before the next choice
_ABOUT = """First page: from asking for the address in a new browser (Chromium without a screen, nothing
cached) until the first page shows its figures, lists, chart and table; the first ones after three starts of
the app (in the very first one the machine reads the browser from its disk as well), and those after them.
Store change: the forecast page of another store, seconds from the
browser's message until the app has sent all of the page, asked over the app's own protocol; the app asks the
service for the forecast, history, reasons and back-test of that store and none of it was asked before. Many
sessions: each opens the forecast page, and changes the store again and again after looking at it for two
seconds. Service, app and the sessions share the machine."""


@contextmanager
def serving(home: Path, words: Sequence[str], alive: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A storecast command that listens, from when it answers until the end of the block."""
    program = [sys.executable, "-c", "from storecast.cli import main; main()", *words, "--port"]
    with started(
        f"`storecast {words[0]}`",
        lambda port: [*program, port],
        alive,
        home / f"{words[0]}.log",
        {"STORECAST_HOME": str(home)},
    ) as running:
        yield running


def _first_pages(url: str, chromium: str, number: int) -> list[float]:
    """Seconds of the first page so many times, each in a browser of its own."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        for _ in range(number):
            browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM))
            page = browser.new_page()
            began = time.perf_counter()
            page.goto(url)
            page.wait_for_function(_DRAWN, timeout=60_000)
            found.append(time.perf_counter() - began)
            browser.close()
    return found


def _changes(url: str, stores: Sequence[str], think: float, number: int) -> list[float]:
    """Seconds of each change of store in one session; the page's first drawing is not one."""
    found = []
    with Session(url) as session:
        session.look("forecast", f"series={stores[0]}")
        for i in range(number):
            time.sleep(think)
            seconds, _ = session.look("forecast", f"series={stores[(1 + i) % len(stores)]}")
            found.append(seconds)
    return found


def _together(url: str, stores: Sequence[str], sessions: int, number: int) -> list[float]:
    """The same in several sessions at one time, which begin within the time of one look."""
    found: list[float] = []
    failed: list[BaseException] = []

    def person(i: int) -> None:
        time.sleep(_THINK * i / sessions)
        order = [*stores[i % len(stores) :], *stores[: i % len(stores)]]
        try:
            found.extend(_changes(url, order, _THINK, number))
        except BaseException as error:
            failed.append(error)
            raise

    people = [threading.Thread(target=person, args=(i,)) for i in range(sessions)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    if failed:
        raise RuntimeError(f"{len(failed)} of {sessions} sessions failed: {failed[0]!r}") from failed[0]
    return found


def _share(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--sessions", type=int, default=20, help="at one time")
    parser.add_argument("--changes", type=int, default=_CHANGES, help="of store, in each session")


def run(args: argparse.Namespace, root: Path, build: Path) -> None:
    """Measure, and write ``webapp.md`` and ``webapp.json``."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SetupError("There is no browser to measure with.", remedy="apt-get install chromium")
    sales = load_sales("store", args.data, build)
    home = build / "webapp"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    train = [sys.executable, "-c", "from storecast.cli import main; main()", "train", str(sales.path)]
    subprocess.run(
        train, env={**os.environ, "STORECAST_HOME": str(home)}, check=True, capture_output=True, text=True
    )
    stores = [str(key) for key in sorted(set(sales.frame["unique_id"]), key=lambda k: (len(k), k))]
    found: dict[str, Any] = {"date": args.date, "machine": machine(), "data": sales.label}
    found["versions"] = versions(["streamlit", "uvicorn", "httpx"])
    firsts: list[float] = []
    pages: list[float] = []
    with serving(home, ["serve", "--no-follow"], "/healthz") as (service, _):
        web = ["web", "--service", service]
        for _ in range(_STARTS):
            with serving(home, web, "/_stcore/health") as (url, _):
                opened = _first_pages(url, chromium, 1 + _LATER)
                firsts.append(opened[0])
                pages += opened[1:]
        with serving(home, web, "/_stcore/health") as (url, app):
            cpu = cpu_seconds(app.pid)
            alone = _changes(url, stores, 0.1, args.changes)
            found["change_cpu_s"] = (cpu_seconds(app.pid) - cpu) / (1 + args.changes)
            found["memory_one_mb"] = memory_mb(app.pid)
            together = _together(url, stores, args.sessions, args.changes)
            found["memory_many_mb"] = memory_mb(app.pid)
    found |= {"sessions": args.sessions, "changes": args.changes, "starts": _STARTS}
    measured = {
        "first_page_after_start": firsts,
        "first_page": pages,
        "change_alone": alone,
        "change_together": together,
    }
    for name, values in measured.items():
        found[f"{name}_median_s"] = statistics.median(values)
        found[f"{name}_p95_s"] = _share(values, 0.95)
    partial = (args.sessions, args.changes) != (20, _CHANGES)
    name = "webapp" if sales.label.startswith("the real") else "webapp-sample"
    write_results(build if partial else args.out, name, _text(found), found)


def _text(found: dict[str, Any]) -> str:
    rows = [
        [title, *(f"{found[f'{name}_{which}_s']:.2f} s" for which in ("median", "p95"))]
        for title, name in (
            ("first page, first after the app's start", "first_page_after_start"),
            ("first page", "first_page"),
        )
    ]
    rows += [
        ["store change, alone"]
        + [f"{found[f'change_alone_{which}_s']:.3f} s" for which in ("median", "p95")],
        ["store change, CPU of the app", f"{found['change_cpu_s']:.3f} s", ""],
        [f"store change, {found['sessions']} sessions"]
        + [f"{found[f'change_together_{which}_s']:.3f} s" for which in ("median", "p95")],
        ["memory of the app, one session", f"{found['memory_one_mb']:.0f} MB", ""],
        [f"memory of the app, {found['sessions']} sessions", f"{found['memory_many_mb']:.0f} MB", ""],
    ]
    return "\n\n".join(
        [
            "# The web app",
            _ABOUT.replace("\n", " "),
            f"{found['data']}. " + facts(found["date"], found["machine"], found["versions"]),
            markdown_table(["", "median", "95 %"], rows),
        ]
    )
