"""The door for MLflow: ``mlflow.pyfunc.load_model("models:/storecast@champion").predict(frame)``.

A registered version is an artifact folder beside an ``MLmodel`` file that names this module as its
``loader_module``; there is no pickle to run. What goes in: a frame ``unique_id, ds`` (dates of future
weeks) or ``unique_id, horizon`` (weeks ahead), and ``params={"level": [80, 95]}``. What comes out: a
frame ``unique_id, ds, storecast, storecast-lo-80, storecast-hi-80, ...`` in the rows' order.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storecast import __version__
from storecast.errors import RequestError
from storecast.ports import ArtifactContent
from storecast.stores.artifacts import ArtifactFolders

if TYPE_CHECKING:
    import pandas as pd

    from storecast.forecasting.forecaster import Forecaster

__all__ = ["DATA", "LEVELS", "PyfuncForecaster", "load_forecaster", "write_model_files"]

DATA = "data"  # the artifact folder, beside MLmodel
LEVELS = (80.0, 95.0)


class PyfuncForecaster:
    """What MLflow wraps: takes its frame and params, gives the forecast frame."""

    def __init__(self, forecaster: Forecaster) -> None:
        self._forecaster = forecaster

    def predict(self, data: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Forecast the rows of ``data``; raises ``RequestError`` on rows that cannot be met."""
        columns = [str(column) for column in data.columns]
        if "unique_id" not in columns or ("ds" in columns) == ("horizon" in columns):
            raise RequestError(
                "the rows to forecast do not say which week is meant",
                expected="columns unique_id and ds, or unique_id and horizon",
                found=", ".join(columns)[:300] or "no columns",
                remedy="give the date of a future week in ds, or the number of weeks ahead in horizon",
            )
        given = (params or {}).get("level")
        levels = LEVELS if given is None else given
        from storecast.forecasting.frames import forecast_rows

        return forecast_rows(self._forecaster, data, [float(x) for x in levels])


def load_forecaster(content: ArtifactContent) -> Forecaster:
    """The fitted forecaster that ``content`` describes."""
    from storecast.forecasting.state import from_state

    return from_state(content.arrays, content.texts, content.meta)


def _load_pyfunc(path: str) -> PyfuncForecaster:
    """Called by MLflow with the path of the artifact folder; digests are checked on the way."""
    return PyfuncForecaster(load_forecaster(ArtifactFolders().load(path)))


def write_model_files(folder: Path, digest: str, loader_module: str = __name__) -> None:
    """Make ``folder``, which holds the artifact folder ``data``, an MLflow model.

    Written by hand rather than by ``mlflow.pyfunc.save_model``, which copies the data once more and
    looks through the environment for requirements; there is one: storecast itself.
    """
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    signature = ModelSignature(
        inputs=Schema(
            [
                ColSpec(DataType.string, "unique_id"),
                ColSpec(DataType.datetime, "ds", required=False),
                ColSpec(DataType.long, "horizon", required=False),
            ]
        ),
        params=ParamSchema([ParamSpec("level", DataType.double, list(LEVELS), shape=(-1,))]),
    )
    model = Model(signature=signature, metadata={"digest": digest, "storecast": __version__})
    pyfunc.add_to_model(model, loader_module=loader_module, data=DATA, python_env="python_env.yaml")
    model.save(str(folder / "MLmodel"))
    python = model.flavors["python_function"]["python_version"]
    (folder / "python_env.yaml").write_text(f"python: {python}\ndependencies:\n- -r requirements.txt\n")
    (folder / "requirements.txt").write_text(f"storecast=={__version__}\n")
