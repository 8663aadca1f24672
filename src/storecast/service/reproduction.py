"""A logged answer made again from the version that gave it and from what was asked: number by number, bit
for bit, by the functions that answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.ports import Entry, ModelVersion
from storecast.ports.records import Override
from storecast.service.champion import Champion, column_names
from storecast.service.classic import Gathered
from storecast.service.modelled import answered_at_once
from storecast.service.overridden import over
from storecast.service.predicting import look_up_one
from storecast.service.readback import UNREADABLE, Logged, in_words, logged_rows
from storecast.service.routes.explanations import explained
from storecast.service.schemas.whatif import WhatIfRequest
from storecast.service.whatif import what_if
from storecast.stores.forecast_log.blobs import blob_digest

__all__ = ["Difference", "Reproduction", "reproduce", "version_faults"]

Float = NDArray[np.float64]
_SHOWN = 20  # differences that are named one by one


@dataclass(frozen=True)
class Difference:
    """One number that is another; ``logged`` or ``rebuilt`` is None where there is none."""

    unique_id: str
    ds: str
    column: str
    logged: float | None
    rebuilt: float | None


@dataclass(frozen=True)
class Reproduction:
    """``numbers`` that were compared, of which ``different`` are not the same, the first of them by name;
    ``faults``: what else is wrong with the entry, in words."""

    id: str
    kind: str
    model: str
    version: int
    digest: str
    data_digest: str
    cutoff: str
    rows: int
    numbers: int
    different: int
    differences: tuple[Difference, ...]
    faults: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether every number came out as it was answered."""
        return not self.different and not self.faults and self.numbers > 0


def reproduce(champion: Champion, entry: Entry) -> Reproduction:
    """``entry`` compared with what ``champion``, the version with its digest, says to the same question now.

    Raises RequestError for a kind of answer that is not made from a version alone.
    """
    if entry.kind not in _KINDS:
        raise RequestError(
            f"An answer of kind {entry.kind!r} cannot be made again.",
            where=f"entry {entry.id}",
            expected=", ".join(_KINDS),
            found=entry.kind[:80],
            remedy="Ask for the answers that it was made from.",
        )
    faults = []
    if entry.rows_blob is not None and (wrong := _blob_fault(entry)):
        faults.append(wrong)
    rows, asked = Logged([], [], {}), {}
    try:
        rows, asked = logged_rows(entry), msgspec.json.decode(entry.inputs)
    except UNREADABLE as error:
        faults.append(f"the entry cannot be read ({in_words(error)})")
    if rows.names and len(rows.names) != entry.rows:
        faults.append(f"rows: the entry says {entry.rows}, and holds {len(rows.names)}")
    rebuilt: Mapping[str, Float] = {}
    if rows.names and not (entry.rows_blob is not None and faults):
        try:
            said = [_override(item) for item in asked.get("overrides", ())]
            faults += _overrides_faults(champion, asked.get("overrides", ()))
            rebuilt = _KINDS[entry.kind](over(champion, said), entry, asked, rows)
        except UNREADABLE as error:
            faults.append(f"the question cannot be asked again ({in_words(error)})")
    differences = list(_differences(rows, rebuilt)) if rebuilt else []
    return Reproduction(
        entry.id,
        entry.kind,
        entry.model,
        entry.version,
        entry.digest,
        str(champion.facts.get("data_digest", "")),
        champion.cutoff,
        len(rows.names),
        len(rows.names) * len(rebuilt),
        len(differences),
        tuple(differences[:_SHOWN]),
        tuple(faults),
    )


def version_faults(entry: Entry, versions: Iterable[ModelVersion]) -> tuple[str, ...]:
    """What in an entry does not agree with the registered ``versions`` of its model, in words."""
    named = next((v for v in versions if v.version == entry.version), None)
    if named is None or named.digest == entry.digest:
        return ()
    return (f"version: {entry.version} is registered with digest {named.digest[:12]}…",)


def _blob_fault(entry: Entry) -> str:
    assert entry.rows_blob is not None
    try:
        same = blob_digest(entry.rows_blob) == entry.rows_digest
    except UNREADABLE as error:
        return f"rows_blob is damaged ({in_words(error)})"
    return "" if same else "rows_blob or rows_digest was changed: they do not belong together"


def _override(item: Mapping[str, Any]) -> Override:
    mode, value = str(item["mode"]), float(item["value"])
    return Override(str(item["id"]), 0, str(item["unique_id"]), str(item["ds"]), value, "", "", mode)


