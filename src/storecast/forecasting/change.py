"""Why a forecast moved from one version to another, in cents that add up exactly.

The way from the earlier number to the later one goes over intermediate forecasts in a fixed order: the
earlier model on the new sales (``actuals``), the new model on them (``model``), then with the new events,
calendar and inputs (``inputs``), then what planners said (``override``). What each step changed is its part.
An intermediate forecast is kept with a version when it is made; where one is missing, its two steps are told
as one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.lineage import Table, same_inputs
from storecast.forecasting.overrides import settled

__all__ = ["PARTS", "Change", "Part", "change", "change_with", "moved_by"]

PARTS = {
    "actuals": "New sales",
    "model": "New model",
    "inputs": "New events, calendar or inputs",
    "override": "Overrides",
}


class _Override(Protocol):
    @property
    def mode(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def who(self) -> str: ...
    @property
    def why(self) -> str: ...


S = TypeVar("S", bound=_Override)


@dataclass(frozen=True)
class Part:
    """``cents`` by which one step, or two that cannot be told apart, moved a forecast; ``text``: why it is
    what it is, "" where the number says all."""

    name: str
    title: str
    cents: int
    text: str = ""


@dataclass(frozen=True)
class Change:
    """How the forecast of ``unique_id`` for the week ``ds`` moved, in cents: ``before`` plus all ``parts`` is
    ``after``."""

    unique_id: str
    ds: str
    before: int
    after: int
    parts: tuple[Part, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it, in dollars."""
        return {
            "unique_id": self.unique_id,
            "ds": self.ds,
            "before": self.before / 100,
            "after": self.after / 100,
            "change": (self.after - self.before) / 100,
            "parts": [
                {"name": p.name, "title": p.title, "dollars": p.cents / 100, "text": p.text}
                for p in self.parts
            ],
        }


def change(
    line: Sequence[Table],
    unique_id: str,
    ds: str,
    *,
    level: str | None = None,
    overrides: tuple[int, int] = (0, 0),
    override_text: str = "",
) -> Change:
    """How the forecast moved along ``line``, versions from the earlier to the later.

    ``overrides``: cents that planners moved it by, before and after. Raises RequestError where either end
    does not forecast that series, store or total, or that week.
    """
    level = line[-1].level_of(unique_id) if level is None else level
    day = np.datetime64(ds, "D")
    for end in (line[0], line[-1]):
        if end.row(day) is None or not (end.members(unique_id, level).size or level != "series"):
            raise _not_there(end, unique_id, ds)
    moved: dict[tuple[str, ...], int] = {}
    texts: dict[str, str] = {}
    first = _at(line[0], line[0].point, unique_id, level, day)
    for before, after in pairwise(line):
        hop, said = _hop(before, after, unique_id, level, day)
        texts |= said
        for names, cents in hop:
            moved[names] = moved.get(names, 0) + cents
    last = _at(line[-1], line[-1].point, unique_id, level, day)
    parts = _parts(moved, texts)
    then, now = overrides
    parts.append(Part("override", PARTS["override"], now - then, override_text or _said(then, now)))
    return Change(unique_id, ds, first + then, last + now, tuple(parts))


def moved_by(
    table: Table, said: Mapping[tuple[str, str], S], unique_id: str, ds: str, level: str
) -> tuple[int, list[S]]:
    """Cents by which the overrides that count, by series and week, move one number of ``table``; and which
    they are."""
    row = table.row(np.datetime64(ds, "D"))
    if row is None or not said:
        return 0, []
    members = set(table.members(unique_id, level).tolist())
    found, cents = [], 0
    for (name, week), override in said.items():
        if week != ds or override.value is None:
            continue
        column = int(np.searchsorted(table.keys, name))
        if column in members and table.keys[column] == name:
            own = int(table.point[row, column])
            found.append(override)
            cents += round(settled(own / 100, override.mode, override.value) * 100.0) - own
    return cents, found


