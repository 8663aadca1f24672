"""Train on sales data: back-test, judge against the naives, register, promote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from storecast import __version__
from storecast.forecasting.backtest import Backtest, backtest, rolling_cutoffs
from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.calendar import Calendar, calendar_state
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel, known_ahead
from storecast.forecasting.promotion import BacktestArrays, GateReport, judge, segment_labels, serve_naive
from storecast.forecasting.quality import SalesData, SalesSource
from storecast.forecasting.rolling import FIRST_ORIGIN
from storecast.forecasting.scores import BUCKETS, scores
from storecast.forecasting.state import to_state
from storecast.jobs.checks import check_events, check_horizon
from storecast.jobs.keepsakes import keepsakes
from storecast.jobs.promote import promote
from storecast.ports import ArtifactContent, ModelVersion, Registry, Releases, ReportWriter, RunReport

__all__ = ["TrainRequest", "TrainResult", "content_of", "train"]

_NO_ADVANCE: Callable[[str, float], None] = lambda stage, share: None  # noqa: E731


@dataclass(frozen=True)
class TrainRequest:
    """``gate_windows`` cutoffs, ``gate_horizon`` weeks ahead each and as far apart, judge the model;
    ``promote``: make what serves the champion."""

    name: str = "storecast"
    config: ForecasterConfig = field(default_factory=ForecasterConfig)
    gate_windows: int = 6
    gate_horizon: int = 13
    levels: tuple[float, ...] = (80.0, 95.0)
    unit: str = "$"
    promote: bool = True
    who: str = ""


@dataclass(frozen=True)
class TrainResult:
    """``data`` as read, the ``gate``'s verdict on ``judged`` (None: too short a history), the
    ``forecaster`` that serves, its ``version``, and ``candidate``, the version that did not pass, if any."""

    data: SalesData
    panel: Panel
    judged: Backtest | None
    gate: GateReport
    forecaster: Forecaster
    version: ModelVersion
    candidate: ModelVersion | None
    promoted: bool

    def report(self, request: TrainRequest, calendar: Calendar, source: str, created: str) -> RunReport:
        """What a report needs of this."""
        return RunReport(
            request.name,
            created,
            source,
            request.unit,
            self.data.report,
            self.panel,
            calendar,
            self.forecaster,
            self.judged,
            self.gate,
            self.version.version,
        )


def train(
    source: SalesSource,
    registry: Registry,
    path: str,
    request: TrainRequest,
    calendar: Calendar,
    *,
    created: str,
    events: Sequence[Event] = (),
    writer: ReportWriter | None = None,
    releases: Releases | None = None,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    advance: Callable[[str, float], None] = _NO_ADVANCE,
) -> TrainResult:
    """Read the sales at ``path``, fit, judge, register, promote and publish in ``releases``.

    The long work is done ``alone``, which raises ConflictError where another makes a version just now. Raises
    DataError, RequestError, RegistryError or ArtifactError, each before the long work where it can be known.
    What serves is the model if it beats both naives beyond noise, else the better naive; both are registered.
    """
    check_horizon(request.config.horizon)
    data = source.read(path)
    panel = Panel.from_frame(data.panel)
    check_events(events, panel)
    with alone():
        return _trained(
            data, panel, registry, path, request, calendar, created, events, writer, releases, advance
        )


def _trained(
    data: SalesData,
    panel: Panel,
    registry: Registry,
    path: str,
    request: TrainRequest,
    calendar: Calendar,
    created: str,
    events: Sequence[Event],
    writer: ReportWriter | None,
    releases: Releases | None,
    advance: Callable[[str, float], None],
) -> TrainResult:
    registry.champion(request.name)  # a registry that cannot be reached is known now, not after the fits
    judged = _judged(panel, request, calendar, events, lambda share: advance("Back-test", share))
    gate = _gate(judged, panel, request)
    model = request.config.model
    fits = [model] if gate.serves == model else [model, gate.serves]
    if judged is None:
        fits = [gate.serves]
    versions: list[ModelVersion] = []
    forecaster: Forecaster | None = None
    for i, name in enumerate(fits):
        config = replace(request.config, model=name)
        forecaster = Forecaster.fit(
            panel,
            config,
            calendar,
            events,
            known_future=known_ahead(panel, data.future, config.horizon),
            advance=lambda share: advance("Fit", share),
        )
        advance("Register", i / len(fits))
        report = RunReport(
            request.name,
            created,
            path,
            request.unit,
            data.report,
            panel,
            calendar,
            forecaster,
            judged,
            gate,
            0,
        )
        versions.append(_register(registry, report, data.digest, writer.pictures(report) if writer else {}))
    advance("Register", 1.0)
    assert forecaster is not None
    if request.promote:
        number = versions[-1].version
        promote(registry, request.name, number, who=request.who, why=gate.reason, releases=releases)
    return TrainResult(
        data,
        panel,
        judged,
        gate,
        forecaster,
        versions[-1],
        versions[0] if len(versions) > 1 else None,
        request.promote,
    )


def _judged(
    panel: Panel,
    request: TrainRequest,
    calendar: Calendar,
    events: Sequence[Event],
    advance: Callable[[float], None],
) -> Backtest | None:
    """The rolling back-test the gate judges by; None where no cutoff leaves a year to look back to."""
    horizon = min(request.gate_horizon, request.config.horizon)
    weeks = len(panel.weeks)
    windows = min(request.gate_windows, (weeks - FIRST_ORIGIN) // horizon)
    if windows < 1:
        return None
    cutoffs = rolling_cutoffs(panel.weeks, horizon, windows, horizon)
    config = replace(request.config, horizon=horizon)
    return backtest(panel, config, cutoffs, calendar, levels=request.levels, events=events, advance=advance)


def _gate(judged: Backtest | None, panel: Panel, request: TrainRequest) -> GateReport:
    if judged is None:
        return serve_naive(
            f"The history of {len(panel.weeks)} weeks is too short to judge a model: "
            f"that takes {FIRST_ORIGIN + min(request.gate_horizon, request.config.horizon)} weeks."
        )
    return judge(
        _gate_rows(judged, panel), model=request.config.model, seed=request.config.seed, unit=request.unit
    )


def _gate_rows(judged: Backtest, panel: Panel) -> BacktestArrays:
    rows = judged.rows
    column = np.searchsorted(panel.keys, rows["unique_id"].to_numpy(dtype=str))
    y, weight, h = (rows[name].to_numpy() for name in ("y", "weight", "h"))
    types = panel.static.get("type")
    return BacktestArrays(
        y=y,
        weight=weight,
        candidate=rows["storecast"].to_numpy(),
        naives={name: rows[name].to_numpy() for name in BASELINES},
        week=rows["ds"].to_numpy(dtype="datetime64[D]"),
        cutoff=rows["cutoff"].to_numpy(dtype="datetime64[D]"),
        h=h,
        segments=segment_labels(
            h,
            weight,
            y,
            buckets=BUCKETS,
            store_type=None if types is None else types.astype(str)[column],
            department=panel.blocks[column] if panel.hierarchical else None,
        ),
    )


def content_of(forecaster: Forecaster, **more: object) -> ArtifactContent:
    """The artifact of a fitted forecaster; ``more`` goes into its metadata."""
    arrays, texts, meta = to_state(forecaster)
    return ArtifactContent(arrays, texts, {**meta, "code_version": __version__, **more})


def _register(registry: Registry, report: RunReport, digest: str, pictures: dict[str, bytes]) -> ModelVersion:
    forecaster, gate = report.forecaster, report.gate
    config = forecaster.config
    metrics = {} if report.backtest is None else _metrics(report.backtest, config.model)
    more = {"metrics": metrics, "gate": gate.as_dict(), "calendar": calendar_state(report.calendar)}
    more["planning"] = keepsakes(report.panel, report.backtest)
    return registry.register(
        report.name,
        content_of(forecaster, data_digest=digest, **more),
        params=_flat(asdict(config)) | {"boosting_weight": forecaster.correction.weight},
        metrics=metrics,
        tags={
            "model": config.model,
            "data_digest": digest,
            "cutoff": str(forecaster.cutoff),
            "series": str(len(forecaster.keys)),
            "gate": "passed" if gate.passed else "not passed",
        },
        files=pictures,
    )


def _metrics(judged: Backtest, model: str) -> dict[str, float]:
    """The figures of ``model`` from the back-test that judged it, or from one in which it was the naive."""
    report = scores(judged)["all"]
    assert isinstance(report, dict)
    found = {name: float(value) for name, value in report.items() if np.isfinite(value)}
    if model == judged.model:
        return found
    own = {name: found[f"{name}:{model}"] for name in ("wmae", "wape", "bias") if f"{name}:{model}" in found}
    return {"rows": found["rows"], **own}


def _flat(config: dict[str, object], prefix: str = "") -> dict[str, object]:
    out: dict[str, object] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            out |= _flat(value, f"{prefix}{name}.")
        else:
            out[f"{prefix}{name}"] = value
    return out
