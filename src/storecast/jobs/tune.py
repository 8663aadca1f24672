"""Tune: search a configuration on the panel's earlier weeks, and say whether it is worth taking."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache

from storecast.forecasting.calendar import Calendar, calendar_state
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.quality import SalesSource
from storecast.forecasting.tuning import (
    HELD_WEEKS,
    Selection,
    Tried,
    Verdict,
    configured,
    defaults,
    judge_trials,
    score_trial,
    selection,
)
from storecast.jobs.checks import check_events, check_horizon
from storecast.ports.studies import Studies, Tracker

__all__ = ["TuneRequest", "TuneResult", "study_name", "tune"]


@dataclass(frozen=True)
class TuneRequest:
    """What to search: ``config.horizon`` weeks ahead, until ``trials`` are finished or ``seconds`` are over.

    ``study``: its name, empty for one that the data and the question name; ``worker``: which of several
    processes this is, for its own random numbers.
    """

    name: str = "storecast"
    config: ForecasterConfig = field(default_factory=lambda: ForecasterConfig(horizon=13))
    trials: int = 40
    seconds: float | None = None
    study: str = ""
    worker: int = 0
    held: int = HELD_WEEKS


@dataclass(frozen=True)
class TuneResult:
    """The ``study``, all trials carried through, the ``verdict`` over them, the ``config`` that follows."""

    study: str
    chosen: Selection
    tried: tuple[Tried, ...]
    verdict: Verdict
    config: ForecasterConfig


def study_name(digest: str, request: TuneRequest) -> str:
    """The name of a study that was given none: the same data and question go on with the same study."""
    config = request.config
    return request.study or f"{request.name}-{config.model}-{config.horizon}w-{digest[:12]}"


def tune(
    source: SalesSource,
    studies: Studies,
    path: str,
    request: TuneRequest,
    calendar: Calendar,
    *,
    events: Sequence[Event] = (),
    tracker: Tracker | None = None,
    told: Callable[[int, float], None] = lambda done, best: None,
) -> TuneResult:
    """Search on the sales at ``path`` without their last ``request.held`` weeks, and judge what was found.

    With ``tracker`` what it came to is tracked. Raises DataError, RequestError, ConflictError where the
    study was made on something else, and SetupError where its database is away.
    """
    check_horizon(request.config.horizon)
    data = source.read(path)
    panel = Panel.from_frame(data.panel)
    check_events(events, panel)
    chosen = selection(panel, request.config.model, request.config.horizon, held=request.held)
    name, seen_events = study_name(data.digest, request), tuple(events)
    first = defaults(request.config, chosen.knobs)

    @cache
    def default() -> Tried:
        """The default's trial, once it is asked for: by then the study is open, or was refused."""
        found = score_trial(chosen, request.config, calendar, seen_events, None, lambda cutoff, score: False)
        assert found is not None  # nobody told it to give up
        return Tried(0, first, *found)

    def objective(
        values: Mapping[str, float], report: Callable[[int, float], bool]
    ) -> tuple[float, tuple[float, ...]] | None:
        config = configured(request.config, values)
        return score_trial(chosen, config, calendar, seen_events, default(), report)

    studies.search(
        name,
        chosen.knobs,
        objective,
        facts=_facts(data.digest, request, chosen, calendar, seen_events),
        first=first,
        trials=request.trials,
        seconds=request.seconds,
        seed=request.config.seed + 7919 * request.worker,
        told=told,
    )
    tried = tuple(studies.tried(name)) or (default(),)
    if tried[0].number != 0:  # another process is still at it
        tried = (default(), *tried)
    verdict = judge_trials(chosen, tried, seed=request.config.seed)
    result = TuneResult(name, chosen, tried, verdict, configured(request.config, verdict.best.values))
    if tracker is not None and request.worker == 0:
        _track(tracker, request, result, data.digest)
    return result


def _facts(
    digest: str, request: TuneRequest, chosen: Selection, calendar: Calendar, events: Sequence[Event]
) -> dict[str, str]:
    """What two searches must share to be one."""
    return {
        "data": digest,
        "model": request.config.model,
        "horizon": str(request.config.horizon),
        "start": json.dumps(asdict(request.config), sort_keys=True),
        "cutoffs": " ".join(map(str, chosen.cutoffs)),
        "knobs": " ".join(knob.path for knob in chosen.knobs),
        "calendar": json.dumps(calendar_state(calendar), sort_keys=True, default=str),
        "events": json.dumps([asdict(event) for event in events], sort_keys=True, default=str),
    }


def _track(tracker: Tracker, request: TuneRequest, result: TuneResult, digest: str) -> None:
    verdict = result.verdict
    table = "\n".join(
        json.dumps({"number": t.number, "score": t.score, **t.values}, sort_keys=True) for t in result.tried
    )
    tracker.track(
        request.name,
        f"tune-{result.study}",
        params={"model": request.config.model, "horizon": request.config.horizon, **verdict.best.values},
        metrics={"trials": float(len(result.tried)), "best": verdict.best.score, "gain": verdict.gain},
        tags={"kind": "tuning", "study": result.study, "data_digest": digest, "taken": str(verdict.taken)},
        files={"trials.jsonl": table.encode()},
    )
