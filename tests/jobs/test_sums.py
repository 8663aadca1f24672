"""Answers about stores of departments and the total, against sums made by hand from the actuals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from storecast.forecasting.baselines import naive_growth
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.jobs.accuracy import live_accuracy, read_sales
from storecast.ports import Entry
from storecast.ports.records import Actual
from storecast.service.logged import as_blob
from storecast.stores.forecast_log.actuals import ActualsTable
from storecast.stores.forecast_log.answers import AnswerTable
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.tables import forecasts
from tests.forecasting.panels import as_panel
from tests.jobs.worlds import departments
from tests.published import content

KNOWN = 110
STORES, DEPTS = 3, 3


@cache
def sales() -> np.ndarray[Any, Any]:
    """(T, 9) three stores of three departments, the first of which is small."""
    return np.round(departments() * [0.2, *[1.0] * 8], 2)


@cache
def served() -> Forecaster:
    pairs = [(str(s + 1), str(d + 1)) for s in range(STORES) for d in range(DEPTS)]
    panel = as_panel(
        sales()[:KNOWN],
        keys=["_".join(pair) for pair in pairs],
        stores=[store for store, _ in pairs],
        blocks=[dept for _, dept in pairs],
    )
    return Forecaster.fit(panel, ForecasterConfig(model="naive-growth", horizon=8))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'log.db'}")
    opened.ensure_schema()
    yield opened
    opened.close()


def days() -> list[str]:
    return [str(week)[:10] for week in served().weeks.astype("datetime64[D]")]


def answer(database: Database, by: str, key: str, *, overrides: Any = ()) -> None:
    """Log what the service answers about one sum."""
    f = served()
    place = f.levels[by].keys.tolist().index(key)
    bands = {}
    for level in (80, 95):
        for side, limit in zip(("lo", "hi"), f.limits(level, by), strict=True):
            bands[f"storecast-{side}-{level}"] = limit[:, place].tolist()
    inputs: dict[str, Any] = {"by": by} | ({"overrides": overrides} if overrides else {})
    point = f.points(by)[:, place] * (2.0 if overrides else 1.0)
    said = json.dumps({"ds": days(), "storecast": point.tolist()})
    put(database, key, len(days()), json.dumps(inputs, separators=(",", ":")), said, json.dumps(bands))


def put(database: Database, key: str, rows: int, *texts: str, blob: bytes | None = None) -> None:
    number = next(_numbers)
    inputs, said, bands = texts
    entry = Entry(
        f"{number:08d}", number, "forecast", "ann", "storecast", 1, "d1", key, rows, inputs, said, bands, 1,
        "", None, blob,
    )  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(forecasts).values(entry._asdict()))


_numbers = iter(range(10**6))


def sell(database: Database, weeks: int, *missing: tuple[int, str]) -> np.ndarray[Any, Any]:
    """Actuals of ``weeks`` after the cutoff, without those ``missing``; NaN there."""
    y = sales()[KNOWN : KNOWN + weeks].copy()
    keys = served().keys.tolist()
    for week, key in missing:
        y[week, keys.index(key)] = np.nan
    rows = [
        Actual(key, days()[h], float(y[h, n]))
        for h in range(weeks)
        for n, key in enumerate(keys)
        if np.isfinite(y[h, n])
    ]
    ActualsTable(database).put(rows, who="ann")
    return y


def judge(database: Database) -> dict[str, Any]:
    sales = read_sales(ActualsTable(database))
    found = live_accuracy(AnswerTable(database), sales, lambda version: content(served()), "storecast")
    sums: dict[str, Any] = found.as_dict()["sums"]
    return sums


def test_sums_are_judged_by_the_sums_of_actuals(database: Database) -> None:
    """A store and the total, each answered twice: once counted, point, band and naive by hand."""
    for _ in range(2):
        answer(database, "store", "2")
        answer(database, "total", "total")
    y, f = sell(database, 5), served()
    found = judge(database)
    naive = naive_growth(sales()[:KNOWN], 8)[:5]
    for level, key, columns in (("store", "2", slice(3, 6)), ("total", "total", slice(0, 9))):
        sold = y[:, columns].sum(axis=1)
        place = f.levels[level].keys.tolist().index(key)
        point = f.points(level)[:5, place]
        low, high = (limit[:5, place] for limit in f.limits(80, level))
        figures = found["levels"][level]["all"]
        assert figures["rows"] == 5
        assert figures["wape"] == pytest.approx(np.abs(point - sold).sum() / sold.sum())
        assert figures["bias"] == pytest.approx((point - sold).sum() / sold.sum())
        assert figures["coverage-80"] == pytest.approx(100 * np.mean((sold >= low) & (sold <= high)))
        assert figures["width-80"] == pytest.approx(np.mean(high - low))
        theirs = np.abs(naive[:, columns].sum(axis=1) - sold).sum() / sold.sum()
        assert figures["wape:naive-growth"] == pytest.approx(theirs)
        assert found["levels"][level]["horizon"].keys() == {"1-4", "5-13"}
    assert (found["unjudged"], found["examples"]) == (0, [])


def test_a_sum_without_much_of_its_actuals_is_named_and_not_judged(database: Database) -> None:
    """A store that lacks one of its three departments in a week says nothing of that week; the others do."""
    answer(database, "store", "1")
    sell(database, 4, (2, "1_3"))
    found = judge(database)
    assert found["levels"]["store"]["all"]["rows"] == 3
    assert found["unjudged"] == 1
    (example,) = found["examples"]
    assert (example["level"], example["key"], example["version"], example["ds"]) == (
        "store",
        "1",
        1,
        days()[2],
    )
    f = served()
    share = f.point[2, 2] / f.point[2, :3].sum()
    assert example["why"] == f"1 of 3 series have no actual, {100 * share:.0f} % of what is forecast"


def test_a_small_member_without_an_actual_is_left_out_of_both(database: Database) -> None:
    """Like for like, as back-tests count: the answer without its share, against the others' sales."""
    f = served()
    share = f.point[1] / f.point[1].sum()
    small = int(np.argmin(share))
    assert share[small] < 0.05
    answer(database, "total", "total")
    y = sell(database, 2, (1, str(f.keys[small])))
    found = judge(database)["levels"]["total"]["all"]
    sold = np.nansum(y, axis=1)
    point = f.points("total")[:2, 0] * [1.0, 1.0 - share[small]]
    assert found["rows"] == 2
    assert found["wape"] == pytest.approx(np.abs(point - sold).sum() / sold.sum(), rel=1e-6)


