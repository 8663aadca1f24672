"""What a version's back-test says of each level."""

from __future__ import annotations

from typing import Any

from storecast.webapp.answers import Model
from storecast.webapp.records import Backtests, scores_of

_SERIES: dict[str, Any] = {"coverage-80": 81.0, "wmae": 5.0}
_TABLE: dict[str, list[Any]] = {
    "segment": ["series", "total"],
    "coverage-80": [81.0, 70.0],
    "wmae": [5.0, 60.0],
}


def _judged(**tables: dict[str, list[Any]]) -> Backtests:
    return Backtests(Model("storecast", 1, "d", "blend"), "2012-10-26", _SERIES, {}, tables=tables)


def test_figures_are_of_the_level_asked_for_where_it_has_some() -> None:
    """Of the total its own; of a level that was not kept those of series, told to be none of its own."""
    judged = _judged(level=_TABLE)
    assert scores_of(judged, "total") == ({"coverage-80": 70.0, "wmae": 60.0}, True)
    assert scores_of(judged, "series") == (_SERIES, True)
    assert scores_of(judged, "store") == scores_of(_judged(), "store") == (_SERIES, False)
