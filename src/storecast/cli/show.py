"""Training and back-test results for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from storecast.cli.output import money, percent, screen, table

if TYPE_CHECKING:
    import pandas as pd

    from storecast.forecasting.backtest import Backtest
    from storecast.jobs.train import TrainResult

__all__ = ["backtest_dict", "show_backtest", "show_training", "training_dict"]

_SHOWN = 15


def backtest_dict(result: Backtest, by: str | None) -> dict[str, Any]:
    """The object ``backtest --json`` prints."""
    from storecast.forecasting.scores import as_dict

    return as_dict(result, by)


def _by_dept(result: Backtest) -> pd.DataFrame:
    from storecast.forecasting.scores import score_by

    return score_by(result.rows, result.rows["dept"], result.levels)


def show_backtest(result: Backtest, by: str | None, unit: str) -> None:
    """Tables of a back-test: in all, by horizon, by holiday, and the losers first by store or dept."""
    from storecast.forecasting.scores import scores

    report: dict[str, Any] = scores(result)
    cutoffs = ", ".join(str(c) for c in result.cutoffs)
    ahead = f", {result.horizon} weeks ahead, known up to {cutoffs}"
    screen.print(Text.assemble((result.model, "bold"), ahead))
    lines = [("series", report["all"]), *report["higher"].items()]
    _accuracy(
        "Accuracy (wmae: mean error, holiday weeks count 5 times; lower is better)", "level", lines, unit
    )
    _bands("Bands: coverage beside width", lines, result.levels, unit)
    buckets = sorted(_lines(report["by_horizon"]), key=lambda line: int(line[0].split("-")[0]))
    _accuracy("By weeks ahead", "weeks", buckets, unit)
    _accuracy("Holiday weeks", "weeks", _lines(report["by_holiday"]), unit)
    if by is not None:
        frame = _by_dept(result) if by == "dept" else report["by_store"]
        title = f"By {by}, least value added first"
        title += f" ({_SHOWN} of {len(frame)}; all with --json)" if len(frame) > _SHOWN else ""
        _accuracy(title, by, _lines(frame.head(_SHOWN)), unit)


def _lines(frame: pd.DataFrame) -> list[tuple[str, dict[str, float]]]:
    return [
        (str(key), {str(k): float(v) for k, v in row.items()}) for key, row in frame.to_dict("index").items()
    ]


def _accuracy(title: str, first: str, lines: list[tuple[str, dict[str, float]]], unit: str) -> None:
    columns = [first, "wmae", "seasonal naive", "naive x growth", "against the better", "wape", "bias"]
    rows = []
    for name, s in lines:
        better = min(s["wmae:seasonal-naive"], s["wmae:naive-growth"])
        rows.append(
            [
                name,
                money(s["wmae"], unit),
                money(s["wmae:seasonal-naive"], unit),
                money(s["wmae:naive-growth"], unit),
                percent(s["wmae"] / better - 1, "+") if better > 0 else "–",
                percent(s["wape"]),
                percent(s["bias"], "+"),
            ]
        )
    table(title, columns, rows)


def _bands(
    title: str, lines: list[tuple[str, dict[str, float]]], levels: tuple[float, ...], unit: str
) -> None:
    columns = ["level", *(f"{level:g} % band" for level in levels)]
    rows = [
        [
            name,
            *(
                f"covers {s[f'coverage-{level:g}']:.1f} %, {money(s[f'width-{level:g}'], unit)} wide"
                for level in levels
            ),
        ]
        for name, s in lines
    ]
    table(title, columns, rows)


_PASSED = {True: "passed", False: "not passed", None: "not judged"}


def show_training(result: TrainResult, unit: str) -> None:
    """What was fitted, how good it is, and the gate's verdict."""
    report = result.data.report
    screen.print(
        f"{report.rows:,} rows, {report.series:,} series, weeks {report.first_week} to {report.last_week}: "
        f"{report.status}"
    )
    for finding in report.findings:
        if finding.severity in ("repaired", "warned"):
            screen.print(f"  {finding.severity}: {finding.what}")
    if result.judged is not None:
        show_backtest(result.judged, None, unit)
    gate = result.gate
    colour = "green" if gate.passed and gate.decision == "promote" else "yellow"
    screen.print(Text.assemble(("Gate: ", colour), gate.reason))
    for check in gate.checks:
        screen.print(f"  {check.name}: {_PASSED[check.passed]}: {check.text}")
    if result.candidate is not None:
        screen.print(f"The model that did not pass is kept as version {result.candidate.version}.")
    verb = "serves as champion" if result.promoted else "is registered, not promoted"
    version = result.version
    screen.print(
        Text.assemble(
            (f"{version.name} version {version.version}", "bold"),
            f" ({result.forecaster.config.model}) {verb}.",
        )
    )


def training_dict(result: TrainResult) -> dict[str, Any]:
    """The object ``train --json`` prints."""
    return {
        "quality": result.data.report.as_dict(),
        "gate": result.gate.as_dict(),
        "backtest": None if result.judged is None else backtest_dict(result.judged, None),
        "name": result.version.name,
        "version": result.version.version,
        "model": result.forecaster.config.model,
        "digest": result.version.digest,
        "promoted": result.promoted,
        "candidate": None if result.candidate is None else result.candidate.version,
    }
