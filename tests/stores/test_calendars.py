"""Holiday calendars of countries and files, against almanacs written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storecast.errors import DataError, RequestError
from storecast.stores.calendars import country_calendar, file_calendar

FRIDAYS = np.arange("2012-01-06", "2013-01-01", 7, dtype="datetime64[D]")
# The almanac of 2012: Easter Sunday was 8 April.
GERMANY = {
    "2012-01-06": "New Year's Day",
    "2012-04-06": "Good Friday",
    "2012-04-13": "Easter Monday",
    "2012-05-04": "Labor Day",
    "2012-05-18": "Ascension Day",
    "2012-06-01": "Pentecost Monday",
    "2012-10-05": "German Unity Day",
    "2012-12-28": "Christmas Day",
}


def test_germany_2012() -> None:
    """Each public holiday stands in the week that ends on the Friday after it, and its week weighs more."""
    calendar = country_calendar("DE")
    found = dict(zip(FRIDAYS.astype(str).tolist(), calendar.holidays_in(FRIDAYS), strict=True))
    for week, name in GERMANY.items():
        assert name in found[week]
    others = [names for week, names in found.items() if week not in GERMANY]
    assert [n for n in others if n] == []
    heavy = FRIDAYS[calendar.weights(FRIDAYS) > 1].astype(str).tolist()
    assert heavy == sorted(GERMANY)


def test_moving_holidays_are_known_as_such() -> None:
    """Easter wanders over weeks, Christmas does not."""
    rules = {rule.name: rule for rule in country_calendar("de").rules}
    assert rules["Easter Monday"].moves
    assert rules["Pentecost Monday"].moves
    assert not rules["Christmas Day"].moves
    assert str(rules["Easter Monday"].date(2026)) == "2026-04-06"


def test_holidays_by_the_moon_move() -> None:
    """Those of Turkey wander through the year, and their days to come are those of one holiday."""
    rules = {rule.name: rule for rule in country_calendar("TR").rules}
    assert not [name for name in rules if "estimated" in name or "observed" in name]
    assert str(rules["Eid al-Fitr"].date(2024)) == "2024-04-10"
    assert rules["Eid al-Fitr"].date(2040) is not None
    for rule in rules.values():
        assert (rule.moves, rule.snaps) == (rule.name.startswith("Eid"), False), rule.name


def test_subdivisions_have_holidays_of_their_own() -> None:
    """Bavaria keeps Epiphany, Germany as a whole does not; case does not matter."""
    assert "Epiphany" in {rule.name for rule in country_calendar("de-by").rules}
    assert "Epiphany" not in {rule.name for rule in country_calendar("DE").rules}
    assert country_calendar("de-by").name == "DE-BY"


def test_days_off_in_lieu_are_no_holidays() -> None:
    """A holiday on a Sunday is itself, and the Monday off for it is not a second one."""
    names = [rule.name for rule in country_calendar("US").rules]
    assert "Christmas Day" in names
    assert not [name for name in names if "observed" in name.lower()]


@pytest.mark.parametrize("country", ["XX", "Utopia", "DE-XX", "-", "USA!"])
def test_unknown_countries(country: str) -> None:
    """An unknown code is refused with what a code looks like, and the way to bring one's own."""
    with pytest.raises(RequestError, match="--calendar FILE") as told:
        country_calendar(country)
    assert told.value.found == country
    assert ("DE alone, or with one of BB, BE, BW, BY" in str(told.value)) == (country == "DE-XX")
    assert len(str(told.value)) < 500


def test_a_file_of_holidays(tmp_path: Path) -> None:
    """Each name is a holiday on its days, in the years that are listed and no other."""
    path = tmp_path / "fairs.csv"
    path.write_text("date,name\n2011-05-06,Fair\n2012-05-04,Fair\n2012-11-23,Sale\n", encoding="utf-8")
    calendar = file_calendar(path)
    assert calendar.name == "fairs.csv"
    rules = {rule.name: rule for rule in calendar.rules}
    assert set(rules) == {"Fair", "Sale"}
    assert [str(rules["Fair"].date(y)) for y in (2010, 2011, 2012)] == ["None", "2011-05-06", "2012-05-04"]
    found = dict(zip(FRIDAYS.astype(str).tolist(), calendar.holidays_in(FRIDAYS), strict=True))
    assert {week: name for week, name in found.items() if name} == {
        "2012-05-04": "Fair",
        "2012-11-23": "Sale",
    }


def test_files_that_are_none(tmp_path: Path) -> None:
    """A file that is not there, or holds no dates, is refused with its name."""
    (tmp_path / "bad.csv").write_text("name,date\nFair,soon\n", encoding="utf-8")
    for name in ("none.csv", "bad.csv"):
        with pytest.raises(DataError, match=name):
            file_calendar(tmp_path / name)
