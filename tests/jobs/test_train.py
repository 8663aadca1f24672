"""Training: what passes the gate serves, what does not is kept, and nothing is half done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storecast import __version__
from storecast.errors import DataError, RegistryError, RequestError
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.metrics import wmae
from storecast.forecasting.panel import Panel
from storecast.forecasting.quality import SalesData
from storecast.forecasting.state import from_state
from storecast.jobs.cards import DATA_CARD, MODEL_CARD, version_cards
from storecast.jobs.keepsakes import data_facts
from storecast.jobs.train import TrainRequest, TrainResult, train
from storecast.ports import ModelVersion
from tests.fakes import FakeRegistry
from tests.jobs.worlds import CALENDAR, SALES, noisy, repeating, write

REQUEST = TrainRequest(config=ForecasterConfig(horizon=26), who="Ann")
NAME = REQUEST.name


class Unread:
    """Sales data that nobody may ask for."""

    def read(self, path: str) -> SalesData:
        raise AssertionError(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("sales")
    return {
        "noisy": write(folder / "noisy.csv", noisy()),
        "repeating": write(folder / "repeating.csv", repeating()),
        "short": write(folder / "short.csv", noisy(weeks=60)),
        "tiny": write(folder / "tiny.csv", noisy(weeks=9)),
    }


def run(registry: FakeRegistry, path: str, request: TrainRequest = REQUEST, **more: Any) -> TrainResult:
    return train(SALES, registry, path, request, CALENDAR, created="2026-01-01T12:00:00+00:00", **more)


@pytest.fixture(scope="module")
def passed(files) -> tuple[FakeRegistry, TrainResult]:
    registry = FakeRegistry()
    return registry, run(registry, files["noisy"])


@pytest.fixture(scope="module")
def beaten(files) -> tuple[FakeRegistry, TrainResult]:
    registry = FakeRegistry()
    return registry, run(registry, files["repeating"])


def test_cards_are_left_with_every_version(passed, beaten) -> None:
    """Of what serves and of what did not pass: both files with the run, and the short one as description,
    made from what the version records."""
    for registry, result in (passed, beaten):
        for version in registry.versions(NAME):
            run_ = registry.runs[NAME, version.version]
            made = version_cards(registry, NAME, version.version)
            model, data = (run_["files"][name].decode() for name in (MODEL_CARD, DATA_CARD))
            assert f"# Model card: {NAME} version {version.version}\n" in model
            assert f"`{version.digest}`" in model
            assert data == made.data.markdown()
            assert run_["description"] == made.short
            facts = made.data.facts
            assert facts["data_digest"] == result.data.digest
            assert facts["sales_total"] == pytest.approx(result.data.report.sales_total, abs=0.01)
            assert facts["read"]["rows"] == result.data.report.rows
            assert made.model.facts["backtest"] is not None
        assert "promote" in version_cards(registry, NAME).model.sections[-1].text
    lost = version_cards(beaten[0], NAME, 1).model.sections[0].text
    assert "**The gate did not let it pass**" in lost


def test_facts_of_the_data_do_not_depend_on_what_files_are_called(tmp_path: Path) -> None:
    """So that the same data make the same version."""
    first = write(tmp_path / "a b.csv", noisy(weeks=60))
    lines = Path(first).read_text().splitlines()
    content = "\n".join([*lines, lines[-1]]) + "\n"
    facts = []
    for name in ("first.csv", "other-name.csv"):
        path = tmp_path / name
        path.write_text(content)
        data = SALES.read(str(path))
        assert data.report.findings
        facts.append(data_facts(data, Panel.from_frame(data.panel), 4))
    assert facts[0] == facts[1]


def test_a_model_that_passes_the_gate_serves(passed) -> None:
    """One version, the champion, with who promoted it and why on record."""
    registry, result = passed
    assert result.gate.passed
    assert (result.version.version, result.candidate, result.promoted) == (1, None, True)
    champion = registry.champion(NAME)
    assert champion is not None
    assert (champion.version, champion.tags["model"], champion.tags["gate"]) == (1, "blend", "passed")
    (move,) = registry.history(NAME)
    assert (move.kind, move.version, move.who, move.why) == ("promote", 1, "Ann", result.gate.reason)


def test_the_figures_on_record_are_those_of_the_back_test(passed) -> None:
    """The version's metrics can be recomputed from the rows that the gate judged."""
    _, result = passed
    rows = result.judged.rows
    assert result.version.metrics["rows"] == len(rows)
    for column, name in (("storecast", "wmae"), ("seasonal-naive", "wmae:seasonal-naive")):
        error = sum(w * abs(y - f) for w, y, f in zip(rows["weight"], rows["y"], rows[column], strict=True))
        assert result.version.metrics[name] == pytest.approx(error / rows["weight"].sum(), rel=1e-12)
    inside = (rows["y"] >= rows["storecast-lo-80"]) & (rows["y"] <= rows["storecast-hi-80"])
    assert result.version.metrics["coverage-80"] == pytest.approx(100 * inside.mean())


