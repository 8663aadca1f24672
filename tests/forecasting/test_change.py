"""Why a forecast moved: parts of versions whose every number was chosen by hand add up to the cent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.errors import RequestError
from storecast.forecasting.change import Change, change
from storecast.forecasting.lineage import Table, path

KEYS = np.array(["1_1", "1_2", "2_1"])
OF = {"store": np.array([0, 0, 1]), "total": np.zeros(3, dtype=np.int64)}
WEEKS = np.datetime64("2012-11-02") + 7 * np.arange(5)
DAY = "2012-11-09"


def version(
    number: int, cents: Any, *, bridges: dict[str, Any] | None = None, first: int = 0, **facts: Any
) -> Table:
    """Three series of two stores; each row of ``cents`` is a week."""
    point = np.broadcast_to(np.array(cents, dtype=np.int64), (4, 3))
    weeks = WEEKS[first : first + 4]
    arrays: dict[str, Any] = {
        "keys": KEYS,
        "weeks": weeks,
        "point": point / 100,
        "series_keys": KEYS,
        "series_of": np.arange(3),
        "store_keys": np.array(["1", "2"]),
        "store_of": OF["store"],
        "total_keys": np.array(["total"]),
        "total_of": OF["total"],
    }
    for name, values in (bridges or {}).items():
        arrays[f"bridge_{name}"] = np.broadcast_to(np.array(values, dtype=np.int64), (4, 3)) / 100
    facts = {"data_digest": f"sales-{number}", "calendar": {}, "events": [], **facts}
    return Table.of(number, f"d{number}", arrays, {"levels": ["series", "store", "total"], **facts})


def _by_name(found: Change) -> dict[str, int]:
    assert found.before + sum(p.cents for p in found.parts) == found.after
    return {p.name: p.cents for p in found.parts}


def test_a_retrained_version() -> None:
    """The earlier model on the new sales tells their part; what the new model adds is the model's."""
    old = version(1, [100, 200, 300])
    new = version(2, [150, 210, 290], first=1, lineage={"digest": "d1"}, bridges={"actuals": [130, 205, 300]})
    assert _by_name(change([old, new], "1_1", DAY)) == {
        "actuals": 30,
        "model": 20,
        "inputs": 0,
        "override": 0,
    }
    assert _by_name(change([old, new], "1", DAY)) == {"actuals": 35, "model": 25, "inputs": 0, "override": 0}
    assert _by_name(change([old, new], "total", DAY)) == {
        "actuals": 35,
        "model": 15,
        "inputs": 0,
        "override": 0,
    }
    texts = {p.name: p.text for p in change([old, new], "1_1", DAY).parts}
    assert texts["inputs"] == "events, calendar and inputs are the same"
    assert texts["override"] == "none, then or now"


def test_an_update() -> None:
    """Nothing was fitted: all of it is the sales'."""
    old, new = version(1, [100, 200, 300]), version(2, [90, 200, 300], first=1, update={"digest": "d1"})
    found = change([old, new], "1_1", DAY)
    assert _by_name(found) == {"actuals": -10, "model": 0, "inputs": 0, "override": 0}
    assert "nothing was fitted" in found.parts[1].text
    moved = version(2, [90, 200, 300], first=1, update={"digest": "d1"}, events=[["closure"]])
    told = change([old, moved], "1_1", DAY)
    assert _by_name(told) == {"actuals": 0, "model": 0, "inputs": 0, "actuals_and_inputs": -10, "override": 0}


def test_new_events() -> None:
    """The new model under the old events tells the events' part; without it, both are one part."""
    old = version(1, [100, 200, 300])
    more: dict[str, Any] = {"first": 1, "lineage": {"digest": "d1"}, "events": [["closure", "2012-11-09"]]}
    both = {"actuals": [110, 200, 300], "model": [120, 200, 300]}
    new = version(2, [0, 200, 300], bridges=both, **more)
    assert _by_name(change([old, new], "1_1", DAY)) == {
        "actuals": 10,
        "model": 10,
        "inputs": -120,
        "override": 0,
    }
    less = version(2, [0, 200, 300], bridges={"actuals": [110, 200, 300]}, **more)
    found = change([old, less], "1_1", DAY)
    assert _by_name(found) == {
        "actuals": 10, "model": 0, "inputs": 0, "model_and_inputs": -110, "override": 0,
    }  # fmt: skip
    assert "told together with" in found.parts[1].text