def _overrides_faults(champion: Champion, said: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where the model's number noted with an override is not the version's."""
    view, out = champion.views["series"], []
    for item in said:
        own = view.point.item(champion.week_at[item["ds"]], view.place[item["unique_id"]])
        if own != item["model"]:
            out.append(f"override {item['id']}: the model's number is noted as {item['model']}, it is {own}")
    return out


def _levels(asked: Mapping[str, Any], rows: Logged) -> tuple[float, ...]:
    """The bands that were answered: as asked, else by the names of their columns."""
    given = asked.get("levels")
    if given is None:
        head = "storecast-lo-"
        given = [name.removeprefix(head) for name in rows.columns if name.startswith(head)]
    return tuple(sorted({float(level) for level in given}))


def _places(champion: Champion, by: str, rows: Logged) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    view = champion.view(by)
    place = [view.find(name) for name in rows.names]
    return np.array(place, dtype=np.int64), np.array([champion.week(w) for w in rows.weeks], dtype=np.int64)


def _forecast(champion: Champion, entry: Entry, asked: Any, rows: Logged) -> Mapping[str, Float]:
    levels = _levels(asked, rows)
    place, week = _places(champion, asked["by"], rows)
    return _named(levels, champion.view(asked["by"]).columns(place, week, levels))


def _prediction(champion: Champion, entry: Entry, asked: Any, rows: Logged) -> Mapping[str, Float]:
    if "by" in asked and "given" not in asked:  # MLflow's protocol, by series
        return _forecast(champion, entry, asked, rows)
    levels, week = _levels(asked, rows), [champion.week(w) for w in rows.weeks]
    series, sums = champion.views["series"], champion.view("store")
    if entry.rows_blob is None:
        by = asked.get("by") or ("series" if rows.names[0] in series.place else sums.by)
        place = champion.views[by].find(rows.names[0])
        columns = look_up_one(champion, by, place, week[0], asked["given"], levels)[0]
        return _named(levels, [np.array([value]) for value in columns])
    stores = [int(name not in series.place) for name in rows.names]
    place_of = [(sums if s else series).find(n) for n, s in zip(rows.names, stores, strict=True)]
    gathered = Gathered(
        np.array(stores, np.int8), np.array(place_of, np.int32), np.array(week, np.int16), rows.given
    )
    found = answered_at_once(champion, gathered, levels)
    return _named(levels, [column[found.of] for column in found.columns])


def _what_if(champion: Champion, entry: Entry, asked: Any, rows: Logged) -> Mapping[str, Float]:
    question = msgspec.convert({n: v for n, v in asked.items() if n != "scenario"}, WhatIfRequest)
    levels = _levels({"levels": question.levels}, rows)
    if rows.weeks != champion.weeks[: question.horizon] or entry.series != question.series:
        raise ValueError("its rows are not those of its question")
    made = what_if(champion, question, levels).scenario
    return _named(levels, [np.array(column) for column in made])


def _explanation(champion: Champion, entry: Entry, asked: Any, rows: Logged) -> Mapping[str, Float]:
    weeks = [champion.week(week) + 1 for week in rows.weeks]
    made = explained(champion, entry.series, weeks, asked["by"])
    return {"storecast": np.array([item.as_dict()["forecast"] for item in made], dtype=np.float64)}


_KINDS = {
    "forecast": _forecast,
    "prediction": _prediction,
    "invocation": _prediction,
    "what-if": _what_if,
    "explanation": _explanation,
}


def _named(levels: Sequence[float], columns: Sequence[Float]) -> Mapping[str, Float]:
    return dict(zip(column_names(levels), columns, strict=True))


def _differences(rows: Logged, rebuilt: Mapping[str, Float]) -> Iterable[Difference]:
    """Numbers whose bits are not the same, and columns that only one side has."""
    nothing = np.full(len(rows.names), np.nan)
    for name in dict.fromkeys([*rows.columns, *rebuilt]):
        one = np.ascontiguousarray(rows.columns.get(name, nothing))
        other = np.ascontiguousarray(rebuilt.get(name, nothing))
        for at in np.flatnonzero(one.view(np.int64) != other.view(np.int64)).tolist():
            values = [float(v[at]) if np.isfinite(v[at]) else None for v in (one, other)]
            yield Difference(rows.names[at], rows.weeks[at], name, *values)
