"""Train on sales data: back-test, judge against the naives, register, promote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from storecast import __version__
from storecast.forecasting.backtest import Backtest
from storecast.forecasting.calendar import Calendar, calendar_state
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel, known_ahead
from storecast.forecasting.plausible import smoke_forecast
from storecast.forecasting.promotion import Check, GateReport
from storecast.forecasting.quality import SalesData, SalesSource
from storecast.forecasting.scores import scores
from storecast.forecasting.state import to_state
from storecast.jobs.cards import describe
from storecast.jobs.checks import check_events, check_horizon
from storecast.jobs.judging import Case, judged, verdict
from storecast.jobs.keepsakes import data_facts, keepsakes
from storecast.jobs.lineage import Lineage, came_from
from storecast.jobs.promote import GATE, GATE_REASON, NOT_PASSED, check_unmoved, promote, verdict_tag
from storecast.ports import ArtifactContent, ModelVersion, Registry, Releases, ReportWriter, RunReport

__all__ = ["TrainRequest", "TrainResult", "content_of", "train"]

WhatIf = Callable[[ArtifactContent], float]
_WHAT_IF_SECONDS = 0.1  # in which a what-if on one series is answered
_NO_ADVANCE: Callable[[str, float], None] = lambda stage, share: None  # noqa: E731


@dataclass(frozen=True)
class TrainRequest:
    """``gate_windows`` cutoffs, ``gate_horizon`` weeks ahead each and as far apart, judge the model, or
    more where these test too few weeks; ``promote``: make what serves the champion."""

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
    what_if: WhatIf | None = None,
    advance: Callable[[str, float], None] = _NO_ADVANCE,
) -> TrainResult:
    """Read the sales at ``path``, fit, judge, register, promote and publish in ``releases``.

    The long work is done ``alone``, which raises ConflictError where another makes a version just now. So
    does a champion that was moved meanwhile: what was made is registered then, and not promoted. Raises
    DataError, RequestError, RegistryError or ArtifactError, each before the long work where it can be known.
    What is to serve is the model if it beats both naives beyond noise, else the better naive; both are
    registered. It is promoted where the gate decides so: see ``promotion.against``. ``what_if``: the seconds
    that the service takes for a what-if on a version, for the gate.
    """
    check_horizon(request.config.horizon)
    data = source.read(path)
    panel = Panel.from_frame(data.panel)
    check_events(events, panel)
    with alone():
        return _trained(
            data,
            panel,
            registry,
            path,
            request,
            calendar,
            created,
            events,
            writer,
            releases,
            what_if,
            advance,
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
    what_if: WhatIf | None,
    advance: Callable[[str, float], None],
) -> TrainResult:
    champion = registry.champion(request.name)  # away, it is known now and not after the fits
    case = Case(
        panel,
        data.digest,
        request.config,
        calendar,
        events,
        request.gate_windows,
        min(request.gate_horizon, request.config.horizon),
        request.levels,
        request.unit,
    )
    test = judged(case, lambda share: advance("Back-test", share))
    gate = verdict(case, test, registry, champion, lambda share: advance("Compare", share))
    model = request.config.model
    fits = [model] if gate.serves == model else [model, gate.serves]
    if test is None:
        fits = [gate.serves]
    future = known_ahead(panel, data.future, request.config.horizon)
    versions: list[ModelVersion] = []
    forecaster: Forecaster | None = None
    for i, name in enumerate(fits):
        config = replace(request.config, model=name)
        forecaster = Forecaster.fit(
            panel,
            config,
            calendar,
            events,
            known_future=future,
            advance=lambda share: advance("Fit", share),
        )
        advance("Register", i / len(fits))
        metrics = {} if test is None else _metrics(test, name)
        if last := i == len(fits) - 1:
            gate, seconds = _tried(gate, forecaster, calendar, what_if)
            metrics |= seconds
        report = RunReport(
            request.name,
            created,
            path,
            request.unit,
            data.report,
            panel,
            calendar,
            forecaster,
            test,
            gate,
            0,
        )
        pictures = writer.pictures(report) if writer else {}
        tag = verdict_tag(gate) if last else NOT_PASSED
        line = Lineage()
        if last:
            line = came_from(registry, champion, forecaster, panel, calendar, events, future)
        versions.append(_register(registry, report, data, tag, metrics, pictures, line))
    advance("Register", 1.0)
    assert forecaster is not None
    promoted = request.promote and gate.decision == "promote"
    if promoted:
        check_unmoved(registry, versions[-1], champion)
        number = versions[-1].version
        promote(registry, request.name, number, who=request.who, why=gate.reason, releases=releases)
    return TrainResult(
        data,
        panel,
        test,
        gate,
        forecaster,
        versions[-1],
        versions[0] if len(versions) > 1 else None,
        promoted,
    )


def _tried(
    gate: GateReport, forecaster: Forecaster, calendar: Calendar, what_if: WhatIf | None
) -> tuple[GateReport, dict[str, float]]:
    """``gate`` once the fitted model has answered, as the service would have it; and how fast it was."""
    reasons = smoke_forecast(forecaster)
    checks = [
        Check("smoke", not reasons, "; ".join(reasons) or "every forecast and band is there and finite")
    ]
    figures = {}
    if what_if is not None and not reasons:
        seconds = what_if(content_of(forecaster, calendar=calendar_state(calendar)))
        figures["what_if_seconds"] = seconds
        fast = seconds <= _WHAT_IF_SECONDS
        said = "within" if fast else "only after"
        checks.append(Check("latency", fast, f"a what-if is answered {said} {_WHAT_IF_SECONDS:g} s"))
    gate = replace(gate, checks=(*gate.checks, *checks))
    if failed := [check for check in checks if not check.passed]:
        return replace(gate, decision="refuse", reason=f"{gate.reason} But {failed[0].text}."), figures
    return gate, figures


def content_of(forecaster: Forecaster, **more: object) -> ArtifactContent:
    """The artifact of a fitted forecaster; ``more`` goes into its metadata."""
    arrays, texts, meta = to_state(forecaster)
    return ArtifactContent(arrays, texts, {**meta, "code_version": __version__, **more})


def _register(
    registry: Registry,
    report: RunReport,
    data: SalesData,
    verdict: str,
    metrics: dict[str, float],
    pictures: dict[str, bytes],
    line: Lineage,
) -> ModelVersion:
    forecaster, gate = report.forecaster, report.gate
    config = forecaster.config
    known = {n: v for n, v in metrics.items() if n != "what_if_seconds"}  # the same model, the same artifact
    more = {"metrics": known, "gate": gate.as_dict(), "calendar": calendar_state(report.calendar)}
    more["planning"] = keepsakes(report.panel, report.backtest)
    more["data"] = data_facts(data, report.panel, config.horizon)
    content = content_of(forecaster, data_digest=data.digest, **more, **line.facts)
    made = registry.register(
        report.name,
        replace(content, arrays={**content.arrays, **line.arrays}),
        params=_flat(asdict(config)) | {"boosting_weight": forecaster.correction.weight},
        metrics=metrics,
        tags={
            "model": config.model,
            "data_digest": data.digest,
            "cutoff": str(forecaster.cutoff),
            "series": str(len(forecaster.keys)),
            GATE: verdict,
            GATE_REASON: gate.reason[:4000],
        },
        files=pictures,
    )
    describe(registry, made, report.unit)
    return made


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
