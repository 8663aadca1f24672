"""Update: the new week becomes a version in seconds, or nothing is registered and it is said why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storecast.errors import ArtifactError, ConflictError, DataError, RegistryError, RequestError
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.state import from_state
from storecast.jobs.cards import version_cards
from storecast.jobs.train import TrainRequest, train
from storecast.jobs.update import UpdateRequest, UpdateResult, update
from storecast.ports import ModelVersion
from storecast.stores.releases import ReleaseFolder
from storecast.stores.sales_files import SalesFiles
from tests.fakes import FakeRegistry
from tests.jobs.worlds import CALENDAR, SALES, departments, noisy, write

NAME = "storecast"
KNOWN = 148  # weeks of the 150 that the champion is trained on
WEEKLY = SalesFiles(least_weeks=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sales")
    write(made / "known.csv", noisy()[:KNOWN])
    write(made / "whole.csv", noisy())
    write(made / "one.csv", noisy()[KNOWN : KNOWN + 1], first="2012-12-07")
    return made


@pytest.fixture
def registry(folder: Path) -> FakeRegistry:
    made = FakeRegistry()
    request = TrainRequest(config=ForecasterConfig(horizon=13), who="Ann", gate_horizon=4)
    train(SALES, made, str(folder / "known.csv"), request, CALENDAR, created="2026-01-01T12:00:00+00:00")
    return made


def go_on(registry: FakeRegistry, path: Path, **more: Any) -> UpdateResult:
    request = UpdateRequest(who="Ben", **{k: more.pop(k) for k in ("promote", "accept_changes") if k in more})
    return update(WEEKLY, registry, str(path), request, **more)


def serving(registry: FakeRegistry) -> ModelVersion:
    champion = registry.champion(NAME)
    assert champion is not None
    return champion


def test_the_new_week_becomes_a_version(registry: FakeRegistry, folder: Path) -> None:
    """A new immutable version with the champion's configuration, promoted with a reason."""
    before = serving(registry)
    result = go_on(registry, folder / "one.csv")
    champion = serving(registry)
    assert champion.version == result.version.version == before.version + 1
    assert champion.digest != before.digest
    assert (champion.tags["cutoff"], champion.tags["trained"]) == ("2012-12-07", "2012-11-30")
    assert champion.tags["updated_from"] == str(before.version)
    assert champion.metrics == before.metrics
    move = registry.history(NAME)[-1]
    assert (move.version, move.previous, move.who) == (champion.version, before.version, "Ben")
    assert "2012-12-07" in move.why
    content = registry.load(NAME, champion.version)
    forecaster = from_state(content.arrays, content.texts, content.meta)
    assert np.array_equal(forecaster.history, noisy()[: KNOWN + 1])
    assert content.meta["gate"] == registry.load(NAME, before.version).meta["gate"]


def test_who_moves_the_champion_meanwhile_is_not_overruled(registry: FakeRegistry, folder: Path) -> None:
    """Somebody takes a bad version back while it is gone on with: what was made of it is registered, does not
    serve, and the one who asked for it hears why."""
    good = serving(registry).version
    go_on(registry, folder / "one.csv")

    def take_back(stage: str, share: float) -> None:
        if (stage, share) == ("Register", 0.0):
            registry.rollback(NAME, who="Ann", why="bad week")

    with pytest.raises(ConflictError, match="version 3 of storecast is registered and not promoted") as told:
        go_on(registry, folder / "whole.csv", advance=take_back)
    assert (told.value.expected, told.value.found) == ("version 2", f"version {good}")
    assert serving(registry).version == good
    assert [item.version for item in registry.versions(NAME)] == [3, 2, 1]


