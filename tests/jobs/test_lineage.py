"""What a version keeps of the way from the one before it, and what is told of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storecast.errors import RegistryError
from storecast.forecasting.change import change
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.lineage import Table, path
from storecast.forecasting.panel import Panel
from storecast.forecasting.state import from_state
from storecast.forecasting.updating import update as go_on
from storecast.jobs.explain import Planners, explain_change
from storecast.jobs.forecast import ForecastRequest
from storecast.jobs.lineage import came_from
from storecast.jobs.train import TrainRequest, content_of, train
from storecast.jobs.update import UpdateRequest, update
from tests.fakes import FakeRegistry
from tests.jobs.worlds import CALENDAR, SALES, noisy, write

CONFIG = ForecasterConfig(model="aligned", horizon=12)
REQUEST = TrainRequest(config=CONFIG, who="Ann", gate_windows=1, gate_horizon=4)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRegistry, Path]:
    """Version 1 trained, 2 updated by a week, 3 trained anew on another two; each became champion."""
    folder, values = tmp_path_factory.mktemp("sales"), noisy(weeks=130, series=3)
    registry = FakeRegistry()
    made = {n: write(folder / f"{n}.csv", values[:n]) for n in (127, 128, 130)}
    train(SALES, registry, made[127], REQUEST, CALENDAR, created="")
    registry.promote("storecast", registry.versions("storecast")[0].version, who="x", why="x")
    update(SALES, registry, made[128], UpdateRequest(who="Ann"))
    train(SALES, registry, made[130], REQUEST, CALENDAR, created="")
    return registry, folder


def _tables(registry: FakeRegistry) -> list[Table]:
    found = []
    for version in reversed(registry.versions("storecast")):
        content = registry.load("storecast", version.version)
        found.append(Table.of(version.version, version.digest, content.arrays, content.meta))
    return found


def test_versions_know_where_they_came_from(world: tuple[FakeRegistry, Path]) -> None:
    """Each names the champion it came from; a fitted one keeps what that one makes of the new sales."""
    registry, _ = world
    tables = {t.version: t for t in _tables(registry)}
    last = max(tables)
    champion = registry.champion("storecast")
    assert champion is not None
    updated = next(t for t in tables.values() if t.updated)
    assert tables[last].parent == updated.digest
    content = registry.load("storecast", updated.version)
    old = from_state(content.arrays, content.texts, content.meta)
    newest = registry.load("storecast", last)
    new = from_state(newest.arrays, newest.texts, newest.meta)
    panel = Panel(new.history_weeks, new.keys, new.history, new.stores, new.blocks, {}, {})
    carried = go_on(old, panel, CALENDAR)
    assert np.array_equal(tables[last].bridges["actuals"], np.rint(carried.point * 100))
    assert "model" not in tables[last].bridges, "events and calendar are the same"


def test_the_whole_way_adds_up(world: tuple[FakeRegistry, Path]) -> None:
    """From the first version over the update to the newest: new sales and new model, to the cent, each told
    apart."""
    registry, _ = world
    tables = _tables(registry)
    by_digest = {t.digest: t for t in tables}
    first = next(t for t in tables if not t.parent)
    line = path(by_digest[next(t for t in tables if t.updated).parent], tables[-1], by_digest.get)
    assert len(line) == 3
    assert first.parent == ""
    ds = str(line[-1].weeks[2])
    for name in ("1", "2", "3", "total"):
        found = change(line, name, ds)
        parts = {p.name: p.cents for p in found.parts}
        assert found.before + sum(parts.values()) == found.after
        assert set(parts) == {"actuals", "model", "inputs", "override"}
        assert parts["actuals"]
        assert parts["inputs"] == parts["override"] == 0


def test_new_events_have_their_own_part() -> None:
    """A closure that the earlier version did not know: what it takes away is told apart from the sales."""
    values = noisy(weeks=130, series=2)
    weeks = np.datetime64("2010-02-05") + 7 * np.arange(130)
    empty = np.array(["", ""])

    def panel(rows: int) -> Panel:
        keys = np.array(["1", "2"])
        return Panel(weeks[:rows], keys, values[:rows], keys, empty, {}, {})

    old = Forecaster.fit(panel(128), CONFIG, CALENDAR)
    shut = np.datetime64(weeks[-1] + np.timedelta64(14, "D"), "D")
    closure = Event("closure", shut, shut, "1", "")
    new = Forecaster.fit(panel(130), CONFIG, CALENDAR, [closure])
    registry = FakeRegistry()
    content = content_of(old, data_digest="a", events=[])
    parent = registry.register("x", content, params={}, metrics={}, tags={}, files={})
    line = came_from(registry, parent, new, panel(130), CALENDAR, [closure], {})
    made = content_of(new, data_digest="b", **line.facts)
    before = Table.of(1, parent.digest, content.arrays, content.meta)
    after = Table.of(2, "d", {**made.arrays, **line.arrays}, made.meta)
    parts = {p.name: p.cents for p in change([before, after], "1", str(shut)).parts}
    plain = Forecaster.fit(panel(130), CONFIG, CALENDAR)
    assert parts["inputs"] == -round(float(plain.point[1, 0]) * 100)
    assert "model_and_inputs" not in parts
    again = registry.register("x", made, params={}, metrics={}, tags={}, files={})
    same = came_from(registry, again, new, panel(130), CALENDAR, [closure], {})
    assert same.facts["lineage"] == line.facts["lineage"], "trained again on the same, it came from the same"


NOBODY = Planners((), 0)


def test_since_an_earlier_version(world: tuple[FakeRegistry, Path]) -> None:
    """From files: the champion since the one before it, and what is fitted on newer sales since the champion;
    parts are those of the tables kept, and add up."""
    registry, folder = world
    champion = registry.champion("storecast")
    assert champion is not None
    request = ForecastRequest(horizon=3)
    numbers = {t.version: t for t in _tables(registry)}
    now = numbers[champion.version]
    data = str(folder / ("128.csv" if now.updated else "130.csv"))
    last = explain_change(SALES, registry, data, request, "2", [2, 3], "last", NOBODY)
    assert last.since != champion.version
    line = path(numbers[last.since], now, {t.digest: t for t in numbers.values()}.get)
    for each in last.changes:
        assert each.before + sum(p.cents for p in each.parts) == each.after
        assert each == change(line, "2", each.ds)
    newer = write(folder / "132.csv", noisy(weeks=132, series=3))
    moved = explain_change(SALES, registry, newer, request, "total", [1], "last", NOBODY)
    assert moved.since == champion.version
    (each,) = moved.changes
    parts = {p.name: p.cents for p in each.parts}
    assert each.before + sum(parts.values()) == each.after
    assert parts["actuals"]
    assert "actuals_and_model" not in parts
    with pytest.raises(RegistryError, match="no version to compare with"):
        explain_change(SALES, registry, data, request, "2", [2], "77", NOBODY)
