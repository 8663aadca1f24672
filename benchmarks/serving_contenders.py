"""Who serves, and what each is asked: the same rows of the same stores, in the form that each takes."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.machine import ONE_THREAD
from benchmarks.rivals.environment import rivals_python
from benchmarks.wrk import TURN, Asked
from storecast.errors import SetupError
from storecast.forecasting.direct import DirectConfig
from storecast.forecasting.panel import UNIQUE_ID, Y
from storecast.stores.sales_files import read_sales

__all__ = ["Contender", "Made", "contenders", "make", "rows_ahead"]

_JSON, _CSV = {"Content-Type": "application/json"}, {"Content-Type": "text/csv"}
_PROGRAM = [sys.executable, "-c", "from storecast.cli import main; main()"]
_INPUTS = ("temperature", "fuel_price", "cpi", "unemployment")
_THOUSAND = 1000
_COLUMNS = ("store", "year", "month", "week", "holiday_flag", *_INPUTS)
_QUIET = {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@dataclass(frozen=True)
class Contender:
    """A server: ``command`` for a port, the path that answers when it is ready, and by name what it can be
    asked."""

    name: str
    command: Callable[[int], Sequence[object]]
    alive: str
    asks: Mapping[str, Asked]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """``folder`` with the homes ``champion`` and ``trees`` and the rivals' models; ``rows`` ahead to ask for;
    ``facts`` of the trees on both sides."""

    folder: Path
    rows: list[dict[str, Any]]
    rivals: Path
    facts: dict[str, Any]


def _storecast(home: Path, *words: str) -> None:
    environment = {**os.environ, **ONE_THREAD, "STORECAST_HOME": str(home)}
    done = subprocess.run([*_PROGRAM, *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"`storecast {' '.join(words)}` failed.", found=(done.stdout + done.stderr)[-500:])


def rows_ahead(frame: pd.DataFrame, weeks: int) -> list[dict[str, Any]]:
    """A row for each store and each of so many weeks after the last, stores in turns: store, date, and the
    inputs as they were a year before."""
    out = []
    last = frame["ds"].max()
    stores = {key: part.set_index("ds") for key, part in frame.groupby(UNIQUE_ID)}
    for week in range(1, weeks + 1):
        for key, part in stores.items():
            known = part.iloc[-52 + week - 1]
            row: dict[str, Any] = {"store": str(key), "date": str((last + pd.Timedelta(weeks=week)).date())}
            row["holiday_flag"] = int(known["is_holiday"])
            row |= {name: round(float(known[name]), 3) for name in _INPUTS if name in part}
            out.append(row)
    return out


def make(path: Path, root: Path, folder: Path) -> Made:
    """Train both versions that ours serves and the trees that the rivals serve."""
    frame = read_sales(path).panel
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "champion").mkdir(parents=True)
    (folder / "trees").mkdir()
    _storecast(folder / "champion", "train", str(path))
    _storecast(folder / "trees", "train", str(path), "--model", "boosting", "--no-promote")
    # The gate may refuse them beside the naives; what is measured here is their speed.
    _storecast(
        folder / "trees", "models", "promote", "1", "--overrule", "--why", "to measure what-if on trees"
    )
    config = DirectConfig()
    (folder / "trees.json").write_text(json.dumps({"trees": config.rounds, "leaves": config.leaves}))
    known = frame.rename(columns={UNIQUE_ID: "store", "is_holiday": "holiday_flag", Y: "y"})
    known = known.assign(year=known["ds"].dt.year, month=known["ds"].dt.month)
    known["week"] = known["ds"].dt.isocalendar().week
    known["holiday_flag"] = known["holiday_flag"].astype(int)
    known.dropna(subset="y")[[*_COLUMNS, "y"]].to_csv(folder / "sales.csv", index=False)
    python = rivals_python(root, "servers")
    command = [str(python), "-m", "benchmarks.rivals.servers", str(folder)]
    subprocess.run(command, cwd=root, env={**os.environ, **ONE_THREAD, **_QUIET}, check=True)
    facts = json.loads((folder / "made.json").read_text())
    return Made(folder, rows_ahead(frame, 26), python, facts | {"leaves": config.leaves})


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _for_rivals(row: Mapping[str, Any]) -> dict[str, float]:
    day = pd.Timestamp(row["date"])
    made = {"store": row["store"], "year": day.year, "month": day.month, "week": day.isocalendar().week}
    return {name: float(made.get(name, row.get(name, 0.0))) for name in _COLUMNS}


def _ours(made: Made, home: str, asks: Mapping[str, Asked]) -> Contender:
    return Contender(
        "Storecast" if home == "champion" else "Storecast, trees",
        lambda port: [*_PROGRAM, "serve", "--no-follow", "--port", port],
        "/readyz",
        asks,
        {"STORECAST_HOME": str(made.folder / home), **ONE_THREAD},
    )


def _predictions(rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    return "/v1/predictions", json.dumps({"rows": rows})


def _fresh(path: str, body: str) -> tuple[str, str]:
    """The turn as a number, not as text."""
    return path, body.replace(f'"20.{TURN}"', f"20.{TURN}")


def _what_if(row: Mapping[str, Any]) -> tuple[str, str]:
    inputs = {"temperature": row.get("temperature", 60.0)}
    return "/v1/what-if", json.dumps({"series": row["store"], "horizon": 1, "inputs": inputs})


def contenders(made: Made) -> list[Contender]:
    """Ours on the champion, ours on trees, MLflow, BentoML, and the floor."""
    rows = made.rows
    bare = [{"store": row["store"], "date": row["date"]} for row in rows]
    theirs = [_for_rivals(row) for row in rows]
    many, many_bare, many_theirs = rows[:_THOUSAND], bare[:_THOUSAND], theirs[:_THOUSAND]
    # What the model said is kept for whoever asks the same: here nobody does.
    fresh = [{**many[0], "temperature": f"20.{TURN}"}, *many[1:]]
    lists = [list(row.values()) for row in theirs]
    frame = {"columns": list(_COLUMNS)}
    look_up = [(f"/v1/forecasts?series={row['store']}&horizon=4", "") for row in rows]
    champion = {
        "look-up": Asked("GET", look_up),
        "row": Asked("POST", [_predictions([row]) for row in bare], _JSON),
        "1,000 rows, JSON": Asked("POST", [_predictions(many_bare)], _JSON),
        "1,000 rows, CSV": Asked("POST", [("/v1/predictions", _as_csv(many_bare))], _CSV),
    }
    trees = {
        "what-if": Asked("POST", [_what_if(row) for row in rows], _JSON),
        "row": Asked("POST", [_predictions([row]) for row in rows], _JSON),
        "1,000 rows, JSON": Asked("POST", [_fresh(*_predictions(fresh))], _JSON),
        "1,000 rows, CSV": Asked("POST", [("/v1/predictions", _as_csv(fresh))], _CSV),
    }

    def split(data: Sequence[Sequence[float]]) -> tuple[str, str]:
        return "/invocations", json.dumps({"dataframe_split": {**frame, "data": data}})

    mlflow = {
        "row": Asked("POST", [split([row]) for row in lists], _JSON),
        "1,000 rows, JSON": Asked("POST", [split(lists[:_THOUSAND])], _JSON),
        "1,000 rows, CSV": Asked("POST", [("/invocations", _as_csv(many_theirs))], _CSV),
    }
    bento = {
        "row": Asked("POST", [("/predict", json.dumps({"rows": [row]})) for row in lists], _JSON),
        "1,000 rows, JSON": Asked("POST", [("/predict", json.dumps({"rows": lists[:_THOUSAND]}))], _JSON),
    }
    bin_, environment = made.rivals.parent, {**ONE_THREAD, **_QUIET}
    environment["PATH"] = f"{bin_}{os.pathsep}{os.environ['PATH']}"
    serve = [bin_ / "mlflow", "models", "serve", "--env-manager", "local", "-m", made.folder / "mlflow"]
    where = {**environment, "STORECAST_BENCH_TREES": str(made.folder / "trees.txt")}
    where["BENTOML_HOME"] = str(made.folder / "bentoml")
    service = "benchmarks.rivals.bento_service:Sales"
    uvicorn = [sys.executable, "-m", "uvicorn", "--log-level", "warning", "--no-access-log", "--port"]
    return [
        _ours(made, "champion", champion),
        _ours(made, "trees", trees),
        Contender(
            "`mlflow models serve`",
            lambda port: [*serve, "--workers", 1, "--port", port],
            "/ping",
            mlflow,
            environment,
        ),
        Contender(
            "BentoML",
            lambda port: [bin_ / "bentoml", "serve", service, "--port", port],
            "/readyz",
            bento,
            where,
        ),
        Contender(
            "no-op FastAPI",
            lambda port: [*uvicorn, port, "benchmarks.noop_app:app"],
            "/",
            {"row": Asked("GET", [("/", "")])},
        ),
    ]
