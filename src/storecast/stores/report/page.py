"""From a run to everything that the template shows."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
from markupsafe import Markup

from storecast.ports import RunReport
from storecast.stores.report import drawings, exceptions, tables
from storecast.stores.report.accuracy import measure
from storecast.stores.report.figures import NEAR, coverages, entity_level, last_year
from storecast.stores.report.reasons import largest
from storecast.stores.report.sentences import (
    accuracy_words,
    bands_words,
    coming_words,
    gate_words,
    headlines,
    nouns,
    quality_words,
)
from storecast.stores.report.words import Words, counted, day, moment

__all__ = ["page"]


def _commands(report: RunReport, key: str, program: str) -> list[tuple[str, str]]:
    """What one would do next, and the command that does it."""
    data, key = shlex.quote(report.source), shlex.quote(key)
    name = "" if report.name == "storecast" else f" --name {shlex.quote(report.name)}"
    half = min(26, len(report.forecaster.weeks))
    return [
        ("Forecasts as a file", f"{program} forecast {data} --horizon 13 --out forecast.csv{name}"),
        ("Why a number is what it is", f"{program} explain {data} {key} --week 1{name}"),
        (
            "How good it was at the horizon you plan by",
            f"{program} backtest {data} --horizon {half} --windows 2 --by store",
        ),
        ("The data's findings, row by row", f"{program} validate {data}"),
        ("What is registered, and what serves", f"{program} models list{name}"),
        ("Back to what served before", f"{program} models rollback --why 'reason'{name}"),
    ]


def page(report: RunReport, style: Markup, program: str) -> dict[str, Any]:
    """The template's values: texts, tables and pictures; nothing in them is markup but our own drawings.
    ``program`` is how ``storecast`` is called in a shell."""
    forecaster, result, words = report.forecaster, report.backtest, Words(report.unit)
    accuracy = measure(result) if result is not None else None
    names, level = nouns(report), entity_level(forecaster)
    noun, horizon = names[level], len(forecaster.weeks)
    title = noun[:1].upper() + noun[1:]
    reasons, missed = largest(forecaster), exceptions.misses(report)
    first, last = day(forecaster.weeks[0]), day(forecaster.weeks[-1])
    values: dict[str, Any] = {
        "style": style,
        "report": report,
        "weeks": f"{first} to {last}" if horizon > 1 else first,
        "made": moment(report.created),
        "zero": words.money(0.0),
        "horizon": counted(horizon, "week"),
        "near": counted(min(NEAR, horizon), "week"),
        "title": title,
        "headlines": headlines(report, accuracy, words),
        "coming": coming_words(report, words),
        "served": gate_words(report),
        "forecast": drawings.forecast_picture(report, coverages(result.levels if result else ()), words),
        "compared": bool(np.isfinite(last_year(forecaster)).any()),
        "moving": exceptions.moving(report, title, words),
        "worse": exceptions.worse(report, accuracy, missed, title, words),
        "tiles": exceptions.tiles(report, accuracy, missed, words),
        "everyone": [
            exceptions.everyone(report, at, names[at], accuracy, words)
            for at in dict.fromkeys((level, "series"))
        ],
        "reasons": reasons,
        "reasons_picture": drawings.reasons_picture(reasons, words),
        "gate": tables.gate_table(report.gate, words) if report.gate.segments else None,
        "quality": quality_words(report, words),
        "findings": tables.findings_table(report.quality) if report.quality.findings else None,
        "commands": _commands(report, reasons.key, program),
        "files": list(report.files.items()),
        "accuracy_words": [],
        "bands_words": [],
        "backtest": None,
        "accuracy": None,
        "coverage": None,
    }
    if result is not None and accuracy is not None:
        values |= {
            "accuracy_words": accuracy_words(result, accuracy, names, words),
            "bands_words": bands_words(result, accuracy, horizon, names, words),
            "backtest": drawings.backtest_picture(result, words),
            "accuracy": drawings.accuracy_picture(accuracy, result.model, words),
            "coverage": tables.coverage_table(accuracy, names, words) if accuracy.coverage else None,
        }
    return values
