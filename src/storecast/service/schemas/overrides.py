"""What planners said over forecasts, what it was worth, why forecasts moved, and what drives them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from storecast.service.schemas.common import Model

__all__ = ["ChangesAnswer", "DriversAnswer", "OverrideScores", "OverridesAnswer"]


class ChangePart(Struct):
    """What one step changed (``actuals``, ``model``, ``inputs``, ``override``), or two that cannot be told
    apart (``actuals_and_model`` and the like); ``text``: why it is what it is."""

    name: str
    title: str
    dollars: float
    text: str


class Changed(Struct):
    """How one forecast moved: ``before`` plus all ``parts`` is ``after``, exactly; both with the overrides
    that counted then and count now."""

    unique_id: str
    ds: str
    before: float
    after: float
    change: float
    parts: list[ChangePart]


class Compared(Struct):
    """What forecasts are compared with: a version as it was last answered, or one logged answer of it."""

    version: int
    digest: str
    answer: str | None


class ChangesAnswer(Struct):
    """Why forecasts of one series, store or total moved; ``id``: under which the answer is logged."""

    id: str
    model: Model
    unit: str
    since: Compared
    changes: list[Changed]


class DriverItem(Struct):
    """One step over all series and the weeks ahead from ``first`` to ``last``: mean absolute ``dollars`` that
    it changes a week, and their ``share`` of the mean absolute forecast."""

    first: int
    last: int
    name: str
    title: str
    dollars: float
    share: float


class TreeInputItem(Struct):
    """An input of the trees and the share of all gain that it earned."""

    name: str
    title: str
    share: float


class DriversAnswer(Struct):
    """What drives the forecasts of ``series`` series: all weeks ahead first, then by weeks ahead.

    ``tree_weight``: how much of what the trees say is applied, 0 without trees; ``tree_inputs``: what each of
    their inputs earned, the largest first."""

    model: Model
    unit: str
    series: int
    drivers: list[DriverItem]
    tree_weight: float
    tree_inputs: list[TreeInputItem]


class OverrideItem(Struct):
    """A person's word against a forecast, or an undo of one (``mode`` undo, ``undoes`` its id).

    ``value``: dollars instead of the model's (``mode`` value), dollars more (difference) or percent more
    (percent); ``state``: whether it counts now, or why not; ``model`` and ``naive``: what had been forecast
    when it was said, and ``version`` by which version; ``statement``: the id of all that was said at once."""

    id: str
    at: str
    unique_id: str
    ds: str
    mode: Literal["value", "difference", "percent", "undo"]
    value: float | None
    who: str
    why: str
    expires: str | None
    statement: str
    undoes: str | None
    model: float | None
    naive: float | None
    version: int | None
    state: Literal["counts", "undone", "expired", "replaced", "undo", "withdrawn"]


class OverridesAnswer(Struct):
    """Overrides; ``next``: what to give as ``before`` for more, null at the end."""

    overrides: list[OverrideItem]
    next: str | None


class ValueAdded(Struct, kw_only=True):
    """Mean absolute errors in dollars a week of ``rows`` overrides; ``better``: how many came nearer than the
    model; ``model_added``: the naive's error minus the model's; ``override_added``: the model's minus the
    planner's; ``ratio``: that as a share of the model's error."""

    rows: int
    better: int
    naive_error: float
    model_error: float
    override_error: float
    model_added: float
    override_added: float
    ratio: float | None


class PlannerScore(ValueAdded, kw_only=True):
    """Of one planner."""

    who: str


class StoreScore(ValueAdded, kw_only=True):
    """Of one store."""

    store: str


class OverrideScores(Struct):
    """What overrides were worth whose weeks have actuals: ``all`` (null where none has), by planner and
    store. Judged is what counted when the week ended, against what had been forecast when it was said."""

    unit: str
    all: ValueAdded | None
    planners: list[PlannerScore]
    stores: list[StoreScore]
