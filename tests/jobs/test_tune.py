"""Tuning as a job: a knob with a known best value is found, and what it came to is tracked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storecast.errors import ConflictError, RequestError, SetupError
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.tuning import configured
from storecast.jobs.tune import TuneRequest, TuneResult, tune
from storecast.stores.studies import OptunaStudies
from tests.jobs.worlds import CALENDAR, SALES, noisy, write

KEEP = "models.aligned.trend_keep"


class Tracked:
    """What was tracked, in a list."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []

    def track(self, name: str, run: str, **more: Any) -> None:
        self.runs.append({"name": name, "run": run, **more})


def growing(weeks: int = 146, series: int = 5) -> Any:
    """Sales that grow by the same sum every week: a trend that is shrunk is wrong, the full one is right."""
    noise = np.random.default_rng(1).standard_normal((weeks, series))
    return np.round(10_000 + 150.0 * np.arange(weeks)[:, None] + 40 * noise, 2)


def run(folder: Path, path: str, config: ForecasterConfig, **changes: Any) -> TuneResult:
    studies = OptunaStudies(f"sqlite:///{folder}/studies.db")
    more = {key: changes.pop(key) for key in ("tracker", "told") if key in changes}
    return tune(SALES, studies, path, TuneRequest(config=config, **changes), CALENDAR, **more)


def test_a_knob_whose_best_value_is_known_is_found(tmp_path: Path) -> None:
    """From a trend that is halved the search comes to one that is kept, takes it, and tracks the study."""
    start = configured(ForecasterConfig(model="aligned", horizon=13), {KEEP: 0.5})
    tracked = Tracked()
    path = write(tmp_path / "sales.csv", growing())
    found = run(tmp_path, path, start, trials=16, tracker=tracked)
    assert found.verdict.taken
    assert found.config.models.aligned.trend_keep > 0.75
    assert found.tried[0].values[KEEP] == 0.5
    assert found.config.horizon == 13
    (kept,) = tracked.runs
    assert kept["params"][KEEP] == found.verdict.best.values[KEEP]
    lines = [json.loads(line) for line in kept["files"]["trials.jsonl"].decode().splitlines()]
    assert [line["number"] for line in lines] == [t.number for t in found.tried]


def test_the_same_question_goes_on_with_the_same_study(tmp_path: Path) -> None:
    """Without a name the data and the question name it; a name that another has taken is refused."""
    path = write(tmp_path / "sales.csv", noisy(weeks=128))
    config = ForecasterConfig(model="aligned", horizon=13)
    first = run(tmp_path, path, config, trials=2)
    again = run(tmp_path, path, config, trials=3)
    assert first.study == again.study
    assert again.tried[: len(first.tried)] == first.tried
    other = ForecasterConfig(model="aligned", horizon=8)
    assert run(tmp_path, path, other, trials=1).study != first.study
    with pytest.raises(ConflictError, match="something else"):
        run(tmp_path, path, other, trials=1, study=first.study)


def test_a_study_that_cannot_be_opened_is_told_before_anything_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a database that is away nor a study of something else costs the default's trial."""
    path = write(tmp_path / "sales.csv", noisy(weeks=128))
    config = ForecasterConfig(model="aligned", horizon=13)
    run(tmp_path, path, config, trials=1, study="mine")
    monkeypatch.setattr("storecast.jobs.tune.score_trial", lambda *_: pytest.fail("a trial was scored"))
    with pytest.raises(SetupError, match="studies' database"):
        run(tmp_path / "nowhere", path, config, trials=1)
    with pytest.raises(ConflictError, match="something else"):
        run(tmp_path, path, ForecasterConfig(model="aligned", horizon=8), trials=1, study="mine")


def test_a_history_too_short_is_refused_before_anything_is_tried(tmp_path: Path) -> None:
    """The message says how many weeks it takes, and no study is made."""
    path = write(tmp_path / "sales.csv", noisy(weeks=100))
    with pytest.raises(RequestError, match="too short to choose"):
        run(tmp_path, path, ForecasterConfig(model="aligned", horizon=13))
    assert not (tmp_path / "studies.db").exists()
