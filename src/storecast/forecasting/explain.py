"""One forecast as dollars that add up exactly.

The forecast is built in a fixed order, and each step's dollars are what it changed: a telescoping sum.
Cents are settled series by series, so that steps add up to the forecast, and those of departments to those
of their store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from storecast.errors import ArtifactError, RequestError

__all__ = ["EXOGENOUS", "STEPS", "Explanation", "Step", "explain", "step_cents"]

Float = NDArray[np.float64]
Cents = NDArray[np.int64]
STEPS = {
    "last_year": "Same date last year",
    "growth": "Growth and recent level",
    "holiday": "Holiday and Easter",
    "residual": "Recent weeks ran above or below forecast",
    "boosting": "Boosting: pattern in what was left over",
    "limits": "Limits, closed weeks and rounding",
}
EXOGENOUS = ("temperature", "fuel_price", "cpi", "unemployment", "markdowns")
_USES_EXOGENOUS = ("boosting",)  # models that read them
_UNUSED = "$0, not used by this model"


class _Level(Protocol):
    @property
    def keys(self) -> NDArray[np.str_]: ...
    @property
    def of(self) -> NDArray[np.int64]: ...


class _Config(Protocol):
    @property
    def model(self) -> str: ...


class _Fitted(Protocol):
    """What is needed of a fitted forecaster."""

    @property
    def config(self) -> _Config: ...
    @property
    def weeks(self) -> NDArray[np.datetime64]: ...
    @property
    def keys(self) -> NDArray[np.str_]: ...
    @property
    def levels(self) -> Mapping[str, _Level]: ...
    @property
    def parts(self) -> Mapping[str, Float]: ...
    @property
    def notes(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Step:
    """One step of the forecast: ``name``, ``title`` in plain words, and what it changed, in ``cents``."""

    name: str
    title: str
    cents: int

    @property
    def dollars(self) -> float:
        """The change in dollars; add ``cents`` where sums must be exact."""
        return self.cents / 100


@dataclass(frozen=True)
class Explanation:
    """The forecast of ``unique_id`` (a series, a store or "total") for the week ``ds``, step by step.

    The ``cents`` of ``steps`` add up to the forecast; ``unused``: exogenous inputs that the model does not
    read; ``note``: what is unusual, "" for nothing.
    """

    unique_id: str
    ds: np.datetime64
    horizon: int
    cents: int
    steps: tuple[Step, ...]
    unused: tuple[str, ...]
    note: str = ""

    @property
    def forecast(self) -> float:
        """The point forecast in dollars."""
        return self.cents / 100

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it: dollars with two decimals, and a line for each input that is not used."""
        return {
            "unique_id": self.unique_id,
            "ds": str(self.ds),
            "horizon": self.horizon,
            "forecast": self.forecast,
            "steps": [{"name": s.name, "title": s.title, "dollars": s.dollars} for s in self.steps],
            "unused": [{"name": name, "dollars": 0.0, "text": _UNUSED} for name in self.unused],
            "note": self.note,
        }


def step_cents(running: Float) -> Cents:
    """(K, ...) whole cents that each of K steps adds, from (K, ...) dollars of the forecast after each step.

    They add up to the last, rounded to cents, by the method of the largest remainder; a step that changes
    nothing gets nothing.
    """
    exact = np.diff(running, axis=0, prepend=np.zeros_like(running[:1])) * 100.0
    total = np.rint(running[-1] * 100.0).astype(np.int64)
    whole = np.floor(exact).astype(np.int64)
    left = total - whole.sum(axis=0)
    # What is left is as many cents as there are remainders to raise: fewer than steps, but for the last bits
    # of large sums, which no remainder can carry and the last step, the rounding, takes.
    remainder = exact - whole
    order = np.argsort(-remainder, axis=0, kind="stable")
    rank = np.argsort(order, axis=0, kind="stable")
    cents: Cents = whole + (rank < left)
    cents[-1] += total - cents.sum(axis=0)
    return cents


def explain(
    fitted: _Fitted, unique_id: str, horizons: Sequence[int] | None = None, *, level: str | None = None
) -> list[Explanation]:
    """The forecasts of ``unique_id`` for ``horizons`` (weeks ahead, from 1; all without), explained.

    ``level``: "series", "store" or "total", by default the lowest that knows the name. Raises RequestError
    for an unknown name or level, or a horizon that was not forecast.
    """
    name, place = _find(fitted, unique_id, level)
    size = len(fitted.weeks)
    wanted = range(1, size + 1) if horizons is None else horizons
    if wrong := [h for h in wanted if not 1 <= h <= size]:
        raise RequestError(
            "A horizon is asked for that was not forecast.",
            expected=f"1 to {size} weeks ahead ({fitted.weeks[0]} to {fitted.weeks[-1]})",
            found=str(wrong[0]),
            remedy="Ask for one of these, or train with a longer horizon.",
        )
    at = fitted.levels[name]
    members = np.flatnonzero(at.of == place)
    model = fitted.config.model
    unused = () if model in _USES_EXOGENOUS else EXOGENOUS
    note = _note(fitted, members, model)
    if len(at.keys) == 1 and (ended := int((at.of < 0).sum())):
        ended_note = f"{ended} of {len(at.of)} series have ended and are not in this sum"
        note = f"{ended_note}; {note}" if note else ended_note
    out = []
    for h in wanted:
        running = np.stack([fitted.parts[step][h - 1, members] for step in STEPS])
        if not np.isfinite(running).all():
            raise ArtifactError(
                "The steps of this forecast are not all numbers.",
                where=f"{unique_id}, {h} weeks ahead",
                remedy="Train again; if it comes back, report it with the data's quality report.",
            )
        cents = step_cents(running).sum(axis=1)
        steps = tuple(Step(s, title, int(c)) for (s, title), c in zip(STEPS.items(), cents, strict=True))
        ds = np.datetime64(fitted.weeks[h - 1], "D")
        out.append(Explanation(str(at.keys[place]), ds, int(h), int(cents.sum()), steps, unused, note))
    return out


def _find(fitted: _Fitted, unique_id: str, level: str | None) -> tuple[str, int]:
    """The level that knows ``unique_id`` and its place there."""
    if level is not None and level not in fitted.levels:
        raise RequestError(
            f"This panel has no level {level!r}.",
            expected=" or ".join(fitted.levels),
            found=level,
            remedy="Choose one of the levels the panel has.",
        )
    names = tuple(fitted.levels) if level is None else (level,)
    for name in names:
        if (at := np.flatnonzero(fitted.levels[name].keys == unique_id)).size:
            return name, int(at[0])
    known = [str(key) for name in names for key in fitted.levels[name].keys[:3]]
    raise RequestError(
        f"There is nothing called {unique_id!r} to explain.",
        expected=f"a series, a store or total, such as {', '.join(known)}",
        found=unique_id,
        remedy="Check the spelling, or train on data that holds it.",
    )


def _note(fitted: _Fitted, members: NDArray[np.int64], model: str) -> str:
    notes = [fitted.notes[key] for key in fitted.keys[members].tolist() if key in fitted.notes]
    said = []
    if len(members) == 1:
        said += notes
    elif notes:
        said.append(f"{len(notes)} of {len(members)} series have less than a year of history of their own")
    if model in _USES_EXOGENOUS:
        said.append(
            f"{', '.join(EXOGENOUS)} are read by this model where the data has them; "
            "their share in a step is not told apart"
        )
    return "; ".join(said)
