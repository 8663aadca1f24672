"""What overrides were worth, by plain arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.forecasting.value_added import Judged, judged, value_added

WEEK = "2012-11-02"
KEY = ("1", WEEK)


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@dataclass(frozen=True)
class Said:
    """A row as the log has it."""

    id: str
    at: int
    who: str = "Ann"
    mode: str = "value"
    value: float | None = 90.0
    expires: int | None = None
    undoes: str | None = None
    model: float | None = 100.0
    naive: float | None = 130.0
    unique_id: str = "1"
    ds: str = WEEK


def test_judged_is_what_counted_when_the_week_ended() -> None:
    """Not what was said after, taken back before, or over by then; the model's number is that of its time."""
    before, after = _at("2012-10-20"), _at("2012-11-03")
    first, second = Said("a", before, "Ann"), Said("b", before + 1, "Bob", value=80.0)
    late = Said("c", after, "Cem", value=85.0)
    sold = {KEY: 85.0}
    (found,) = judged([late, second, first], sold)
    assert (found.id, found.who, found.override, found.model, found.naive, found.y) == (
        "b", "Bob", 80.0, 100.0, 130.0, 85.0,
    )  # fmt: skip
    gone = Said("d", before + 2, mode="undo", value=None, undoes="b")
    assert [j.id for j in judged([first, second, gone], sold)] == ["a"]
    too_late = Said("d", after + 2, mode="undo", value=None, undoes="b")
    assert [j.id for j in judged([first, second, too_late], sold)] == ["b"]
    over = Said("b", before + 1, "Bob", expires=_at("2012-11-01"))
    assert [j.id for j in judged([first, over], sold)] == ["a"]
    assert judged([first], {("1", "2012-11-09"): 1.0}) == []
    assert judged([Said("a", before, model=None)], sold) == []
    (percent,) = judged([Said("a", before, mode="percent", value=-10.0)], sold)
    assert percent.override == 90.0


def test_value_added_by_hand() -> None:
    """Three weeks: errors of 30, 10 and 5 dollars; 20, 10, 20; 0, 10, 10."""
    rows = [
        Judged("a", "1", WEEK, "Ann", 100.0, 130.0, 110.0, 95.0),
        Judged("b", "1", WEEK, "Ann", 100.0, 80.0, 90.0, 120.0),
        Judged("c", "1", WEEK, "Ann", 100.0, 100.0, 110.0, 90.0),
    ]
    found = value_added(rows)
    assert found is not None
    assert (found.rows, found.better) == (3, 1)
    assert found.as_dict()["naive_error"] == pytest.approx(50 / 3)
    assert found.model_error == pytest.approx(10.0)
    assert found.override_error == pytest.approx(35 / 3)
    assert found.model_added == pytest.approx(50 / 3 - 10)
    assert found.override_added == pytest.approx(10 - 35 / 3)
    assert found.ratio == pytest.approx(-1 / 6)
    assert value_added([]) is None
    perfect = value_added([Judged("a", "1", WEEK, "Ann", 1.0, 2.0, 1.0, 3.0)])
    assert perfect is not None
    assert perfect.ratio is None


@given(st.lists(st.tuples(*(st.floats(-1e6, 1e6) for _ in range(4))), min_size=1, max_size=30))
def test_steps_add_up(values: list[tuple[float, float, float, float]]) -> None:
    """What the model and the planner added is the naive's error minus the planner's."""
    found = value_added([Judged(str(i), "1", WEEK, "x", *row) for i, row in enumerate(values)])
    assert found is not None
    naive = sum(abs(n - y) for y, n, _, _ in values) / len(values)
    planner = sum(abs(o - y) for y, _, _, o in values) / len(values)
    assert found.model_added + found.override_added == pytest.approx(naive - planner, abs=1e-6)