def test_the_gate_judges_weeks_that_no_cutoff_shares(passed) -> None:
    """Cutoffs lie as far apart as they look ahead, and the last one ends with the data."""
    _, result = passed
    rows = result.judged.rows
    assert not rows.duplicated(["unique_id", "ds"]).any()
    assert rows["ds"].max() == result.data.panel["ds"].max()
    assert (rows["ds"] > rows["cutoff"]).all()


def test_the_artifact_says_what_it_was_made_from(passed) -> None:
    """Data digest, code version, gate and calendar travel with the model, and it forecasts the same."""
    registry, result = passed
    content = registry.load(NAME, 1)
    assert content.meta["data_digest"] == result.data.digest == result.version.tags["data_digest"]
    assert content.meta["code_version"] == __version__
    assert content.meta["gate"] == result.gate.as_dict()
    assert content.meta["calendar"] == {"name": "US retail"}
    again = from_state(content.arrays, content.texts, content.meta)
    assert np.array_equal(again.points(), result.forecaster.points())
    assert registry.runs[NAME, 1]["params"]["model"] == "blend"
    assert registry.runs[NAME, 1]["params"]["horizon"] == 26


def test_where_no_model_can_win_the_better_naive_serves(beaten) -> None:
    """Where a year repeats to the cent the seasonal naive serves, and the model is kept beside it."""
    registry, result = beaten
    assert not result.gate.passed
    assert result.candidate is not None
    assert (result.candidate.version, result.version.version) == (1, 2)
    assert result.version.tags["model"] == "seasonal-naive"
    assert "seasonal-naive serves" in result.gate.reason
    champion = registry.champion(NAME)
    assert champion is not None
    assert champion.version == 2
    kept = from_state(*_parts(registry, 1))
    assert kept.config.model == "blend"


def test_the_naive_that_serves_is_right_and_has_bands(beaten) -> None:
    """It forecasts last year's week to the cent, with finite bands around it and its own error on record."""
    registry, result = beaten
    served = from_state(*_parts(registry, 2))
    values = repeating()
    assert np.array_equal(served.points(), values[len(values) - 52 :][:26])
    low, high = served.limits(80)
    assert np.isfinite(low).all()
    assert np.isfinite(high).all()
    assert (low <= served.points()).all()
    assert (served.points() <= high).all()
    assert result.version.metrics["wmae"] == 0
    assert set(result.version.metrics) == {"rows", "wmae", "wape", "bias"}


def _parts(registry: FakeRegistry, version: int) -> tuple[Any, Any, Any]:
    content = registry.load(NAME, version)
    return content.arrays, content.texts, content.meta


@pytest.mark.parametrize("name", ["short", "tiny"])
def test_a_history_too_short_to_judge(files, name: str) -> None:
    """A naive serves, says so, and no figure is claimed for it."""
    registry = FakeRegistry()
    result = run(registry, files[name])
    assert result.judged is None
    assert not result.gate.passed
    assert "too short to judge" in result.gate.reason
    assert (result.version.version, result.candidate) == (1, None)
    assert result.version.tags["model"] in ("seasonal-naive", "naive-growth")
    assert result.version.metrics == {}
    assert np.isfinite(result.forecaster.points()).all()
    champion = registry.champion(NAME)
    assert champion is not None
    assert champion.version == 1


def test_without_promotion_nothing_moves(files) -> None:
    """The version is registered as challenger; no champion, no move."""
    registry = FakeRegistry()
    result = run(registry, files["short"], replace(REQUEST, promote=False))
    assert not result.promoted
    assert registry.champion(NAME) is None
    assert registry.history(NAME) == []
    assert registry.versions(NAME)[0].aliases == ("challenger",)


class Failing(FakeRegistry):
    """A registry that stops answering at one of its calls."""

    def __init__(self, call: str, after: int = 0) -> None:
        super().__init__()
        self.call, self.left = call, after

    def _count(self, call: str) -> None:
        if call == self.call:
            if self.left == 0:
                raise RegistryError("the model registry does not answer")
            self.left -= 1

    def champion(self, name: str) -> ModelVersion | None:
        self._count("champion")
        return super().champion(name)

    def register(self, *args: Any, **more: Any) -> ModelVersion:
        self._count("register")
        return super().register(*args, **more)

    def promote(self, *args: Any, **more: Any) -> ModelVersion:
        self._count("promote")
        return super().promote(*args, **more)