@pytest.mark.parametrize(("sales", "ahead"), [("one.csv", 1), ("whole.csv", 2)])
def test_the_last_week_is_held_against_what_was_forecast_before_it(
    registry: FakeRegistry, folder: Path, sales: str, ahead: int
) -> None:
    """What a planner is shown of the last week is the new one, beside the champion's forecast and 80 % band
    of that week."""
    content = registry.load(NAME, 1)
    before = from_state(content.arrays, content.texts, content.meta)
    trained = content.meta["planning"]["backtest"]
    made = go_on(registry, folder / sales)
    kept = registry.load(NAME, made.version.version).meta["planning"]["backtest"]
    assert {name: kept[name] for name in kept if name != "latest"} == {
        name: trained[name] for name in trained if name != "latest"
    }
    assert set(kept["latest"]) == set(trained["latest"])
    latest = kept["latest"]["series"]
    low, high = before.limits(80.0)
    sold = dict(zip([str(key) for key in before.keys], noisy()[KNOWN - 1 + ahead], strict=True))
    assert latest["unique_id"] == sorted(sold)
    for i, key in enumerate(latest["unique_id"]):
        at = list(before.keys).index(key)
        assert latest["ds"][i] == str(before.weeks[ahead - 1])[:10]
        assert latest["y"][i] == pytest.approx(sold[key], abs=0.006)
        assert latest["forecast"][i] == pytest.approx(before.point[ahead - 1, at], abs=0.006)
        assert latest["lo"][i] == pytest.approx(low[ahead - 1, at], abs=0.006)
        assert latest["hi"][i] == pytest.approx(high[ahead - 1, at], abs=0.006)
    total = kept["latest"]["total"]
    assert total["y"] == [pytest.approx(sum(sold.values()), abs=0.006)]


def test_the_cards_of_an_update_say_what_it_is(registry: FakeRegistry, folder: Path) -> None:
    """Nobody judged it itself; its data are counted with the new week, and what was read is told apart."""
    go_on(registry, folder / "one.csv")
    made = version_cards(registry, NAME)
    assert "not back-tested itself" in made.model.sections[0].text
    assert made.data.facts["weeks"] == KNOWN + 1
    assert (made.data.facts["read"]["rows"], made.data.facts["news"]["rows"]) == (6 * KNOWN, 6)
    assert registry.runs[NAME, made.version]["description"] == made.short
    whole = go_on(registry, folder / "whole.csv")
    facts = version_cards(registry, NAME, whole.version.version).data.facts
    assert (facts["read"]["rows"], facts["news"]) == (6 * 150, None)


def test_it_is_bit_equal_when_repeated(registry: FakeRegistry, folder: Path) -> None:
    """The same week on the same champion gives the same digest; both weeks at once need not."""
    digests = {go_on(registry, folder / "one.csv", promote=False).version.digest for _ in range(2)}
    assert len(digests) == 1
    assert serving(registry).version == 1
    assert go_on(registry, folder / "whole.csv").extended.new == 2


def test_the_same_week_twice_is_refused(registry: FakeRegistry, folder: Path) -> None:
    """Nothing new, nothing made."""
    go_on(registry, folder / "one.csv")
    made = len(registry.versions(NAME))
    with pytest.raises(DataError, match="no week"):
        go_on(registry, folder / "one.csv")
    assert len(registry.versions(NAME)) == made


def test_a_changed_past_is_refused_unless_said(registry: FakeRegistry, folder: Path, tmp_path: Path) -> None:
    """It says which sale of which week was what before; with the option it is taken over."""
    values = noisy()
    values[20, 2] += 100.0
    path = Path(write(tmp_path / "changed.csv", values))
    with pytest.raises(DataError) as refused:
        go_on(registry, path)
    assert f"series 3, week 2010-06-25: {noisy()[20, 2]:,.2f} before, {values[20, 2]:,.2f} now" in (
        refused.value.found
    )
    assert "--accept-changes" in refused.value.remedy
    assert len(registry.versions(NAME)) == 1
    result = go_on(registry, path, accept_changes=True)
    assert np.array_equal(result.forecaster.history, values)


def test_a_store_that_is_gone_is_not_made_up(registry: FakeRegistry, folder: Path, tmp_path: Path) -> None:
    """A whole file without the store is refused as a changed past; where that is accepted, the store is named
    and not forecast at others' size, and the others are what they are without it."""
    path = Path(write(tmp_path / "fewer.csv", noisy()[:, :-1]))
    with pytest.raises(DataError, match="change the past"):
        go_on(registry, path)
    before = registry.load(NAME, 1)
    old = from_state(before.arrays, before.texts, before.meta)
    result = go_on(registry, path, accept_changes=True)
    assert result.extended.gone == ("6",)
    assert result.forecaster.keys.tolist() == ["1", "2", "3", "4", "5"]
    assert result.forecaster.points("total").sum() == pytest.approx(result.forecaster.points().sum())
    moved = np.abs(result.forecaster.point[:-2] - old.point[2:, :-1]).sum() / old.point[2:, :-1].sum()
    assert result.moved == pytest.approx(moved)
    meta = registry.load(NAME, result.version.version).meta
    assert "news" not in meta, "it is made from the whole file"


