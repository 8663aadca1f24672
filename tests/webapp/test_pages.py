"""What pages say of versions of several kinds, and how their addresses follow what is chosen."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.service.conftest import Running
from tests.webapp.conftest import Look


def _said(app: AppTest) -> str:
    assert not app.exception, app.exception
    kinds = (app.title, app.header, app.markdown, app.caption, app.error, app.warning, app.info, app.metric)
    return "\n".join(str(getattr(item, "value", "")) for kind in kinds for item in kind)


@pytest.mark.parametrize("page", ["overview", "forecast", "compare", "model", "monitoring"])
def test_a_version_without_a_back_test_is_spoken_of_plainly(bare: Running, look: Look, page: str) -> None:
    """Nothing is made up where nothing was measured, and nothing fails."""
    said = _said(look(bare, page))
    told = {
        "overview": "This version was trained without a back-test",
        "forecast": "This version was trained without a back-test",
        "compare": "This version was trained without a back-test",
        "model": "Its history was too short to forecast past weeks",
        "monitoring": "No actuals yet",
    }
    assert told[page] in said


def test_departments_are_called_by_store_and_number(departments: Running, look: Look) -> None:
    """A version of departments is looked at by store first, by department where chosen, and as one."""
    app = look(departments, "forecast")
    assert "Store 1 sold" in _said(app)
    app = look(departments, "forecast", by="series", series="2_1")
    assert "Store 2, department 1 sold" in _said(app)
    app = look(departments, "forecast", by="total")
    assert "All stores together sold" in _said(app)


def test_a_series_younger_than_a_year_says_so(departments: Running, look: Look) -> None:
    """What is unusual about a forecast stands below its chart."""
    assert "Store 3, department 2:" in _said(look(departments, "forecast", by="series", series="3_2"))


@pytest.mark.parametrize("by", ["store", "series"])
def test_the_overview_knows_both_levels(departments: Running, look: Look, by: str) -> None:
    """Totals are the same, whichever level the exceptions are of."""
    app = look(departments, "overview", by=by)
    asked = departments.client.get("/v1/overview", params={"by": by}).json()
    total = sum(row["forecast"] for row in asked["rows"])
    assert total == pytest.approx(asked["total"]["forecast"], abs=0.01)
    assert app.metric[0].value == f"${total / 1e3:,.1f} K"
    assert not app.exception


def test_the_address_follows_what_is_chosen(departments: Running, look: Look) -> None:
    """A choice is written into the address, the usual one is not, and another address is another choice."""
    app = look(departments, "forecast")
    assert "horizon" not in app.query_params
    app.selectbox[0].set_value(4).run()
    assert app.query_params["horizon"] in ("4", ["4"])
    assert len(app.dataframe[-1].value) == 4
    app.query_params["horizon"] = "8"
    app.run()
    assert len(app.dataframe[-1].value) == 8
    app.selectbox[0].set_value(13).run()
    assert "horizon" not in app.query_params


def test_a_horizon_beyond_the_version_is_told(departments: Running, look: Look) -> None:
    """A version of 20 weeks asked for 52: the service's own words, and the page stands."""
    said = _said(look(departments, "forecast", horizon="52"))
    assert "20 weeks" in said


def test_steps_in_the_table_add_up_to_the_cent(departments: Running, look: Look) -> None:
    """The table of reasons ends with the forecast, and its lines are that forecast."""
    app = look(departments, "forecast", by="series", series="1_2", week="2012-07-27")
    steps = app.dataframe[0].value
    assert steps["Step"].iloc[-1] == "Forecast"
    cents = [round(100 * d) for d in steps["Dollars"]]
    assert sum(cents[:-1]) == cents[-1]
