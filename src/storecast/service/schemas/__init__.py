"""Shapes of what goes in and out, and their place in the OpenAPI document."""

from __future__ import annotations

from types import ModuleType

import msgspec

from storecast.service.schemas import (
    answers,
    cards,
    common,
    forecasts,
    overrides,
    planning,
    records,
    trials,
    whatif,
    work,
)

__all__ = ["structs"]

_MODULES: tuple[ModuleType, ...] = (
    answers,
    cards,
    common,
    forecasts,
    overrides,
    planning,
    records,
    trials,
    whatif,
    work,
)


def structs() -> list[type[msgspec.Struct]]:
    """All shapes that the document names."""
    found = [getattr(module, name) for module in _MODULES for name in module.__all__]
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
