"""Makes what the rival servers serve: ``python -m benchmarks.rivals.servers FOLDER``, in their environment.

``FOLDER`` holds ``sales.csv`` (the columns below and ``y``) and ``trees.json`` (``trees``, ``leaves``).
Written there: ``mlflow`` (MLflow's model), ``trees.txt`` (the same trees, for BentoML) and ``made.json``
(microseconds of the trees alone for a row and for a thousand; versions).
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import lightgbm
import mlflow
import numpy as np
import pandas as pd

__all__ = ["COLUMNS", "main"]

COLUMNS = [
    "store",
    "year",
    "month",
    "week",
    "holiday_flag",
    "temperature",
    "fuel_price",
    "cpi",
    "unemployment",
]


def _microseconds(booster: lightgbm.Booster, rows: np.ndarray, times: int) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        booster.predict(rows, num_threads=1)
        found.append(time.perf_counter() - began)
    return 1e6 * sorted(found)[times // 2]


def main(folder: Path) -> None:
    """Fit and save; see the module."""
    size = json.loads((folder / "trees.json").read_text())
    table = pd.read_csv(folder / "sales.csv")
    rows = table[COLUMNS].astype(float)
    asked = {"objective": "l1", "num_leaves": size["leaves"], "num_threads": 1, "seed": 0, "verbose": -1}
    booster = lightgbm.train(asked, lightgbm.Dataset(rows, table["y"]), num_boost_round=size["trees"])
    booster.save_model(folder / "trees.txt")
    signature = mlflow.models.infer_signature(rows, booster.predict(rows))
    mlflow.lightgbm.save_model(booster, folder / "mlflow", signature=signature)
    many = np.resize(rows.to_numpy(), (1000, len(COLUMNS)))
    made = {
        "trees": booster.num_trees(),
        "row_us": _microseconds(booster, many[:1], 500),
        "thousand_us": _microseconds(booster, many, 25),
        "versions": {name: version(name) for name in ("mlflow", "bentoml", "lightgbm")},
    }
    (folder / "made.json").write_text(json.dumps(made))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
