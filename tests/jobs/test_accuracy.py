"""Live accuracy against plain loops over the rows of the log, on the real SQLite log."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.live import LiveRows, Tally
from storecast.jobs.accuracy import live_accuracy, read_sales
from storecast.ports import Entry
from storecast.ports.monitoring import AnsweredVersion
from storecast.ports.records import Actual
from storecast.service.logged import as_blob
from storecast.stores.forecast_log.actuals import ActualsTable
from storecast.stores.forecast_log.answers import AnswerTable
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.tables import forecasts
from tests.published import content, fitted

LEVELS = (80.0, 95.0)
Row = tuple[int, str, str, list[float]]  # version, series, week, point and limits
NAMES = ["storecast", *(f"storecast-{s}-{x:g}" for x in LEVELS for s in ("lo", "hi"))]


@cache
def version(number: int) -> Forecaster:
    """Each of a line of versions has seen two weeks more than the one before."""
    return fitted(weeks=118 + 2 * number)


def loaded(found: AnsweredVersion) -> Any:
    return content(version(found.version))


def columns(f: Forecaster, by: float = 1.0) -> list[np.ndarray[Any, Any]]:
    """Point and limits (H, N) as the service answers them, times ``by``."""
    out = [f.point]
    for level in LEVELS:
        out += [*f.limits(level)]
    return [by * values for values in out]


@dataclass
class Log:
    """The real tables, and every row that was written, as a reader of the log would see it."""

    database: Database
    entries: int = 0

    def one(
        self,
        number: int,
        place: int,
        weeks: range,
        *,
        kind: str = "forecast",
        by: float = 1.0,
        inputs: str = "",
        bands: bool = True,
    ) -> None:
        f = version(number)
        told = [c[weeks.start : weeks.stop, place].tolist() for c in columns(f, by)]
        days = f.weeks[weeks.start : weeks.stop].astype("datetime64[D]").astype(str).tolist()
        self._put(
            number,
            kind,
            str(f.keys[place]),
            len(days),
            inputs,
            json.dumps({"ds": days, "storecast": told[0]}),
            json.dumps(dict(zip(NAMES[1:], told[1:], strict=True)) if bands else {}),
        )

    def many(self, number: int, *, kind: str = "forecast", by: float = 1.0) -> None:
        f = version(number)
        h, n = (x.ravel() for x in np.indices(f.point.shape))
        digest, blob = as_blob(
            list(map(str, f.keys)),
            n,
            f.weeks[h],
            {k: c[h, n] for k, c in zip(NAMES, columns(f, by), strict=True)},
        )
        self._put(number, kind, "", len(h), "", "", "", digest, blob)

    def _put(
        self,
        number: int,
        kind: str,
        series: str,
        rows: int,
        inputs: str,
        forecast: str,
        bands: str,
        digest: str | None = None,
        blob: bytes | None = None,
    ) -> None:
        self.entries += 1
        entry = Entry(
            f"{self.entries:08d}",
            self.entries,
            kind,
            "ann",
            "storecast",
            number,
            f"d{number}",
            series,
            rows,
            inputs,
            forecast,
            bands,
            1,
            "",
            digest,
            blob,
        )
        with self.database.write() as connection:
            connection.execute(insert(forecasts).values(entry._asdict()))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    database = Database(f"sqlite:///{tmp_path / 'log.db'}")
    database.ensure_schema()
    yield Log(database)
    database.close()


def sell(log: Log, weeks: int, missing: tuple[int, int] = (-1, -1)) -> dict[tuple[str, str], float]:
    """True sales of ``weeks`` after the first version's cutoff, one of them unknown."""
    truth = fitted(weeks=120 + weeks)
    sold = {
        (str(truth.keys[n]), str(truth.history_weeks[120 + w])[:10]): float(truth.history[120 + w, n])
        for w in range(weeks)
        for n in range(len(truth.keys))
        if (w, n) != missing
    }
    ActualsTable(log.database).put([Actual(*k, y) for k, y in sold.items()], who="ann")
    return sold


def judge(log: Log, aside: frozenset[int] = frozenset()) -> dict[str, Any]:
    found = live_accuracy(
        AnswerTable(log.database), read_sales(ActualsTable(log.database)), loaded, "storecast", aside=aside
    )
    return found.as_dict()


