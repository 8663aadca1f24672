"""Bodies that MLflow's clients send: a data frame in one of five forms, and parameters beside it."""

from __future__ import annotations

import csv
import json
from typing import Any

import msgspec

from storecast.service.champion import check_levels
from storecast.service.problems import Problem, Wrong, from_msgspec, invalid

__all__ = ["FORMS", "Columns", "from_csv", "from_json"]

FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")
Columns = dict[str, list[Any]]
_LEVELS = (80.0, 95.0)
_LEVEL_LIST = "a list of numbers such as [80, 95]"


def _missing(name: str) -> None:
    """NaN is how a data frame says that there is nothing, and MLflow's client writes it; infinity is not."""
    if name != "NaN":
        raise ValueError(name)


def _with_nan(body: bytes) -> Any:
    """JSON in which NaN stands for null; None where it is no such thing either."""
    if b"NaN" not in body:
        return None
    try:
        return json.loads(body, parse_constant=_missing)
    except (ValueError, RecursionError):
        return None


def from_json(body: bytes) -> tuple[Columns, tuple[float, ...]]:
    """Columns by name, and levels; raises 400 or 422 naming what is wrong."""
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raw = _with_nan(body)
        if raw is None:
            raise from_msgspec(error) from error
    forms = [name for name in FORMS if isinstance(raw, dict) and name in raw]
    if len(forms) != 1:
        raise invalid([Wrong("body", f"expected an object with one of {', '.join(FORMS)}")])
    data, form = raw[forms[0]], forms[0]
    params = {} if raw.get("params") is None else raw["params"]
    if not isinstance(params, dict):
        raise invalid([Wrong("params", "expected an object")])
    given = params.get("level", list(_LEVELS))
    try:
        levels = check_levels(msgspec.convert(given, list[float]))
    except msgspec.ValidationError as error:
        raise invalid([Wrong("params.level", f"expected {_LEVEL_LIST}")]) from error
    if form == "dataframe_split":
        return _from_split(data), levels
    if form == "inputs" and isinstance(data, dict):
        if not all(isinstance(v, list) for v in data.values()) or len({len(v) for v in data.values()}) != 1:
            raise invalid([Wrong("inputs", "expected columns, lists of one length")])
        return data, levels
    if not isinstance(data, list) or not data or not all(isinstance(row, dict) for row in data):
        raise invalid([Wrong(form, "expected a list of rows, each an object")])
    names = data[0].keys()
    if wrong := [i for i, row in enumerate(data) if row.keys() != names]:
        raise invalid([Wrong(f"{form}[{wrong[0]}]", "has other columns than the first row", wrong[0] + 1)])
    return {name: [row[name] for row in data] for name in names}, levels


def _from_split(data: Any) -> Columns:
    names = data.get("columns") if isinstance(data, dict) else None
    rows = data.get("data") if isinstance(data, dict) else None
    if (
        not isinstance(names, list)
        or not isinstance(rows, list)
        or not all(isinstance(n, str) for n in names)
    ):
        raise invalid([Wrong("dataframe_split", "expected an object with columns (texts) and data (rows)")])
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise invalid([Wrong(f"dataframe_split.data[{i}]", f"expected {len(names)} values", i + 1)])
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def from_csv(body: bytes) -> tuple[Columns, tuple[float, ...]]:
    """The same of CSV, whose levels are the usual ones."""
    try:
        lines = [line for line in csv.reader(body.decode("utf-8-sig").splitlines(), strict=True) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Problem(
            400, "malformed-csv", "The body is not CSV in UTF-8", str(error)[:200], "Save it as CSV UTF-8."
        ) from error
    names = lines[0] if lines else []
    for i, row in enumerate(lines[1:]):
        if len(row) != len(names):
            raise invalid([Wrong(f"rows[{i}]", f"{len(row)} cells under {len(names)} columns", i + 1)])
    columns: Columns = {name: [row[i] for row in lines[1:]] for i, name in enumerate(names)}
    if "horizon" in columns:
        columns["horizon"] = [int(v) if v.isdecimal() and len(v) < 4 else v for v in columns["horizon"]]
    return columns, _LEVELS