def test_the_same_sales() -> None:
    """Another model on the same sales: none of it is theirs."""
    old = version(1, [100, 200, 300], data_digest="same")
    new = version(2, [150, 200, 300], data_digest="same")
    assert _by_name(change([old, new], "1_1", DAY)) == {"actuals": 0, "model": 50, "inputs": 0, "override": 0}


def test_an_intermediate_that_cannot_be_had() -> None:
    """Without the earlier model on the new sales, both are one part, and it says so."""
    found = change([version(1, [100, 200, 300]), version(2, [150, 210, 290], first=1)], "total", DAY)
    assert _by_name(found) == {
        "actuals": 0, "model": 0, "inputs": 0, "actuals_and_model": 50, "override": 0,
    }  # fmt: skip
    assert found.parts[3].title == "New sales and new model"
    assert "not kept" in found.parts[0].text


def test_over_several_versions() -> None:
    """Along the line of parents each hop's parts are added; a broken line is told from end to end."""
    one = version(1, [100, 200, 300])
    two = version(2, [130, 200, 300], update={"digest": "d1"})
    three = version(3, [170, 200, 300], lineage={"digest": "d2"}, bridges={"actuals": [135, 200, 300]})
    line = path(one, three, {"d2": two}.get)
    assert [t.version for t in line] == [1, 2, 3]
    assert _by_name(change(line, "1_1", DAY)) == {"actuals": 35, "model": 35, "inputs": 0, "override": 0}
    assert [t.version for t in path(one, three, lambda digest: None)] == [1, 3]
    assert [t.version for t in path(one, one, lambda digest: None)] == [1, 1]
    assert _by_name(change([one, one], "1_1", DAY))["model"] == 0


def test_overrides_are_a_part() -> None:
    """What planners moved it by then, and now."""
    old, new = version(1, [100, 200, 300]), version(2, [150, 200, 300], update={"digest": "d1"})
    found = change([old, new], "1_1", DAY, overrides=(-20, 30), override_text="Ann: a fair")
    assert (found.before, found.after) == (80, 180)
    assert _by_name(found)["override"] == 50
    assert found.parts[-1].text == "Ann: a fair"
    assert change([old, new], "1_1", DAY, overrides=(7, 7)).parts[-1].text == "the same as then"
    assert found.as_dict()["change"] == 1.0


@pytest.mark.parametrize(("name", "ds"), [("9", DAY), ("1_1", "2012-11-02"), ("1_1", "2012-12-07")])
def test_what_both_do_not_forecast(name: str, ds: str) -> None:
    """A series or week that either end lacks is refused."""
    with pytest.raises(RequestError):
        change([version(1, [1, 2, 3]), version(2, [1, 2, 3], first=1)], name, ds)


ROWS = st.lists(st.integers(-(10**9), 10**12), min_size=3, max_size=3)


@given(
    st.lists(
        st.tuples(ROWS, st.none() | ROWS, st.none() | ROWS, st.booleans(), st.booleans(), st.booleans()),
        min_size=2,
        max_size=5,
    ),
    st.tuples(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6)),
)
def test_parts_always_add_up(made: list[Any], overrides: tuple[int, int]) -> None:
    """Whatever is kept and whatever is the same, before plus parts is after, of series, stores and total; and
    each part of a sum is the sum of its series' parts."""
    line = []
    for i, (point, first, second, update, child, events) in enumerate(made):
        bridges = {n: v for n, v in (("actuals", first), ("model", second)) if v is not None}
        facts: dict[str, Any] = {"events": [["x", i]] if events else []}
        if child and i:
            facts["update" if update else "lineage"] = {"digest": f"d{i - 1}"}
        line.append(version(i, point, bridges=bridges, **facts))
    found = {name: change(line, name, DAY, overrides=overrides) for name in (*KEYS, "1", "2", "total")}
    parts = {name: _by_name(each) for name, each in found.items()}
    for name in parts["total"]:
        if name != "override":
            assert parts["1"][name] == parts["1_1"][name] + parts["1_2"][name]
            assert parts["total"][name] == parts["1"][name] + parts["2"][name]