def oracle(
    rows: list[tuple[int, str, str, list[float]]], sold: dict[tuple[str, str], float]
) -> dict[str, Any]:
    """Figures of rows (version, series, week, point and limits), by the definitions, row by row."""
    error = weighted = weight_sum = size = signed = naive_w = 0.0
    held, banded, width, count = [0, 0], [0, 0], [0.0, 0.0], 0
    for number, key, ds, (point, *limits) in rows:
        if (key, ds) not in sold:
            continue
        f, y = version(number), sold[key, ds]
        h = int((np.datetime64(ds) - f.cutoff).astype(int)) // 7 - 1
        n = f.keys.tolist().index(key)
        w = float(US_RETAIL.weights(np.array([np.datetime64(ds)]))[0])
        count += 1
        error += abs(point - y)
        signed += point - y
        size += abs(y)
        weighted += w * abs(point - y)
        naive_w += w * abs(f.naive["seasonal-naive"][h, n] - y)
        weight_sum += w
        for i in range(2):
            low, high = limits[2 * i : 2 * i + 2]
            if not math.isnan(low):
                banded[i] += 1
                held[i] += low <= y <= high
                width[i] += high - low
    if not count:
        return {}
    return {
        "rows": count,
        "wmae": weighted / weight_sum,
        "wape": error / size,
        "bias": signed / size,
        "fva:seasonal-naive": (naive_w - weighted) / weight_sum,
        "coverage-80": 100 * held[0] / banded[0] if banded[0] else math.nan,
        "coverage-95": 100 * held[1] / banded[1] if banded[1] else math.nan,
        "width-80": width[0] / banded[0] if banded[0] else math.nan,
    }


def told(
    number: int, places: range, weeks: range, by: float = 1.0
) -> list[tuple[int, str, str, list[float]]]:
    f = version(number)
    parts = columns(f, by)
    return [
        (number, str(f.keys[n]), str(f.weeks[h])[:10], [float(c[h, n]) for c in parts])
        for h in weeks
        for n in places
    ]


