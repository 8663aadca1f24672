"""Files to begin with: each layout of sales that is read, with a few made-up rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from storecast.webapp.sheets import Table, as_csv, as_xlsx

__all__ = ["TEMPLATES", "Template"]

_FIRST = date(2024, 1, 5)
_WEEKS = 4


@dataclass(frozen=True)
class Template:
    """One layout: ``says`` what its rows are."""

    name: str
    title: str
    says: str
    rows: Table

    def csv(self) -> bytes:
        """As text."""
        return as_csv(self.rows)

    def xlsx(self) -> bytes:
        """As a workbook."""
        return as_xlsx({"Sales": self.rows})


def _days() -> list[date]:
    return [_FIRST + timedelta(weeks=week) for week in range(_WEEKS)]


def _stores() -> Table:
    return [
        {
            "Store": store,
            "Date": day,
            "Weekly_Sales": 20_000.0 + 1_000.0 * store + 150.0 * week,
            "Holiday_Flag": 0,
            "Temperature": 41.5 + week,
            "Fuel_Price": 3.15,
            "CPI": 310.2,
            "Unemployment": 3.9,
        }
        for store in (1, 2)
        for week, day in enumerate(_days())
    ]


def _departments() -> Table:
    return [
        {
            "Store": 1,
            "Dept": dept,
            "Date": day,
            "Weekly_Sales": 5_000.0 + 400.0 * dept + 25.0 * week,
            "IsHoliday": "FALSE",
        }
        for dept in (1, 2)
        for week, day in enumerate(_days())
    ]


def _long() -> Table:
    return [
        {"unique_id": name, "ds": day, "y": 900.0 + 10.0 * week}
        for name in ("bakery", "books")
        for week, day in enumerate(_days())
    ]


TEMPLATES = (
    Template(
        "stores",
        "Stores",
        "One row a store and week. The columns after Weekly_Sales may be left out.",
        _stores(),
    ),
    Template(
        "departments",
        "Departments",
        "One row a store, department and week. Departments add up to stores.",
        _departments(),
    ),
    Template("anything", "Anything weekly", "One row a series and week: name, week, value.", _long()),
)