def test_a_registry_that_does_not_answer_is_known_before_the_work(files) -> None:
    """No back-test is run and no model fitted for a registry that cannot take it."""
    stages: list[str] = []
    with pytest.raises(RegistryError):
        run(Failing("champion"), files["noisy"], advance=lambda stage, share: stages.append(stage))
    assert stages == []


@pytest.mark.parametrize(
    ("call", "after", "registered"), [("register", 0, 0), ("register", 1, 1), ("promote", 0, 2)]
)
def test_a_registry_that_fails_later_moves_no_champion(files, call: str, after: int, registered: int) -> None:
    """Whichever of its calls fails, the champion is the one before, and versions are whole."""
    registry = Failing("none")
    old = run(registry, files["short"]).version
    registry.call, registry.left = call, after
    with pytest.raises(RegistryError):
        run(registry, files["repeating"])
    registry.call = "none"
    champion = registry.champion(NAME)
    assert champion is not None
    assert champion.version == old.version
    assert len(registry.versions(NAME)) == 1 + registered
    for version in registry.versions(NAME):
        from_state(*_parts(registry, version.version))


@pytest.mark.parametrize("horizon", [0, -3, 53, 500])
def test_a_horizon_out_of_range_is_refused_unread(horizon: int) -> None:
    """The data is not even opened."""
    registry = FakeRegistry()
    request = replace(REQUEST, config=ForecasterConfig(horizon=horizon))
    with pytest.raises(RequestError, match="1 to 52 weeks"):
        train(Unread(), registry, "x", request, CALENDAR, created="")
    assert registry.versions(NAME) == []


def test_an_unknown_model_registers_nothing(files) -> None:
    """Its name is told with those that exist."""
    registry = FakeRegistry()
    with pytest.raises(RequestError, match="aligned"):
        run(registry, files["noisy"], replace(REQUEST, config=ForecasterConfig(model="oracle")))
    assert registry.versions(NAME) == []


def test_refused_data_registers_nothing(tmp_path: Path) -> None:
    """A file that cannot be read leaves the registry as it was."""
    (tmp_path / "a.csv").write_text("unique_id,ds,y\n", encoding="utf-8")
    registry = FakeRegistry()
    with pytest.raises(DataError):
        run(registry, str(tmp_path / "a.csv"))
    assert registry.versions(NAME) == []


def test_events_of_unknown_series_are_refused(files) -> None:
    """An event that would have no effect is told before the work."""
    day = np.datetime64("2012-06-01")
    with pytest.raises(RequestError, match="not in the sales data") as told:
        run(FakeRegistry(), files["short"], events=(Event("closure", day, day, series="99"),))
    assert told.value.found == "99"


def test_the_same_seed_gives_the_same_model(files, passed) -> None:
    """Trained again, the artifact has the same digest: every array bit for bit."""
    registry = FakeRegistry()
    again = run(registry, files["noisy"])
    assert again.version.digest == passed[1].version.digest
    assert again.gate == passed[1].gate


def test_wmae_of_the_gate_is_that_of_the_metric(passed) -> None:
    """The gate's figures and the back-test's are one and the same."""
    _, result = passed
    rows = result.judged.rows
    y, weight = rows["y"].to_numpy(), rows["weight"].to_numpy()
    assert result.gate.wmae["naive-growth"] == pytest.approx(wmae(y, rows["naive-growth"].to_numpy(), weight))


def test_pictures_are_kept_with_every_version(files) -> None:
    """What the writer draws of each fitted model is registered with it."""

    class Drawing:
        models: list[str] = []  # noqa: RUF012  shared on purpose: one test, one writer

        def pictures(self, report) -> dict[str, bytes]:
            self.models.append(report.forecaster.config.model)
            assert isinstance(report.panel, Panel)
            return {"forecast.png": report.forecaster.config.model.encode()}

        def write(self, report, path: str) -> None:
            raise AssertionError(path)

    registry = FakeRegistry()
    run(registry, files["repeating"], writer=Drawing())
    assert Drawing.models == ["blend", "seasonal-naive"]
    files_ = registry.runs[NAME, 2]["files"]
    assert files_["forecast.png"] == b"seasonal-naive"
    assert files_.keys() == {"forecast.png", MODEL_CARD, DATA_CARD}
