"""What a worker has loaded after it was asked everything, and what that costs."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.serve_process import Serving, await_
from tests.service.conftest import Made, publish

FORBIDDEN = ("pandas", "sklearn", "mlflow", "lightgbm", "scipy", "matplotlib", "pyarrow", "openpyxl")
# Python runs a module of this name at its start: the worker itself stays as it is.
LISTENER = """
import json, os, signal, sys

def tell(*_):
    with open(os.environ["MODULES_FILE"] + ".partial", "w") as file:
        json.dump(sorted(sys.modules), file)
    os.rename(file.name, os.environ["MODULES_FILE"])

signal.signal(signal.SIGUSR1, tell)
"""
ROW = {"store": "1", "date": "2012-06-01", "holiday_flag": 0, "temperature": 61.5, "cpi": 211.0}


def ask_everything(serving: Serving, store: str) -> None:
    """A request of every kind that computes, looks up, writes or parses."""
    client = serving.client
    weeks = client.get("/v1/forecasts", params={"series": store, "horizon": 3}).raise_for_status().json()
    day = weeks["forecasts"][1]["ds"]
    row = {**ROW, "store": store, "date": day}
    text = "store,date,temperature\n" + f"{store},{day},55.0\n" * 3
    csv = {"content-type": "text/csv"}
    what_if = {"series": store, "horizon": 3, "inputs": {"temperature": 80.0}}
    answers = [
        client.get("/v1/forecasts", params={"series": store}, headers={"accept": "text/csv"}),
        client.post("/v1/predictions", json={"rows": [row]}),
        client.post("/v1/predictions", content=text, headers=csv),
        client.post("/v1/what-if", json=what_if),
        client.get("/v1/explanations", params={"series": store, "date": day}),
        client.get("/v1/series"),
        client.get("/v1/models"),
        client.get("/v1/backtests"),
        client.get("/v1/events"),
        client.get("/metrics"),
        client.get("/openapi.json"),
        client.post("/invocations", json={"dataframe_records": [{"unique_id": store, "ds": day}]}),
        client.post("/v1/datasets", content=text, headers=csv),
    ]
    assert [(a.request.url.path, a.status_code, a.text[:300]) for a in answers if a.status_code >= 500] == []
    assert [a.status_code for a in answers[:4]] == [200] * 4, [a.text[:300] for a in answers[:4]]


@pytest.mark.parametrize("name", ["trees", "stores"])
def test_a_live_worker_stays_lean(
    versions: dict[str, Made], tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    """Neither at its start nor by any request does it load pandas, scikit-learn, MLflow or LightGBM's Python
    package; and it is small. The work until it is ready is noted, which a busy machine makes more of."""
    (tmp_path / "listener").mkdir()
    (tmp_path / "listener" / "sitecustomize.py").write_text(LISTENER)
    home, modules = tmp_path / "home", tmp_path / "modules.json"
    publish(home, versions[name], 1)
    path = os.pathsep.join([str(tmp_path / "listener"), *filter(None, [os.environ.get("PYTHONPATH")])])
    with Serving(home, "--no-follow", PYTHONPATH=path, MODULES_FILE=str(modules)) as serving:
        start = cpu_seconds(serving.process.pid)
        ask_everything(serving, "1")
        serving.process.send_signal(signal.SIGUSR1)
        await_(modules.exists, serving.written)
        loaded = set(json.loads(modules.read_text()))
        size = resident_megabytes(serving.process.pid)
    # for whoever reads a report of the tests
    request.node.user_properties += [("cpu seconds until ready", start), ("resident megabytes", size)]
    assert {"numpy", "uvicorn", "storecast.service.app", "storecast.forecasting.state"} <= loaded
    assert sorted(n for n in loaded if n.partition(".")[0] in FORBIDDEN) == []
    assert sorted(n for n in loaded if n.startswith(("storecast.jobs", "storecast.wiring.batch"))) == []
    assert size <= 150


def cpu_seconds(process: int) -> float:
    """Work done by the process so far, by all of its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(process: int) -> float:
    """Memory in use at its highest."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
