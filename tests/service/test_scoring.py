"""MLflow's scoring protocol: its own client works unchanged, its own server gives the same answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
import uvicorn
from mlflow.pyfunc import scoring_server
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from storecast.ports import ArtifactContent
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.registry import MlflowRegistry
from tests.fakes import ticking_clock
from tests.service.conftest import Made, Running


@pytest.fixture(scope="module")
def uri(versions: dict[str, Made], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registry with the very version that the service serves."""
    registry = MlflowRegistry(tmp_path_factory.mktemp("registry"), clock=ticking_clock())
    content: ArtifactContent = ArtifactFolders().load(str(versions["departments"].folder))
    registry.register("storecast", content, params={}, metrics={}, tags={}, files={})
    return registry.uri


@pytest.fixture
def mlflow_server(uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """What `mlflow models serve` serves of it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    app = scoring_server.init(mlflow.pyfunc.load_model("models:/storecast/1"))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)


def _rows(made: Made) -> list[tuple[str, str]]:
    rows = [(str(key), str(week)) for key in made.forecaster.keys for week in made.forecaster.weeks]
    np.random.default_rng(4).shuffle(rows)
    return rows


def _same(
    service: Running, server: httpx.Client, body: Any, kind: str = "application/json"
) -> list[dict[str, Any]]:
    """Both are asked alike, and answer alike."""
    content = body if isinstance(body, str) else json.dumps(body)
    ours = service.client.post("/invocations", content=content, headers={"content-type": kind})
    theirs = server.post("/invocations", content=content, headers={"content-type": kind})
    assert theirs.status_code == 200, theirs.text
    assert ours.status_code == 200, ours.text
    assert ours.json() == theirs.json()
    return ours.json()["predictions"]  # type: ignore[no-any-return]


def test_the_same_answers_as_mlflows_server(
    departments: Running, versions: dict[str, Made], mlflow_server: httpx.Client
) -> None:
    """Every series and week by date or weeks ahead, in every form that MLflow takes, at any levels: equal to
    the last bit and in the same order."""
    rows = _rows(versions["departments"])
    first = versions["departments"].forecaster.cutoff
    ahead = [(key, int((np.datetime64(week) - first).astype(int)) // 7) for key, week in rows]
    split = {"columns": ["unique_id", "ds"], "data": [list(row) for row in rows]}
    found = _same(departments, mlflow_server, {"dataframe_split": split})
    assert len(found) == len(rows)
    by_horizon = {"columns": ["unique_id", "horizon"], "data": [list(row) for row in ahead]}
    assert _same(departments, mlflow_server, {"dataframe_split": by_horizon}) == found
    records = [{"unique_id": key, "ds": week} for key, week in rows]
    assert _same(departments, mlflow_server, {"dataframe_records": records}) == found
    columns = {"unique_id": [key for key, _ in rows], "ds": [week for _, week in rows]}
    assert _same(departments, mlflow_server, {"inputs": columns}) == found
    for levels in ([80.0], [50.0, 80.0, 99.5]):
        given = {"dataframe_split": split, "params": {"level": levels}}
        assert len(_same(departments, mlflow_server, given)[0]) == 3 + 2 * len(levels)
    text = "unique_id,horizon\n" + "".join(f"{key},{h}\n" for key, h in ahead)
    assert _same(departments, mlflow_server, text, "text/csv") == found


def test_mlflows_client_needs_no_change(departments: Running, versions: dict[str, Made]) -> None:
    """It waits for the service, asks for its version, and gets a frame of forecasts."""
    client = ScoringServerClient("127.0.0.1", departments.port)
    client.wait_server_ready(timeout=30)
    assert client.get_version() == mlflow.__version__
    forecaster = versions["departments"].forecaster
    rows = _rows(versions["departments"])
    dates = pd.DataFrame(rows, columns=["unique_id", "ds"])
    for frame in (dates, dates.assign(ds=pd.to_datetime(dates["ds"]))):
        before = len(departments.entries())
        found = client.invoke(frame, params={"level": [80.0]}).get_predictions()
        assert found["unique_id"].tolist() == dates["unique_id"].tolist()
        low, high = forecaster.limits(80.0)
        for i, (key, week) in enumerate(rows):
            h = int(np.searchsorted(forecaster.weeks, np.datetime64(week)))
            n = int(np.searchsorted(forecaster.keys, key))
            row = found.iloc[i]
            assert (row["storecast"], row["storecast-lo-80"], row["storecast-hi-80"]) == (
                forecaster.point[h, n],
                low[h, n],
                high[h, n],
            )
        entries = departments.entries()[before:]
        assert [(entry.kind, entry.rows) for entry in entries] == [("invocation", len(rows))]
    with pytest.raises(Exception, match=r"error code 422.*unique_id"):
        client.invoke(pd.DataFrame({"unique_id": ["9_9"], "horizon": [1]}))


def test_rows_of_the_classic_form_are_taken_too(trees: Running, versions: dict[str, Made]) -> None:
    """As /v1/predictions answers them, with what the version reads given or left out."""
    week = str(versions["trees"].forecaster.weeks[0])
    rows = [{"Store": s, "Date": week, "Temperature": t} for s, t in ((1, 30.0), (2, None), (3, -5.0))]
    frame = pd.DataFrame(rows)
    client = ScoringServerClient("127.0.0.1", trees.port)
    found = client.invoke(frame).get_predictions()
    given = [{k.lower(): v for k, v in row.items() if v is not None} for row in rows]
    asked = trees.client.post("/v1/predictions", json={"rows": given}).json()["predictions"]
    assert found["storecast"].tolist() == [row["storecast"] for row in asked]


def test_alive_as_mlflow_means_it(stores: Running) -> None:
    """Both paths answer an empty line, and need no key."""
    for path in ("/ping", "/health"):
        answer = stores.client.get(path)
        assert (answer.status_code, answer.text) == (200, "\n")
