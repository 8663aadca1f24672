"""What overrides were worth: errors of the naive forecast, the model and the planner side by side.

Judged is what counted when a week ended, against what the model and the naive had forecast when it was
said. Forecast value added is the error of the step before minus the error of the step: the model's against
the naive, the planner's against the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from storecast.forecasting.overrides import Said, counting, settled

__all__ = ["NAIVE", "Judged", "Scores", "ValueAdded", "judged", "score", "value_added"]

NAIVE = "naive-growth"  # what value is added to
Reader = Callable[[list[str], str], Iterable[tuple[str, str, float]]]  # actuals of series, from a week on
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Said(Said, Protocol):
    @property
    def at(self) -> int: ...
    @property
    def who(self) -> str: ...
    @property
    def model(self) -> float | None: ...
    @property
    def naive(self) -> float | None: ...


@dataclass(frozen=True)
class Judged:
    """One week of one series whose sales ``y`` came: dollars of the naive, the model and the planner."""

    id: str
    unique_id: str
    ds: str
    who: str
    y: float
    naive: float
    model: float
    override: float


@dataclass(frozen=True)
class ValueAdded:
    """Mean absolute errors of ``rows`` overrides, dollars a week; ``better``: how many of them came nearer
    than the model."""

    rows: int
    better: int
    naive_error: float
    model_error: float
    override_error: float

    @property
    def model_added(self) -> float:
        """Error of the naive minus that of the model."""
        return self.naive_error - self.model_error

    @property
    def override_added(self) -> float:
        """Error of the model minus that of the planner."""
        return self.model_error - self.override_error

    @property
    def ratio(self) -> float | None:
        """The share of the model's error that planners took away; None where the model made none."""
        return self.override_added / self.model_error if self.model_error > 0 else None

    def as_dict(self) -> dict[str, float | int | None]:
        """As JSON has it."""
        return {**vars(self), "model_added": self.model_added, "override_added": self.override_added,
                "ratio": self.ratio}  # fmt: skip


def _end_of(ds: str) -> int:
    """Microseconds since 1970 when the week named ``ds`` is over."""
    day = datetime.fromisoformat(ds).replace(tzinfo=UTC) + timedelta(days=1)
    return (day - _EPOCH) // timedelta(microseconds=1)


def judged(said: Iterable[_Said], actuals: Mapping[tuple[str, str], float]) -> list[Judged]:
    """The overrides that counted when their week ended, by series and week; ``actuals``: (unique_id, ds) ->
    sales. What was said or taken back afterwards changes nothing."""
    by_key: dict[tuple[str, str], list[_Said]] = {}
    for row in said:
        by_key.setdefault((row.unique_id, row.ds), []).append(row)
    out = []
    for key in sorted(by_key.keys() & actuals.keys()):
        end = _end_of(key[1])
        found = counting([row for row in by_key[key] if row.at < end], end - 1).get(key)
        if found is None or found.value is None or found.model is None or found.naive is None:
            continue
        number = settled(found.model, found.mode, found.value)
        out.append(Judged(found.id, *key, found.who, actuals[key], found.naive, found.model, number))
    return out


def value_added(rows: Sequence[Judged]) -> ValueAdded | None:
    """Of some overrides; None of none."""
    if not rows:
        return None
    naive, model, override = (
        sum(abs(getattr(row, name) - row.y) for row in rows) / len(rows)
        for name in ("naive", "model", "override")
    )
    better = sum(abs(row.override - row.y) < abs(row.model - row.y) for row in rows)
    return ValueAdded(len(rows), better, naive, model, override)


@dataclass(frozen=True)
class Scores:
    """Forecast value added ``of_all`` overrides whose week has actuals (None where none has), and by planner
    and store."""

    of_all: ValueAdded | None
    by_planner: dict[str, ValueAdded]
    by_store: dict[str, ValueAdded]

    def as_dict(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "all": self.of_all.as_dict() if self.of_all else None,
            "planners": [{"who": k, **v.as_dict()} for k, v in self.by_planner.items()],
            "stores": [{"store": k, **v.as_dict()} for k, v in self.by_store.items()],
        }


def score(said: Sequence[_Said], read: Reader, stores: Mapping[str, str]) -> Scores:
    """Naive, model and override against what was sold, as ``read`` gives it; ``stores``: series -> store, of
    a series that is not in it the part of its key before the department's."""
    keys = {(row.unique_id, row.ds) for row in said}
    if not keys:
        return Scores(None, {}, {})
    series, first = sorted({key for key, _ in keys}), min(ds for _, ds in keys)
    sold = {(key, ds): y for key, ds, y in read(series, first) if (key, ds) in keys}
    rows = judged(said, sold)
    return Scores(
        value_added(rows),
        _by([(row.who, row) for row in rows]),
        _by([(stores.get(row.unique_id, row.unique_id.partition("_")[0]), row) for row in rows]),
    )


def _by(rows: Sequence[tuple[str, Judged]]) -> dict[str, ValueAdded]:
    groups: dict[str, list[Judged]] = {}
    for name, row in rows:
        groups.setdefault(name, []).append(row)
    made = {name: value_added(found) for name, found in sorted(groups.items())}
    return {name: value for name, value in made.items() if value is not None}