def change_with(
    line: Sequence[Table],
    unique_id: str,
    ds: str,
    level: str,
    *,
    then: Mapping[tuple[str, str], S],
    now: Mapping[tuple[str, str], S],
    answered: int | None = None,
) -> Change:
    """``change`` with what planners said: the overrides that counted ``then`` and count ``now``, by series
    and week; ``answered``: cents of the answer then, where that is known. Raises as ``change`` does."""
    before, _ = moved_by(line[0], then, unique_id, ds, level)
    if answered is not None:
        before = answered - _at(line[0], line[0].point, unique_id, level, np.datetime64(ds, "D"))
    after, present = moved_by(line[-1], now, unique_id, ds, level)
    return change(
        line, unique_id, ds, level=level, overrides=(before, after), override_text=_in_words(present)
    )


def _in_words(said: Iterable[_Override]) -> str:
    """Whose overrides, and why; the first three."""
    words = [f"{o.who}: {o.why}" for o in said]
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return "; ".join(words[:3]) + more


def _said(then: int, now: int) -> str:
    if then == now:
        return "none, then or now" if not then else "the same as then"
    return ""


def _at(table: Table, values: NDArray[np.int64], name: str, level: str, day: np.datetime64) -> int:
    row = table.row(day)
    return 0 if row is None else int(values[row, table.members(name, level)].sum())


def _hop(
    before: Table, after: Table, name: str, level: str, day: np.datetime64
) -> tuple[list[tuple[tuple[str, ...], int]], dict[str, str]]:
    """What each step between two versions moved, steps that cannot be told apart together; and why those
    that moved nothing did not."""
    start, end = (_at(t, t.point, name, level, day) for t in (before, after))
    child = after.parent == before.digest
    known: list[int | None] = [start, None, None, end]
    texts = {}

    def bridge(step: str) -> int | None:
        values = after.bridges.get(step) if child else None
        return None if values is None else _at(after, values, name, level, day)

    known[1], known[2] = bridge("actuals"), bridge("model")
    if before.facts["data_digest"] and before.facts["data_digest"] == after.facts["data_digest"]:
        known[1] = start
        texts["actuals"] = "both are made from the same sales"
    if same_inputs(before, after):
        known[2] = end
        texts["inputs"] = "events, calendar and inputs are the same"
    if child and after.updated:
        texts["model"] = "nothing was fitted: the new weeks were taken with what had been learnt"
        if known[2] is not None:
            known[1] = known[2]
        elif known[1] is not None:
            known[2] = known[1]
        else:  # nothing comes from the model; the other two cannot be told apart
            return [(("model",), 0), (("actuals", "inputs"), end - start)], texts
    out: list[tuple[tuple[str, ...], int]] = []
    names: tuple[str, ...] = ()
    at = start
    for step, value in zip(("actuals", "model", "inputs"), known[1:], strict=True):
        names = (*names, step)
        if value is not None:
            out.append((names, value - at))
            names, at = (), value
    return out, texts


def _parts(moved: Mapping[tuple[str, ...], int], texts: Mapping[str, str]) -> list[Part]:
    """Each step by its name, $0 where it moved nothing or is told with another one."""
    together = [names for names in moved if len(names) > 1]
    out = []
    for step in ("actuals", "model", "inputs"):
        cents = moved.get((step,), 0)
        shared = next((names for names in together if step in names), None)
        if shared and not cents:
            others = " and ".join(PARTS[n].lower() for n in shared if n != step)
            text = f"told together with {others}: the forecast in between was not kept"
        else:
            text = "" if cents else texts.get(step, "it moved nothing")
        out.append(Part(step, PARTS[step], cents, text))
    for names in together:
        title = " and ".join(PARTS[n] if i == 0 else PARTS[n].lower() for i, n in enumerate(names))
        out.append(Part("_and_".join(names), title, moved[names]))
    return out


def _not_there(table: Table, name: str, ds: str) -> RequestError:
    first, last = table.weeks[0], table.weeks[-1]
    return RequestError(
        f"Version {table.version} has no forecast of {name!r} for the week {ds}.",
        expected=f"a series that both versions forecast, in weeks of {first} to {last}",
        found=f"{name}, {ds}"[:80],
        remedy="Ask for a week that both versions forecast.",
    )