def agree(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert {k: found[k] for k in expected} == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_figures_are_those_of_a_loop_over_the_rows(log: Log) -> None:
    """Single answers, a bulk of all, two versions, a week without an actual: in all and by every group."""
    log.one(1, 2, range(13))
    log.many(2)
    log.one(1, 0, range(3, 5))
    sold = sell(log, 9, missing=(4, 1))
    rows = told(1, range(2, 3), range(13)) + told(1, range(1), range(3, 5)) + told(2, range(4), range(13))
    found = judge(log)
    agree(found["all"], oracle(rows, sold))
    for number in (1, 2):
        agree(found["by"]["version"][str(number)], oracle([r for r in rows if r[0] == number], sold))
    for key in version(1).keys.tolist():
        agree(found["by"]["store"][key], oracle([r for r in rows if r[1] == key], sold))
    for label, (first, last) in {"1-4": (1, 4), "5-13": (5, 13)}.items():
        part = [
            r
            for r in rows
            if first <= int((np.datetime64(r[2]) - version(r[0]).cutoff).astype(int)) // 7 <= last
        ]
        agree(found["by"]["horizon"][label], oracle(part, sold))
    for week in {w for _, w in sold}:
        part = [r for r in rows if r[2] == week]
        agree(found["by"]["week"][week], oracle(part, sold))
    assert found["answers"] == 3


def test_a_forecast_asked_a_hundred_times_counts_once_and_the_first_answer_counts(log: Log) -> None:
    """Whatever later answers to the same version, series and week say, alone or among many."""
    log.one(1, 1, range(6))
    for _ in range(100):
        log.one(1, 1, range(6))
    log.one(1, 1, range(8), by=3.0)
    log.many(1, by=5.0)
    sold = sell(log, 8)
    rows = told(1, range(1, 2), range(6)) + told(1, range(1, 2), range(6, 8), by=3.0)
    rows += [r for n in (0, 2, 3) for r in told(1, range(n, n + 1), range(8), by=5.0)]
    agree(judge(log)["all"], oracle(rows, sold))


def test_the_last_answer_before_the_week_is_told_apart(log: Log) -> None:
    """Of a week that two versions forecast, the later cutoff's word counts; of others the only one."""
    log.many(1)
    log.one(2, 0, range(13))
    sold = sell(log, 7)
    later = told(2, range(1), range(13))
    spoken = {(r[1], r[2]) for r in later}
    rows = later + [r for r in told(1, range(4), range(13)) if (r[1], r[2]) not in spoken]
    agree(judge(log)["last"], oracle(rows, sold))


def test_a_version_set_aside_counts_everywhere_but_in_the_verdict_on_what_serves(log: Log) -> None:
    """Its answers stay in what people had in hand; those who stand are judged by themselves."""
    log.many(1)
    log.many(2, by=3.0)
    sold = sell(log, 9)
    rows = told(1, range(4), range(13)) + told(2, range(4), range(13), by=3.0)
    found = judge(log, frozenset({2, 7}))
    agree(found["all"], oracle(rows, sold))
    agree(found["standing"], oracle([r for r in rows if r[0] == 1], sold))
    assert found["aside"] == [2]
    alone = judge(log)
    agree(alone["standing"], oracle(rows, sold))
    assert alone["aside"] == []


def test_what_serves_is_judged_by_its_last_weeks(log: Log) -> None:
    """Half a year; what was long ago stays in the figures of all."""
    tally = Tally()
    weeks = np.datetime64("2010-02-05") + 7 * np.arange(40)
    for number, week in enumerate(weeks):
        one = np.ones(1)
        none = {level: (np.full(1, math.nan), np.full(1, math.nan)) for level in (80.0, 95.0)}
        naives = dict.fromkeys(BASELINES, one)
        ahead = np.ones(1, dtype=np.int64)
        rows = LiveRows(
            1, one, one + number, one, naives, none, np.array(["1"]), np.array([week]), ahead, one
        )
        tally.add(rows)
    latest = tally.latest(26)
    assert latest is not None
    assert latest["rows"] == 26
    assert latest["wape"] == pytest.approx(np.mean(np.arange(14, 40)))
    assert tally.figures("all")["all"]["wape"] == pytest.approx(np.mean(np.arange(40)))
    assert Tally().latest(26) is None


def test_what_the_back_test_does_not_reach_is_not_held_against_it() -> None:
    """One forecast further ahead than the back-test looked leaves the week's others to be judged: error,
    promise and size are of the same rows."""
    y, point = np.array([100.0, 200.0, 400.0]), np.array([90.0, 230.0, 300.0])
    none = {level: (np.full(3, math.nan), np.full(3, math.nan)) for level in LEVELS}
    week = np.full(3, np.datetime64("2012-06-01"))
    ahead, promised = np.array([1, 13, 14]), np.array([5.0, 8.0, math.nan])
    naives = dict.fromkeys(BASELINES, y)
    tally = Tally()
    tally.add(LiveRows(1, y, point, np.ones(3), naives, none, np.array(["1"] * 3), week, ahead, promised))
    found = [tally.by_week(f"{name}promised").tolist() for name in ("absolute:", "", "size:")]
    assert found == [[10.0 + 30.0], [5.0 + 8.0], [100.0 + 200.0]]
    assert tally.by_week("absolute:storecast").tolist() == [140.0]


def test_what_is_no_forecast_does_not_count(log: Log) -> None:
    """What-if, explanations, series that are none, other models: and no actuals, no figures."""
    log.one(1, 0, range(4), kind="what-if")
    log.one(1, 0, range(4), kind="explanation")
    sell(log, 4)
    assert judge(log) == {
        "answers": 0,
        "rows": 0,
        "all": None,
        "last": None,
        "standing": None,
        "aside": [],
        "by": {"version": {}, "store": {}, "horizon": {}, "week": {}},
        "sums": {"levels": {}, "unjudged": 0, "examples": []},
        "unknown_versions": [],
    }


def test_answers_without_bands_count_for_points_alone(log: Log) -> None:
    """Coverage is that of the bands that were answered."""
    log.one(1, 0, range(4), bands=False)
    log.one(1, 1, range(4))
    sold = sell(log, 4)
    rows = [(v, k, d, [c[0], *[math.nan] * 4]) for v, k, d, c in told(1, range(1), range(4))]
    agree(judge(log)["all"], oracle(rows + told(1, range(1, 2), range(4)), sold))


def test_an_override_is_not_the_models_error(log: Log) -> None:
    """The number that the model had is judged, and no band, for the planner's was answered."""
    f = version(1)
    ds = str(f.weeks[1])[:10]
    said = {"unique_id": str(f.keys[0]), "ds": ds, "mode": "value", "value": 1.0, "id": "o"}
    said["model"] = float(f.point[1, 0])
    log.one(1, 0, range(4), by=2.0, inputs=json.dumps({"by": "series", "overrides": [said]}))
    sold = sell(log, 4)
    rows = told(1, range(1), range(4), by=2.0)
    rows[1] = (*rows[1][:3], [float(f.point[1, 0]), *[math.nan] * 4])
    agree(judge(log)["all"], oracle(rows, sold))


def test_a_version_that_is_gone_is_named(log: Log) -> None:
    """Its answers cannot be judged, and that is said."""
    log.one(1, 0, range(4))
    sell(log, 4)

    def load(found: AnsweredVersion) -> Any:
        raise KeyError(found.version)

    found = live_accuracy(
        AnswerTable(log.database), read_sales(ActualsTable(log.database)), load, "storecast"
    )
    assert (found.unknown, found.each.rows) == ((1,), 0)


def test_memory_does_not_grow_with_the_log(log: Log) -> None:
    """Twenty times the bulk answers take about the memory of one."""
    sell(log, 8)

    def peak() -> int:
        tracemalloc.start()
        judge(log)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    log.one(1, 0, range(1))  # so that the log is never heard out before its end
    judge(log)
    few = peak()
    for _ in range(300):
        log.one(1, 0, range(13), by=2.0)
    assert peak() < 1.5 * few + 1_000_000