@pytest.mark.parametrize("kind", ["closure", "opening", "promotion"])
def test_events_that_the_champion_knew_are_not_forgotten(folder: Path, kind: str) -> None:
    """Without them a closed store would be forecast as open: an update that is given none is refused,
    whatever their kind; given again, they are recorded with the new version."""
    made = FakeRegistry()
    first, last = ("2012-12-14", "2012-12-28") if kind == "closure" else ("2012-06-01", "2012-06-15")
    events = (Event(kind, np.datetime64(first), np.datetime64(last), series="2"),)
    config = ForecasterConfig(model="aligned", horizon=6)
    request = TrainRequest(config=config, who="Ann", gate_windows=1, gate_horizon=4)
    train(SALES, made, str(folder / "known.csv"), request, CALENDAR, created="", events=events)
    before = made.versions(NAME)
    with pytest.raises(RequestError, match="known events"):
        go_on(made, folder / "one.csv")
    assert made.versions(NAME) == before
    result = go_on(made, folder / "one.csv", events=events)
    content = made.load(NAME, result.version.version)
    assert content.meta["events"] == [[kind, first, last, "2", ""]]
    if kind == "closure":
        store = result.forecaster.keys.tolist().index("2")
        assert (result.forecaster.point[:3, store] == 0).all()


def test_forecasts_that_make_no_sense_are_not_registered(
    registry: FakeRegistry, folder: Path, tmp_path: Path
) -> None:
    """Sales in cents instead of dollars: the champion stays, and no version is made."""
    path = Path(write(tmp_path / "cents.csv", noisy()[KNOWN:] * 1000.0, first="2012-12-07"))
    with pytest.raises(ArtifactError, match="not registered"):
        go_on(registry, path)
    assert len(registry.versions(NAME)) == 1


def test_without_a_champion_there_is_nothing_to_update(folder: Path) -> None:
    """Train first."""
    with pytest.raises(RegistryError, match="no champion"):
        go_on(FakeRegistry(), folder / "one.csv")


def test_the_release_folder_says_update(registry: FakeRegistry, folder: Path, tmp_path: Path) -> None:
    """What serves is published as an update, and a roll-back goes to the version before."""
    releases = ReleaseFolder(tmp_path / "releases", clock=lambda: datetime.now(UTC))
    go_on(registry, folder / "one.csv", releases=releases)
    info = releases.current()
    assert info is not None
    assert (info.kind, info.version, info.who) == ("update", 2, "Ben")


def test_the_work_is_done_alone(registry: FakeRegistry, folder: Path) -> None:
    """The champion is read after the lock is held, and the lock is given back."""
    seen = []

    @contextmanager
    def alone() -> Iterator[None]:
        seen.append(len(registry.versions(NAME)))
        yield
        seen.append(len(registry.versions(NAME)))

    go_on(registry, folder / "one.csv", alone=alone)
    assert seen == [1, 2]


def test_departments_go_on_at_every_level(tmp_path: Path) -> None:
    """Stores and total keep their bands and points stay sums."""
    registry, values = FakeRegistry(), departments()
    known = write(tmp_path / "known.csv", values[:-1], depts=3)
    request = TrainRequest(config=ForecasterConfig(horizon=8), who="Ann", gate_horizon=4)
    train(SALES, registry, known, request, CALENDAR, created="2026-01-01T12:00:00+00:00")
    path = write(tmp_path / "week.csv", values[-1:], depts=3, first="2012-05-18")
    new = go_on(registry, Path(path)).forecaster
    assert set(new.levels) == {"series", "store", "total"}
    total = new.point.sum(axis=1)
    assert new.points("total")[:, 0] == pytest.approx(total, abs=0.005)
    for level in new.levels:
        low, high = new.limits(80.0, level)
        assert (low < new.points(level)).all()
        assert (new.points(level) < high).all()
