"""An answer's columns as the forecast log keeps them: readable texts for few rows, one blob for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from storecast.ports.records import Override
from storecast.service.champion import Champion, column_names
from storecast.stores.forecast_log.blobs import Coded, RowsBlob

__all__ = ["as_blob", "as_inputs", "as_texts"]

_ENCODE = msgspec.json.Encoder().encode
_PIECE = 20_000  # rows compressed at a time


def as_texts(
    weeks: Sequence[str], levels: Sequence[float], columns: Sequence[Sequence[float]]
) -> tuple[str, str]:
    """``forecast`` and ``bands`` of an entry about one series."""
    names = column_names(levels)
    forecast = _ENCODE({"ds": weeks, "storecast": columns[0]}).decode()
    return forecast, _ENCODE(dict(zip(names[1:], columns[1:], strict=True))).decode()


def as_inputs(champion: Champion, said: Sequence[Override], levels: Sequence[float] = ()) -> str:
    """What an entry's ``inputs`` say of the overrides in its answer, so that it can be made again: id,
    series, week, mode, value, and the model's own number; and of ``levels``, where the names of the columns
    do not say them whole. Nothing where there is nothing to say."""
    whole = all(float(f"{level:g}") == level for level in levels)
    asked = "" if whole else f',"levels":{_ENCODE(levels).decode()}'
    if not said:
        return asked
    series = champion.views["series"]
    model = series.point if series.model is None else series.model
    rows = [
        {
            "id": o.id,
            "unique_id": o.unique_id,
            "ds": o.ds,
            "mode": o.mode,
            "value": o.value,
            "model": model.item(champion.week_at[o.ds], series.place[o.unique_id]),
        }
        for o in said
    ]
    return f'{asked},"overrides":{_ENCODE(rows).decode()}'


def as_blob(
    names: Sequence[str],
    at: NDArray[np.integer],
    days: NDArray[np.datetime64],
    columns: Mapping[str, NDArray[np.float64]],
) -> tuple[str, bytes]:
    """Digest and blob of many rows: series, which are ``names`` at the places ``at`` (R,), weeks, and numbers
    by column."""
    made = RowsBlob()
    for start in range(0, len(at), _PIECE):
        piece = slice(start, start + _PIECE)
        numbers = {name: column[piece] for name, column in columns.items()}
        made.add({"unique_id": Coded(names, at[piece]), "ds": days[piece], **numbers})
    _, digest, blob = made.finish()
    return digest, blob
