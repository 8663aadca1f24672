"""Where versions come from: what each keeps of the way from its parent, and the line between two of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError

__all__ = ["BRIDGE", "BRIDGES", "Table", "path", "same_inputs"]

Cents = NDArray[np.int64]
BRIDGES = ("actuals", "model")  # a version's intermediate forecasts: after that step
BRIDGE = "bridge_"  # before their names, in artifacts
_FACTS = ("lineage", "update", "data_digest", "calendar", "events", "learnt")


def _cents(dollars: NDArray[np.float64]) -> Cents:
    return np.rint(np.nan_to_num(dollars) * 100.0).astype(np.int64)


@dataclass(frozen=True)
class Table:
    """One version as far as changes need it: whole cents ``point`` (H, N) of ``weeks`` and ``keys``, levels
    of the hierarchy as (keys, place of each series), and ``bridges``: (H, N) intermediate forecasts on the
    way from ``parent`` (a digest, "" for none). ``facts``: its metadata; ``future``: inputs of the weeks
    ahead."""

    version: int
    digest: str
    keys: NDArray[np.str_]
    weeks: NDArray[np.datetime64]
    point: Cents
    levels: Mapping[str, tuple[NDArray[np.str_], NDArray[np.int64]]]
    bridges: Mapping[str, Cents]
    facts: Mapping[str, Any]
    future: Mapping[str, NDArray[np.generic]]

    @classmethod
    def of(
        cls, version: int, digest: str, arrays: Mapping[str, NDArray[np.generic]], meta: Mapping[str, Any]
    ) -> Table:
        """From a version's artifact."""
        a: dict[str, Any] = dict(arrays)
        return cls(
            version,
            digest,
            a["keys"],
            a["weeks"].astype("datetime64[D]"),
            _cents(a["point"]),
            {name: (a[f"{name}_keys"], a[f"{name}_of"]) for name in meta["levels"]},
            {name: _cents(a[BRIDGE + name]) for name in BRIDGES if BRIDGE + name in a},
            {name: meta.get(name) for name in _FACTS},
            {name: values for name, values in a.items() if name.startswith("input_future_")},
        )

    @property
    def parent(self) -> str:
        """The digest of the version that it came from; "" where that is not recorded."""
        made = self.facts["lineage"] or self.facts["update"] or {}
        return str(made.get("digest", ""))

    @property
    def updated(self) -> bool:
        """Whether it took new weeks with what its parent had learnt, and nothing was fitted."""
        return bool(self.facts["update"])

    def level_of(self, name: str) -> str:
        """The lowest level that knows ``name``; raises RequestError where none does."""
        for level, (keys, _) in self.levels.items():
            if (keys == name).any():
                return level
        raise RequestError(
            f"There is nothing called {name!r} in version {self.version}.",
            expected="a series, a store or total",
            found=name,
            remedy="See /v1/series for what is forecast.",
        )

    def members(self, name: str, level: str) -> NDArray[np.int64]:
        """Columns of ``point`` that add up to ``name``; none where it is not known."""
        if level not in self.levels:
            return np.flatnonzero(self.keys == name)
        keys, of = self.levels[level]
        at = np.flatnonzero(keys == name)
        return np.flatnonzero(of == at[0]) if at.size else at

    def row(self, ds: np.datetime64) -> int | None:
        """The place of a week; None where it is not forecast."""
        at = np.flatnonzero(self.weeks == ds)
        return int(at[0]) if at.size else None


def path(before: Table, after: Table, find: Callable[[str], Table | None]) -> list[Table]:
    """Versions from ``before`` to ``after`` by their parents, as ``find`` has them by digest; both ends alone
    where the line is broken."""
    line = [after]
    while line[-1].digest != before.digest:
        parent = line[-1].parent
        if not parent or any(parent == seen.digest for seen in line):
            return [before, after]
        found = before if parent == before.digest else find(parent)
        if found is None:
            return [before, after]
        line.append(found)
    return line[::-1] if len(line) > 1 else [before, after]


def same_inputs(before: Table, after: Table) -> bool:
    """Whether both know the same calendar, events and inputs ahead, as far as that is recorded."""
    if before.facts["calendar"] != after.facts["calendar"]:
        return False
    first, second = _events(before), _events(after)
    if first is None or second is None or first != second:
        return False
    if before.future.keys() != after.future.keys():
        return False
    return not after.future or _same_future(before, after)


def _events(table: Table) -> Any:
    """The known events; None where there were some and they are not recorded."""
    if table.facts["events"] is not None:
        return table.facts["events"]
    return None if (table.facts["learnt"] or {}).get("events") else []


def _same_future(before: Table, after: Table) -> bool:
    """Whether inputs of the weeks that both forecast are the same."""
    mine, theirs = np.isin(before.weeks, after.weeks), np.isin(after.weeks, before.weeks)
    columns, others = np.isin(before.keys, after.keys), np.isin(after.keys, before.keys)
    for name, values in before.future.items():
        first = np.asarray(values, dtype=np.float64)[mine][:, columns]
        second = np.asarray(after.future[name], dtype=np.float64)[theirs][:, others]
        if not np.array_equal(first, second, equal_nan=True):
            return False
    return True