def test_a_sum_with_an_override_counts_with_the_models_number(database: Database) -> None:
    """In the weeks and the store that the override is in, without a band; the rest as answered."""
    said = {"unique_id": "3_2", "ds": days()[1], "mode": "value", "value": 1.0, "id": "o", "model": 5.0}
    answer(database, "store", "3", overrides=[said])
    y, f = sell(database, 3), served()
    found = judge(database)["levels"]["store"]["all"]
    sold, point = y[:, 6:9].sum(axis=1), f.points("store")[:3, 2]
    told = np.array([2 * point[0], point[1], 2 * point[2]])
    assert found["wape"] == pytest.approx(np.abs(told - sold).sum() / sold.sum())
    low, high = (limit[:3, 2] for limit in f.limits(80, "store"))
    inside = ((sold >= low) & (sold <= high))[[0, 2]]
    assert found["coverage-80"] == pytest.approx(100 * inside.mean())


def test_files_of_stores_and_departments_are_told_apart(database: Database) -> None:
    """Rows of one bulk answer name departments and stores that are sums: each counts at its level."""
    f = served()
    sums = f.points("store")[:2, 0]
    names = ["1", "1", "2_1", "2_1"]
    point = np.concatenate([sums, f.point[:2, 3]])
    _, blob = as_blob(names, np.arange(4), np.tile(f.weeks[:2], 2), {"storecast": point})
    put(database, "", 4, '{"given":{}}', "", "", blob=blob)
    y = sell(database, 2)
    found = judge(database)
    sold = y[:, :3].sum(axis=1)
    assert found["levels"]["store"]["all"]["rows"] == 2
    assert found["levels"]["store"]["all"]["wape"] == pytest.approx(np.abs(sums - sold).sum() / sold.sum())
