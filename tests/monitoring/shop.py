"""A whole installation to be watched: sales until last week, a model trained on all but the last weeks, two
services with one log in PostgreSQL and one Redis, as compose.yaml has them."""

from __future__ import annotations

import csv
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import pi, sin
from pathlib import Path

import httpx
import pytest

from storecast.forecasting.state import from_state
from storecast.settings import Settings
from storecast.wiring import batch
from tests.cli.calls import Done, call, shell
from tests.published import content, scaled
from tests.serve_process import NAME, Serving
from tests.servers import Postgres, Redis, free_port, postgres_server, redis_server

__all__ = ["HORIZON", "NEWS", "STORES", "Shop", "open_shop", "run"]

STORES, WEEKS, HORIZON = 20, 124, 13
NEWS = 8  # weeks that came after those that were trained on
# Answers that are large in the log: a spool that takes them grows on a slow machine too.
_ALL = f"/v1/forecasts?horizon={HORIZON}&levels=50,55,60,65,70,75,80,85,90,95"
Row = dict[str, str]
Change = Callable[[Row, float | None], float]  # a row, sales of its week a year ago -> what was sold


def run(*words: object) -> Done:
    """A command that must go well."""
    done = call(*words)
    assert done.code == 0, (words, done.out, done.err)
    return done


def _day(text: str) -> date:
    day, month, year = text.split("-")
    return date(int(year), int(month), int(day))


def _last_friday() -> date:
    today = datetime.now(UTC).date()
    return today - timedelta(days=(today.weekday() - 4) % 7)


def _world(path: Path) -> None:
    """Sales with a season, an effect of warmth and noise: a model of inputs beats both naives on them."""
    first = _last_friday() - timedelta(weeks=WEEKS - 1)
    run("sample", path, "--stores", STORES, "--weeks", WEEKS, "--first-week", first)
    rows, draw = _read(path), random.Random(1)
    weeks = sorted({_day(row["Date"]) for row in rows})
    for row in rows:
        season = 1 + 0.3 * sin(2 * pi * weeks.index(_day(row["Date"])) / 52.18)
        warm = 1 + 0.004 * (float(row["Temperature"]) - 60)
        size = 10_000 * (1 + int(row["Store"]) / 10)
        row["Weekly_Sales"] = f"{size * season * warm * (1 + 0.15 * draw.gauss(0, 1)):.2f}"
    _write(path, rows)


def _read(path: Path) -> list[Row]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[Row]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@dataclass
class Shop:
    """``folder`` holds all; ``services``: those that run, by number; ``settings``: what each of them reads;
    ``keys``: an operator's for ``client``, a reader's for who watches."""

    folder: Path
    postgres: Postgres
    redis: Redis
    settings: dict[str, str]
    keys: dict[str, str]
    ports: tuple[int, int]
    services: dict[int, Serving] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def releases(self) -> Path:
        """The second service's way to the release folder."""
        return self.folder / "second" / "releases"

    def address(self, number: int) -> str:
        return f"127.0.0.1:{self.ports[number - 1]}"

    def start(self, number: int, *, wait: str = "ready") -> None:
        """Start a service; the second one has a home of its own, and no follower."""
        home, more = (self.home, ()) if number == 1 else (self.folder / "second", ("--no-follow",))
        port = str(self.ports[number - 1])
        if number in self.services:
            self.services[number].client.close()
        serving = Serving(home, "--port", port, *more, wait=wait, **self.settings)
        serving.client.headers["authorization"] = f"Bearer {self.keys['operator']}"
        self.services[number] = serving

    def end(self) -> None:
        for service in self.services.values():
            service.__exit__()

    @property
    def client(self) -> httpx.Client:
        return self.services[1].client

    def weeks(self) -> list[str]:
        """The weeks of the forecasts: those that have come, then those ahead."""
        asked = self.client.get("/v1/forecasts", params={"series": "1", "horizon": HORIZON})
        return [row["ds"] for row in asked.raise_for_status().json()["forecasts"]]

    def sales(self, name: str, *, known: int = NEWS, change: Change | None = None) -> Path:
        """A sales file in which so many of the new weeks are known; ``change`` says what was sold in them."""
        rows = _read(self.folder / "whole.csv")
        days = sorted({_day(row["Date"]) for row in rows})
        sold = {(row["Store"], _day(row["Date"])): float(row["Weekly_Sales"]) for row in rows}
        for row in rows:
            day = _day(row["Date"])
            if change is not None and day > days[-1 - NEWS]:
                before = sold.get((row["Store"], day - timedelta(weeks=52)))
                row["Weekly_Sales"] = f"{change(row, before):.2f}"
        last = days[-1 - NEWS + known]
        path = self.folder / f"{name}.csv"
        _write(path, [row for row in rows if _day(row["Date"]) <= last])
        return path

    def register_bad(self) -> int:
        """A version that is a third too high everywhere, signed and registered as any other."""
        registry = batch.registry(Settings())
        champion = registry.champion(NAME)
        assert champion is not None
        kept = registry.load(NAME, champion.version)
        wrong = scaled(from_state(kept.arrays, kept.texts, kept.meta), 4 / 3)
        made = registry.register(NAME, content(wrong), params={}, metrics={}, tags={}, files={})
        return made.version

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Somebody asks both services for all forecasts, whatever they answer, until the block ends."""
        over = threading.Event()

        def ask() -> None:
            with httpx.Client(trust_env=False, timeout=30) as client:
                client.headers["authorization"] = f"Bearer {self.keys['operator']}"
                while not over.wait(0.05):
                    for number in (1, 2):
                        with suppress(httpx.HTTPError):  # one may be down: that is what the test is about
                            client.get(f"http://{self.address(number)}{_ALL}")

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _key(role: str, settings: dict[str, str]) -> str:
    made: str = shell(f"storecast keys issue --role {role} --name {role} --json", Path(), **settings).json()[
        "key"
    ]
    return made


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """A champion serves, a challenger is registered, and both services are ready."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        postgres = stack.enter_context(postgres_server())
        (folder / "redis").mkdir()
        redis = stack.enter_context(redis_server(folder / "redis"))
        settings = {
            "STORECAST_LOG_URL": postgres.new_database(),
            "STORECAST_REDIS_URL": redis.url,
            "STORECAST_RATE_LIMIT": "50",
            "STORECAST_TRUST_FILE": str(folder / "trusted.json"),
            "STORECAST_BACKUP_TO": str(folder / "backups"),
        }
        environment = {**settings, "STORECAST_HOME": str(folder / "home")}
        for name, value in environment.items():
            patch.setenv(name, value)
        keys = {role: _key(role, environment) for role in ("operator", "reader")}
        shop = Shop(folder, postgres, redis, settings, keys, (free_port(), free_port()))
        _world(folder / "whole.csv")
        trained = shop.sales("trained", known=0)
        run("train", trained, "--model", "boosting", "--horizon", HORIZON)
        run("train", trained, "--model", "aligned", "--horizon", HORIZON, "--no-promote")
        shop.releases.parent.mkdir()
        shop.releases.symlink_to(shop.home / "releases")
        stack.callback(shop.end)
        for number in (1, 2):
            shop.start(number)
        yield shop
