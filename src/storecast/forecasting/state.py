"""A fitted forecaster as plain data and back, bit for bit: arrays, texts and JSON, nothing that could run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.aligned import AlignedConfig
from storecast.forecasting.blend import BlendConfig
from storecast.forecasting.boosting import BoostingConfig, Correction
from storecast.forecasting.direct import DirectConfig, DirectState
from storecast.forecasting.forecaster import PARTS, Forecaster, ForecasterConfig
from storecast.forecasting.hierarchy import Level
from storecast.forecasting.intervals import Bands
from storecast.forecasting.models import ModelConfig

__all__ = ["State", "from_state", "to_state"]

State = tuple[dict[str, NDArray[np.generic]], dict[str, str], dict[str, Any]]


@dataclass(frozen=True)
class _Content:
    arrays: Mapping[str, NDArray[np.generic]]
    texts: Mapping[str, str]
    meta: Mapping[str, Any]


def _config(saved: Mapping[str, Any]) -> ForecasterConfig:
    """The configuration as saved; tuples come back as lists, unknown constants are left out."""

    def build(kind: Any, values: Mapping[str, Any]) -> Any:
        known = {f.name for f in fields(kind)}
        named = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
        return kind(**named)

    models = saved["models"]
    kinds = {"aligned": AlignedConfig, "blend": BlendConfig, "direct": DirectConfig}
    parts = {name: build(kind, models.get(name, {})) for name, kind in kinds.items()}
    boosting = build(BoostingConfig, saved["boosting"])
    return build(  # type: ignore[no-any-return]
        ForecasterConfig, {**saved, "models": build(ModelConfig, {**models, **parts}), "boosting": boosting}
    )


def to_state(forecaster: Forecaster) -> State:
    """Arrays, texts and metadata from which ``from_state`` makes the same forecaster again."""
    arrays: dict[str, NDArray[np.generic]] = {
        "keys": forecaster.keys,
        "stores": forecaster.stores,
        "blocks": forecaster.blocks,
        "weeks": forecaster.weeks,
        "point": forecaster.point,
        "history": forecaster.history,
        "history_weeks": forecaster.history_weeks,
        "weights": forecaster.weights,
    }
    arrays |= {f"part_{name}": values for name, values in forecaster.parts.items()}
    arrays |= {f"naive_{name}": values for name, values in forecaster.naive.items()}
    for name, level in forecaster.levels.items():
        arrays[f"{name}_keys"], arrays[f"{name}_of"] = level.keys, level.of
        arrays[f"{name}_sigma"] = level.sigma
        for item, values in vars(level.bands).items():
            arrays[f"{name}_bands_{item}"] = values
    meta = {
        "config": asdict(forecaster.config),
        "levels": list(forecaster.levels),
        "naives": list(forecaster.naive),
        "notes": forecaster.notes,
        "boosting_weight": forecaster.correction.weight,
        "learnt": forecaster.learnt,
    }
    texts = {"boosting": forecaster.correction.model} if forecaster.correction.model else {}
    arrays |= {f"input_{name}": _plain(values) for name, values in forecaster.inputs.items()}
    if forecaster.direct is not None:
        more_arrays, more_texts, more_meta = forecaster.direct.content()
        return arrays | more_arrays, texts | more_texts, meta | more_meta
    return arrays, texts, meta


def _plain(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Texts as fixed-width strings: an artifact holds no Python objects."""
    return values.astype(str) if values.dtype == object else values


def from_state(
    arrays: Mapping[str, NDArray[np.generic]], texts: Mapping[str, str], meta: Mapping[str, Any]
) -> Forecaster:
    """The forecaster whose state this is."""
    a: dict[str, Any] = dict(arrays)
    levels = {}
    for name in meta["levels"]:
        kept = {f.name: a.get(f"{name}_bands_{f.name}") for f in fields(Bands)}
        bands = Bands(**{item: values for item, values in kept.items() if values is not None})  # old: fewer
        levels[name] = Level(a[f"{name}_keys"], a[f"{name}_of"], bands, a[f"{name}_sigma"])
    config = _config(meta["config"])
    return Forecaster(
        config=config,
        keys=a["keys"],
        stores=a["stores"],
        blocks=a["blocks"],
        weeks=a["weeks"],
        point=a["point"],
        levels=levels,
        parts={name: a[f"part_{name}"] for name in PARTS},
        naive={name: a[f"naive_{name}"] for name in meta["naives"]},
        notes=dict(meta["notes"]),
        history=a["history"],
        history_weeks=a["history_weeks"],
        correction=Correction(texts.get("boosting", ""), meta["boosting_weight"]),
        weights=a["weights"],
        direct=DirectState.from_content(_Content(arrays, texts, meta)) if "direct" in meta else None,
        inputs={name[6:]: values for name, values in arrays.items() if name.startswith("input_")},
        learnt=dict(meta["learnt"]),
    )
