"""Which column is which, in any spelling met in the wild."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from storecast.forecasting.panel import DEPT, DS, IS_HOLIDAY, OBSERVED, STORE, UNIQUE_ID, Y
from storecast.forecasting.quality import Finding, SalesRefusedError, refuse

__all__ = ["PARTS", "Columns", "known_columns", "name_columns", "require"]

PARTS = ("year", "month", "day")  # a date in three columns

# Panel name -> spellings without case, blanks and punctuation, the likeliest first.
_SPELLINGS: dict[str, tuple[str, ...]] = {
    UNIQUE_ID: ("uniqueid", "seriesid", "series"),
    STORE: (
        "store",
        "storeid",
        "storeno",
        "storenr",
        "storenbr",
        "storenumber",
        "storenum",
        "shop",
        "shopid",
        "outlet",
        "outletid",
        "branch",
    ),
    DEPT: (
        "dept",
        "deptid",
        "deptno",
        "deptnr",
        "department",
        "departmentid",
        "departmentno",
        "departmentnumber",
    ),
    DS: (
        "date",
        "ds",
        "weekdate",
        "weekending",
        "weekendingdate",
        "weekenddate",
        "weekstart",
        "weekstarting",
        "weekstartdate",
        "week",
    ),
    Y: (
        "weeklysales",
        "y",
        "weeklysale",
        "sales",
        "weeklysalesamount",
        "salesamount",
        "totalsales",
        "netsales",
        "weeklyrevenue",
        "revenue",
        "turnover",
    ),
    IS_HOLIDAY: ("isholiday", "holidayflag", "holiday", "isholidayflag", "holidayweek", "isholidayx"),
    "type": ("type", "storetype"),
    "size": ("size", "storesize", "sqft", "storesqft"),
    "temperature": ("temperature", "temp", "temperaturef", "avgtemperature"),
    "fuel_price": ("fuelprice", "fuel", "fuelcost", "petrolprice", "gasprice"),
    "cpi": ("cpi", "consumerpriceindex"),
    "unemployment": ("unemployment", "unemploymentrate"),
    **{f"markdown{i}": (f"markdown{i}", f"md{i}") for i in range(1, 6)},
    "year": ("year", "yyyy"),
    "month": ("month", "mm", "monthnumber"),
    "day": ("day", "dd", "dayofmonth"),
}
_NAME = {key: (name, rank) for name, keys in _SPELLINGS.items() for rank, key in enumerate(keys)}
_BUSINESS = {
    UNIQUE_ID: "unique_id",
    STORE: "Store",
    DEPT: "Dept",
    DS: "Date",
    Y: "Weekly_Sales",
    IS_HOLIDAY: "IsHoliday",
    "fuel_price": "Fuel_Price",
    "cpi": "CPI",
}
_TRANSACTION = (
    "order",
    "invoice",
    "customer",
    "transaction",
    "quantity",
    "product",
    "payment",
    "shipping",
    "sku",
)
_INDEX = re.compile(r"unnamed\d*|index|level0|")


@dataclass(frozen=True)
class Columns:
    """``at``: panel name -> position of its column; ``spelled``: panel name -> spelling in the file;
    ``ignored``: columns of no use here.
    """

    at: dict[str, int]
    spelled: dict[str, str]
    ignored: tuple[str, ...]


def _keys(cell: str) -> tuple[str, str]:
    """A header cell without case, blanks and punctuation; the same without what stands in brackets."""
    text = cell.replace("\ufeff", "").casefold()
    bare = re.sub(r"[(\[{].*?[)\]}]", "", text)
    return "".join(c for c in text if c.isalnum()), "".join(c for c in bare if c.isalnum())


def _known(cell: str) -> tuple[str, int] | None:
    full, bare = _keys(cell)
    return _NAME.get(full) or _NAME.get(bare)


def known_columns(cells: Sequence[str]) -> int:
    """How many different columns of a sales table the cells name; a row of data names none."""
    return len({known[0] for cell in cells if (known := _known(cell))})


def name_columns(file: str, header: Sequence[str]) -> tuple[Columns, list[Finding]]:
    """Name the columns of ``header``; extra ones are told, and warned of where they look mistyped.

    Raises ``SalesRefusedError`` where two columns bear the same name.
    """
    best: dict[str, tuple[int, int]] = {}  # name -> rank of the spelling, position
    for position, cell in enumerate(header):
        known = _known(cell)
        if known is None:
            continue
        name, rank = known
        if name in best and best[name][0] == rank:
            raise refuse(
                "duplicate_column",
                f"Two columns are {_BUSINESS.get(name, name)}: {header[best[name][1]]!r} and {cell!r}.",
                "delete or rename one of them",
                file=file,
                rows=[1],
                column=cell.strip(),
                expected="one column of each name",
                found=", ".join(header),
            )
        if name not in best or rank < best[name][0]:
            best[name] = (rank, position)
    at = {name: position for name, (_, position) in best.items()}
    if DS in at or not all(part in at for part in PARTS):
        at = {name: position for name, position in at.items() if name not in PARTS}
    clean = [cell.replace("\ufeff", "").strip() for cell in header]
    columns = Columns(
        at,
        {name: clean[p] for name, p in at.items()},
        tuple(clean[p] for p in range(len(header)) if p not in at.values()),
    )
    return columns, _ignored_findings(file, columns)


def _ignored_findings(file: str, columns: Columns) -> list[Finding]:
    out = []
    plain = []
    absent = {
        key: name
        for name, keys in _SPELLINGS.items()
        for key in keys[:1]
        if name not in columns.at and (name in OBSERVED or name in (IS_HOLIDAY, DEPT))
    }
    for cell in columns.ignored:
        key = _keys(cell)[0]
        near = difflib.get_close_matches(key, absent, n=1, cutoff=0.8)
        if near and not _INDEX.fullmatch(key) and not _known(cell):
            meant = _BUSINESS.get(absent[near[0]], absent[near[0]].capitalize())
            out.append(
                Finding.at(
                    "warned",
                    "unknown_column",
                    [1],
                    cell,
                    f"Column {cell!r} is not known and was ignored; it looks like {meant}.",
                    f"rename it to {meant} if it is",
                    file=file,
                )
            )
        elif cell:
            plain.append(cell)
    if plain:
        out.append(
            Finding(
                "info",
                "extra_columns",
                1,
                None,
                f"Columns not used: {', '.join(plain)}.",
                "",
                len(plain),
                tuple(plain[:5]),
                (1,),
                file,
            )
        )
    return out


def _looks_like(header: Sequence[str], columns: Columns) -> str:
    """What the table seems to be instead, from its column names."""
    keys = [_keys(cell)[0] for cell in header]
    if any(word in key for key in keys for word in _TRANSACTION):
        return "this looks like single orders or transactions, not weekly sales"
    if (
        len(header) > 20
        and sum(bool(re.search(r"\d{4}.?\d\d?.?\d\d?|\d\d?.\d\d?.\d{2,4}", c)) for c in header) > 10
    ):
        return "this looks like one column a week; the table must have one row a week"
    if "markdown1" in columns.at or ("cpi" in columns.at and Y not in columns.at):
        return "this looks like features.csv of the Kaggle data; give the whole folder"
    if "size" in columns.at and DS not in columns.at:
        return "this looks like stores.csv of the Kaggle data; give the whole folder"
    if {STORE, DEPT, DS, IS_HOLIDAY} <= set(columns.at) and Y not in columns.at:
        return "this looks like test.csv of the Kaggle data; give the whole folder"
    return ""


def require(file: str, header: Sequence[str], columns: Columns, line: int, names: Sequence[str]) -> None:
    """Refuse where a column of ``names`` is missing; say what comes near and what the table looks like."""

    def there(name: str) -> bool:
        return (
            name in columns.at
            or (name == DS and "year" in columns.at)
            or (name == STORE and UNIQUE_ID in columns.at)
        )

    missing = [name for name in names if not there(name)]
    if not missing:
        return
    words = [_BUSINESS.get(name, name) for name in missing]
    hints = []
    spare = {_keys(cell)[0]: cell for cell in columns.ignored}
    for name, word in zip(missing, words, strict=True):
        near = [
            m
            for key in _SPELLINGS[name][:4]
            if len(key) > 2
            for m in difflib.get_close_matches(key, spare, n=1, cutoff=0.75)
        ]
        if near:
            hints.append(f"rename {spare[near[0]]!r} to {word} if that is what it is")
    seems = "" if hints else _looks_like(header, columns)
    if not columns.at:
        seems = seems or "no cell of the first rows names a known column: is the header missing?"
    raise SalesRefusedError(
        [
            Finding.at(
                "refused",
                "missing_column",
                [line],
                ", ".join(words),
                f"{file} has no column {' and no column '.join(words)}{f': {seems}' if seems else ''}.",
                "; ".join(hints)
                or "add the column, or give a file with Store, Date, Weekly_Sales or unique_id, ds, y",
                file=file,
                expected=", ".join(_BUSINESS.get(n, n) for n in names),
                found=", ".join(h.strip() for h in header[:20]) or "nothing",
            )
        ]
    )
