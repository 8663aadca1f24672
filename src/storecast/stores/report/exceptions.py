"""What stands out, so that nobody has to read every store, and the table of all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from storecast.forecasting.forecaster import Forecaster
from storecast.ports import RunReport
from storecast.stores.report.accuracy import RECENT, Accuracy, Miss, recent_misses
from storecast.stores.report.figures import NEAR, Change, changes, coverages, entity_level, lines
from storecast.stores.report.sparks import spark, tile
from storecast.stores.report.tables import (
    Column,
    Table,
    losers_table,
    misses_table,
    movers,
    movers_table,
)
from storecast.stores.report.words import Words, counted, listed, percent, share

__all__ = ["Tile", "everyone", "misses", "moving", "tiles", "worse"]

_MOST, _MOST_TILES, _MOST_ROWS = 10, 12, 200
_MOVES = 0.03  # of last year: from here on a move is worth a look of its own


@dataclass(frozen=True)
class Tile:
    """A small picture of one store and why it is shown."""

    key: str
    why: str
    svg: Markup


def misses(report: RunReport) -> tuple[Miss, ...]:
    """Who was outside its band lately; nobody without a back-test or bands."""
    result = report.backtest
    return recent_misses(result, result.levels) if result is not None and result.levels else ()


def moving(report: RunReport, title: str, words: Words) -> list[Table]:
    """The largest rises and falls of the next quarter against last year."""
    forecaster, out = report.forecaster, list[Table]()
    level = entity_level(forecaster)
    kinds = [(level, title, "Rising most", "Falling most")]
    if level == "store":
        kinds.append(("series", "Store_department", "Departments rising most", "Departments falling most"))
    for at, noun, *titles in kinds:
        change = changes(forecaster, at, NEAR)
        for name, columns in zip(titles, movers(change, _MOST), strict=True):
            out.append(movers_table(name, noun, change, columns, words))
    return [table for table in out if table.rows]


def worse(
    report: RunReport, accuracy: Accuracy | None, missed: tuple[Miss, ...], title: str, words: Words
) -> list[Table]:
    """Who would be better off with a naive, and who was outside its band lately."""
    if accuracy is None or report.backtest is None:
        return []
    model, out = report.backtest.model, []
    if losers := [s for s in accuracy.by_store if s.added < 0]:
        name = f"Better off with a naive than with {model} ({len(losers):,}, worst first)"
        out.append(losers_table(name, title, losers[:_MOST], model, words))
    if missed:
        band = f"{coverages(report.backtest.levels)[0]:g} % band"
        name = f"Most of the last {RECENT} weeks outside the {band} ({len(missed):,})"
        out.append(misses_table(name, title, missed[:_MOST], words))
    return out


def _why(change: Change, accuracy: Accuracy | None, missed: tuple[Miss, ...]) -> dict[str, list[str]]:
    """Key -> reasons to look at it; what was missed lately first, then moves, then losers."""
    why: dict[str, list[str]] = {}
    for miss in missed[:4]:
        why.setdefault(miss.key, []).append(f"{miss.outside} of its last {miss.weeks} weeks outside the band")
    for columns in movers(change, 4):
        for i in columns:
            if abs(change.relative[i]) >= _MOVES:
                moved = percent(float(change.relative[i]), signed=True)
                why.setdefault(str(change.keys[i]), []).append(f"moves {moved} against last year")
    for loser in accuracy.by_store if accuracy is not None else ():
        if loser.added < 0 < loser.better and (loser.name in why or len(why) < _MOST_TILES):
            lost = percent(loser.wmae / loser.better - 1.0)
            why.setdefault(loser.name, []).append(f"error {lost} above that of its better naive")
    return dict(list(why.items())[:_MOST_TILES])


def tiles(report: RunReport, accuracy: Accuracy | None, missed: tuple[Miss, ...], words: Words) -> list[Tile]:
    """Small pictures of the stores (series without departments) that stand out, a dozen at most."""
    forecaster, out = report.forecaster, []
    level = entity_level(forecaster)
    column = {str(key): i for i, key in enumerate(forecaster.levels[level].keys)}
    bands = coverages(report.backtest.levels if report.backtest is not None else ())
    for key, reasons in _why(changes(forecaster, level, NEAR), accuracy, missed).items():
        line, text = lines(forecaster, level, column[key], bands, 52), listed(reasons)
        drawn = np.concatenate([line.history, line.point, *(v for band in line.bands.values() for v in band)])
        low, high = (words.short(float(v)) for v in (np.nanmin(drawn), np.nanmax(drawn)))
        out.append(Tile(key, text, tile(line, f"{key}: sales and forecast with bands; {text}.", low, high)))
    return out


def _columns(noun: str, windows: list[Change], model: str, noted: bool) -> tuple[Column, ...]:
    out = [Column(noun[:1].upper() + noun[1:], False, True), Column("A year, and what comes", False)]
    for change in windows:
        out += [Column(_next(change.weeks)), Column("against last year")]
    if model:
        out += [Column(f"Error of {model}"), Column("Value added"), Column("Band held")]
    return (*out, Column("Note", False, True)) if noted else tuple(out)


def _next(weeks: int) -> str:
    return "Next week" if weeks == 1 else f"Next {weeks} weeks"


def _windows(forecaster: Forecaster, level: str) -> list[Change]:
    horizon = len(forecaster.weeks)
    return [changes(forecaster, level, n) for n in sorted({min(NEAR, horizon), horizon})]


def everyone(report: RunReport, level: str, noun: str, accuracy: Accuracy | None, words: Words) -> Table:
    """Every key of ``level``, the largest first, 200 of them at most."""
    forecaster = report.forecaster
    windows = _windows(forecaster, level)
    near = windows[0]
    judged = accuracy is not None and report.backtest is not None and level == entity_level(forecaster)
    model = report.backtest.model if judged and report.backtest is not None else ""
    scores = {s.name: s for s in accuracy.by_store} if judged and accuracy is not None else {}
    held = accuracy.store_coverage if judged and accuracy is not None else {}
    noted = level == "series" and bool(forecaster.notes)
    rows = []
    for i in map(int, np.argsort(-near.forecast, kind="stable")[:_MOST_ROWS]):
        key = str(near.keys[i])
        row: list[str] = [
            key,
            spark(lines(forecaster, level, i, (), 52), f"{key}: sales and forecast"),
        ]
        for change in windows:
            row += [words.money(float(change.forecast[i])), percent(float(change.relative[i]), signed=True)]
        if model:
            score = scores.get(key)
            row += [words.money(score.wmae), words.money(score.added, signed=True)] if score else ["–", "–"]
            row.append(share(held[key]) if key in held else "–")
        rows.append((*row, forecaster.notes.get(key, "")) if noted else tuple(row))
    count = len(near.keys)
    many = counted(count, noun, "series" if noun == "series" else f"{noun}s")
    if count <= _MOST_ROWS:
        return Table(f"All {many}", _columns(noun, windows, model, noted), tuple(rows))
    title = f"The {_MOST_ROWS} largest of {many}"
    note = f"The {count - _MOST_ROWS:,} smaller ones are in the forecast file."
    return Table(title, _columns(noun, windows, model, noted), tuple(rows), note)
