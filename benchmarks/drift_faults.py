"""Faults that are put into clean panels, each at a known week: what drift must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from storecast.forecasting.panel import Panel

__all__ = ["FAULTS", "Fault"]


@dataclass(frozen=True)
class Fault:
    """``name`` for the table, the ``kinds`` of alarm that are right for it and the ``column`` they must name;
    ``put`` gives the panel with the fault from a row on, in the store named or, ``whole``, in all."""

    name: str
    kinds: tuple[str, ...]
    column: str
    put: Callable[[Panel, int, str], Panel]
    whole: bool = False


def _sales(change: Callable[[np.ndarray], np.ndarray], whole: bool) -> Callable[[Panel, int, str], Panel]:
    def put(panel: Panel, row: int, store: str) -> Panel:
        values = panel.values.copy()
        which = np.ones(len(panel.keys), dtype=bool) if whole else panel.stores == store
        values[row:, which] = change(values[row:, which])
        return replace(panel, values=values)

    return put


def _late(panel: Panel, row: int, store: str) -> Panel:
    values = panel.values.copy()
    values[row:] = panel.values[row - 1 : -1]
    return replace(panel, values=values)


def _early(panel: Panel, row: int, store: str) -> Panel:
    """The last week, of which nothing is known then, is missing."""
    values = panel.values.copy()
    values[row:-1] = panel.values[row + 1 :]
    values[-1] = np.nan
    return replace(panel, values=values)


def _input(
    column: str, change: Callable[[np.ndarray, int], np.ndarray]
) -> Callable[[Panel, int, str], Panel]:
    def put(panel: Panel, row: int, store: str) -> Panel:
        values = change(panel.observed[column].copy(), row)
        return replace(panel, observed={**panel.observed, column: values})

    return put


def _hold(values: np.ndarray, row: int) -> np.ndarray:
    values[row:] = values[row - 1]
    return values


def _celsius(values: np.ndarray, row: int) -> np.ndarray:
    values[row:] = (values[row:] - 32.0) / 1.8
    return values


def _times(factor: float) -> Callable[[np.ndarray, int], np.ndarray]:
    def change(values: np.ndarray, row: int) -> np.ndarray:
        values[row:] *= factor
        return values

    return change


def _gone(values: np.ndarray, row: int) -> np.ndarray:
    values[row:] = np.nan
    return values


def _share(share: float, values: np.ndarray) -> np.ndarray:
    out: np.ndarray = share * values
    return out


def _level(share: float, whole: bool) -> Fault:
    who = "all stores" if whole else "one store"
    return Fault(
        f"level of {who} {share - 1:+.0%}",
        ("level", "residual"),
        "sales",
        _sales(partial(_share, share), whole),
        whole,
    )


FAULTS: tuple[Fault, ...] = (
    *(_level(share, False) for share in (0.9, 0.8, 0.7, 0.5, 1.3)),
    *(_level(share, True) for share in (0.95, 0.9, 0.8)),
    Fault("a store without rows", ("lost-series",), "sales", _sales(partial(_share, np.nan), False)),
    Fault("a store in cents", ("unit",), "sales", _sales(partial(_share, 100.0), False)),
    Fault("a store in thousands", ("unit",), "sales", _sales(partial(_share, 0.001), False)),
    Fault("all stores in cents", ("unit",), "sales", _sales(partial(_share, 100.0), True), True),
    Fault("dates a week late", ("shifted-dates",), "sales", _late, True),
    Fault("dates a week early", ("shifted-dates",), "sales", _early, True),
    Fault("temperature stands still", ("stuck-input",), "temperature", _input("temperature", _hold), True),
    Fault("fuel price stands still", ("stuck-input",), "fuel_price", _input("fuel_price", _hold), True),
    Fault("CPI stands still", ("stuck-input",), "cpi", _input("cpi", _hold), True),
    Fault("unemployment stands still", ("stuck-input",), "unemployment", _input("unemployment", _hold), True),
    Fault("temperature in Celsius", ("input",), "temperature", _input("temperature", _celsius), True),
    Fault("fuel price +20%", ("input",), "fuel_price", _input("fuel_price", _times(1.2)), True),
    Fault("fuel price in cents", ("unit",), "fuel_price", _input("fuel_price", _times(100.0)), True),
    Fault("temperature no longer given", ("lost-input",), "temperature", _input("temperature", _gone), True),
)
