"""What of a request can be refused before the long work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from storecast.errors import RequestError
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import HORIZON_LIMIT
from storecast.forecasting.panel import Panel

__all__ = ["check_events", "check_horizon"]


def check_horizon(horizon: int) -> None:
    """Raise RequestError where nobody can forecast ``horizon`` weeks ahead."""
    if not 1 <= horizon <= HORIZON_LIMIT:
        raise RequestError(
            "The horizon is out of range.",
            where="--horizon",
            expected=f"1 to {HORIZON_LIMIT} weeks",
            found=str(horizon),
            remedy="Choose a number of weeks in this range.",
        )


def check_events(events: Sequence[Event], panel: Panel, new: Iterable[str] = ()) -> None:
    """Raise RequestError where an event names a series, store or block that is neither in ``panel`` nor among
    the ``new`` series: it would have no effect, and nobody would notice."""
    known = {*panel.keys.tolist(), *panel.stores.tolist(), *new}
    blocks = set(panel.blocks.tolist())
    unknown = sorted({e.series for e in events if e.series and e.series not in known})
    unknown += sorted({f"block {e.block}" for e in events if e.block and e.block not in blocks})
    if unknown:
        raise RequestError(
            "The events name series that are not in the sales data.",
            where="--events",
            expected=f"series, stores or blocks of the data, such as {', '.join(panel.keys[:3].tolist())}",
            found=", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""),
            remedy="Correct the names, or leave these events out.",
        )
