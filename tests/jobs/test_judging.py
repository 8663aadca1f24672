"""Training where a version serves already: what takes its place, what waits beside it, who may overrule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storecast.errors import RegistryError
from storecast.forecasting.backtest import backtest, rolling_cutoffs
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.metrics import wmae
from storecast.forecasting.panel import Panel
from storecast.jobs import judging
from storecast.jobs.promote import promote
from storecast.jobs.train import TrainRequest, TrainResult, train
from tests.fakes import FakeRegistry
from tests.forecasting.panels import as_panel
from tests.jobs.worlds import CALENDAR, SALES, noisy, repeating, write

REQUEST = TrainRequest(config=ForecasterConfig(horizon=13, model="aligned"), who="Ann")
NAME = REQUEST.name
WEEKS = 140


def run(registry: FakeRegistry, path: str, model: str = "aligned", **more: Any) -> TrainResult:
    request = replace(REQUEST, config=replace(REQUEST.config, model=model))
    return train(SALES, registry, path, request, CALENDAR, created="2026-01-01T12:00:00+00:00", **more)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("sales")
    sales = noisy(150, 12)
    corrected = sales[:WEEKS].copy()
    corrected[-1, 0] += 500.0
    return {
        "now": write(folder / "now.csv", sales[:WEEKS]),
        "later": write(folder / "later.csv", sales[: WEEKS + 4]),
        "earlier": write(folder / "earlier.csv", sales[: WEEKS - 4]),
        "corrected": write(folder / "corrected.csv", corrected),
        "other": write(folder / "other.csv", noisy(WEEKS - 20, 12, seed=9)),
        "repeating": write(folder / "repeating.csv", repeating(WEEKS + 4)),
    }


def champion_of(registry: FakeRegistry) -> int:
    champion = registry.champion(NAME)
    assert champion is not None
    return champion.version


@pytest.mark.parametrize(
    ("weeks", "horizon", "windows", "tested"),
    [(WEEKS, 1, 6, 8), (WEEKS, 1, 3, 8), (WEEKS, 3, 2, 9), (WEEKS, 13, 3, 39), (60, 1, 6, 4)],
)
def test_a_short_horizon_is_judged_by_enough_weeks(
    weeks: int, horizon: int, windows: int, tested: int
) -> None:
    """However few weeks ahead, there are as many cutoffs as the gate needs, if history has them."""
    panel = as_panel(noisy(weeks, 3))
    config = ForecasterConfig(horizon=horizon, model="seasonal-naive")
    case = judging.Case(panel, "", config, CALENDAR, (), windows, horizon, (80.0,), "$")
    test = judging.judged(case, lambda share: None)
    assert test is not None
    assert sorted(set(test.rows["ds"].to_numpy(dtype="datetime64[D]"))) == panel.weeks[-tested:].tolist()
    reason = judging.verdict(case, test, FakeRegistry(), None, lambda share: None).reason
    assert ("too few" in reason) == (tested < 8)


@pytest.mark.parametrize(
    ("data", "decision", "says"),
    [
        ("later", "promote", "4 weeks more"),
        ("corrected", "promote", "other data of the same weeks"),
        ("other", "promote", "other sales than the champion"),
        ("now", "keep", "knows nothing that the champion does not"),
        ("earlier", "keep", "version 1 serves on"),
    ],
)
def test_the_same_configuration_takes_its_place_where_it_is_fresher(
    files, monkeypatch: pytest.MonkeyPatch, data: str, decision: str, says: str
) -> None:
    """Trained alike on later or corrected data a version serves; on the same or older data it waits beside.
    Neither takes a second back-test."""
    registry = FakeRegistry()
    run(registry, files["now"])
    tested: list[str] = []

    def counted(panel: Panel, config: ForecasterConfig, *args: Any, **more: Any) -> Any:
        tested.append(config.model)
        return backtest(panel, config, *args, **more)

    monkeypatch.setattr(judging, "backtest", counted)
    result = run(registry, files[data])
    assert (result.gate.decision, result.promoted) == (decision, decision == "promote")
    assert says in result.gate.reason
    assert champion_of(registry) == (2 if decision == "promote" else 1)
    assert result.version.tags["gate"] == ("passed" if decision == "promote" else "no fresher")
    assert tested == ["aligned"]


def test_another_configuration_is_compared_on_the_same_cutoffs(files) -> None:
    """The champion's configuration, back-tested on the new data at the gate's cutoffs, is what counts; the
    figures are those of that back-test."""
    registry = FakeRegistry()
    run(registry, files["now"], "aligned")
    result = run(registry, files["later"], "blend")
    assert result.judged is not None
    panel, horizon = result.panel, 13
    cutoffs = rolling_cutoffs(panel.weeks, horizon, len(result.judged.cutoffs), horizon)
    config = ForecasterConfig(model="aligned", horizon=horizon)
    rows = backtest(panel, config, cutoffs, CALENDAR).rows
    expected = wmae(rows["y"].to_numpy(), rows["storecast"].to_numpy(), rows["weight"].to_numpy())
    (check,) = [c for c in result.gate.checks if c.name == "champion"]
    assert check.figures["champion wmae"] == pytest.approx(expected, rel=1e-12)
    assert check.figures["wmae"] == pytest.approx(result.version.metrics["wmae"], rel=1e-12)
    assert result.gate.champion == 1
    assert {s.against for s in result.gate.segments} == {"seasonal-naive", "naive-growth", "champion"}
    kept = registry.load(NAME, result.version.version).meta["gate"]
    assert kept == result.gate.as_dict()
    assert kept["reason"] == result.version.tags["gate_reason"]


def test_a_naive_does_not_take_the_place_of_a_better_champion(files) -> None:
    """Where the model does not pass, the naive that would stand in must be as good as the champion too."""
    registry = FakeRegistry()
    run(registry, files["now"], "aligned")
    result = run(registry, files["later"], "seasonal-naive")
    assert not result.gate.passed
    assert result.gate.decision == "refuse"
    assert champion_of(registry) == 1
    assert result.version.tags["gate"] == "refused"


def test_a_naive_that_is_never_wrong_takes_the_champions_place(files) -> None:
    """Where a year repeats to the cent the naive beats whatever served."""
    registry = FakeRegistry()
    run(registry, files["now"], "aligned")
    result = run(registry, files["repeating"], "aligned")
    assert (result.gate.passed, result.gate.decision, result.gate.serves) == (
        False,
        "promote",
        "seasonal-naive",
    )
    assert registry.versions(NAME)[0].tags["gate"] == "naive"
    assert champion_of(registry) == result.version.version == 3


def test_only_an_operator_overrules(files) -> None:
    """What the gate refused is promoted when somebody says so outright, and the record says that too."""
    registry = FakeRegistry()
    run(registry, files["now"], "aligned")
    refused = run(registry, files["later"], "seasonal-naive").version.version
    with pytest.raises(RegistryError, match="did not pass the gate") as told:
        promote(registry, NAME, refused, who="Ann", why="I like it")
    assert "seasonal-naive" in told.value.found
    assert champion_of(registry) == 1
    promote(registry, NAME, refused, who="Ann", why="I like it", overrule=True)
    assert champion_of(registry) == refused
    assert registry.history(NAME)[-1].why == "against the gate: I like it"


def test_what_waits_beside_takes_no_overruling(files) -> None:
    """A version that is as good and no fresher may be promoted for any reason."""
    registry = FakeRegistry()
    run(registry, files["now"])
    run(registry, files["now"])
    promote(registry, NAME, 2, who="Ann", why="its folder is on the new disk")
    assert champion_of(registry) == 2
    assert registry.history(NAME)[-1].why == "its folder is on the new disk"


@pytest.mark.parametrize(("seconds", "decision"), [(0.001, "promote"), (3.0, "refuse")])
def test_a_version_that_answers_what_ifs_slowly_is_refused(files, seconds: float, decision: str) -> None:
    """The seconds of a what-if are on record with the version, and decide; the artifact stays the same."""
    registry = FakeRegistry()
    asked: list[int] = []

    def what_if(content: Any) -> float:
        asked.append(len(content.arrays["keys"]))
        return seconds

    result = run(registry, files["now"], what_if=what_if)
    assert asked == [12]
    assert (result.gate.decision, result.promoted) == (decision, decision == "promote")
    assert [c.passed for c in result.gate.checks] == [True, decision == "promote"]
    assert result.version.metrics["what_if_seconds"] == seconds
    assert "what_if_seconds" not in registry.load(NAME, 1).meta["metrics"]


def test_a_champion_that_cannot_be_read_is_told(files, tmp_path: Path) -> None:
    """Nothing is compared with it, and what beats the naives takes its place: a damaged one is no rival."""
    registry = FakeRegistry()
    run(registry, files["now"])
    content = registry.load(NAME, 1)
    del content.arrays["point"]  # type: ignore[attr-defined]
    result = run(registry, files["later"], "blend")
    assert (result.gate.decision, result.promoted) == ("promote", True)
    assert "cannot be read" in result.gate.reason
    assert np.isfinite(result.forecaster.points()).all()


def test_a_store_without_a_type_is_in_no_segment_of_types() -> None:
    """What is missing, None or NaN, is no type of its own for the gate."""
    kinds = np.array(["A", "A", None, float("nan"), "B", "B"], dtype=object)
    panel = replace(as_panel(noisy()), static={"type": kinds})
    config = ForecasterConfig(model="aligned", horizon=13)
    case = judging.Case(panel, "", config, CALENDAR, (), 3, 13, (80.0, 95.0), "$")
    test = judging.judged(case, lambda share: None)
    report = judging.verdict(case, test, FakeRegistry(), None, lambda share: None)
    found = {s.segment for s in report.segments if s.segment.startswith("type")}
    assert found == {"type A", "type B"}
