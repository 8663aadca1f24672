"""What the last look found, as routes and metrics show it; nothing is made up before there was one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from storecast.stores.forecast_log.monitor_runs import MonitorRunTable
from storecast.webapp.pages.monitoring import counts
from tests.service.conftest import Made, Running, publish, running

FIGURES = {
    "rows": 12.0,
    "wmae": 10.0,
    "wape": 0.08,
    "bias": -0.01,
    **{f"{f}:{n}": 0.1 for n in ("seasonal-naive", "naive-growth") for f in ("wmae", "bias", "fva")},
    "wape:seasonal-naive": 0.2,
    "wape:naive-growth": 0.1,
    "coverage-80": 75.0,
    "width-80": 3.0,
    "coverage-95": None,
    "width-95": None,
}
BODY: dict[str, Any] = {
    "at": "2026-01-01T12:00:00+00:00",
    "model": {"name": "storecast", "version": 3, "digest": "0" * 64, "model": "blend"},
    "verdict": "retrain",
    "due": True,
    "next": "Train again.",
    "reasons": [{"kind": "age", "action": "retrain", "what": "It is old.", "numbers": {"weeks": 30}}],
    "trained": "2012-01-06",
    "last_actual": "2012-06-01",
    "live": {
        "all": FIGURES,
        "by": {"version": {"3": FIGURES}, "store": {"1": FIGURES}, "horizon": {"1-4": FIGURES}, "week": {}},
    },
    "drift": {
        "checks": [{"kind": "level"}, {"kind": "unit"}],
        "counts": {"unit": 2},
        "alarms": [],
        "first_week": "2012-05-25",
        "last_week": "2012-06-01",
        "series": 3,
    },
    "no_drift": "",
}
LIFE = tuple(f"storecast_{name}_" for name in ("monitor", "actuals", "live", "drift", "retraining"))


def samples(client: httpx.Client) -> list[str]:
    return [line for line in client.get("/metrics").text.splitlines() if line.startswith(LIFE)]


def test_nothing_is_made_up_before_the_first_look(stores: Running) -> None:
    """No figure, no alarm, no metric; and it says who would look."""
    found = stores.client.get("/v1/monitoring/status").json()
    assert (found["verdict"], found["live"], found["drift"]) == (None, None, None)
    assert "storecast monitor" in found["next"]
    assert stores.client.get("/v1/monitoring/accuracy?by=store").json()["groups"] == []
    assert samples(stores.client) == []
    assert stores.client.get("/v1/monitoring/accuracy?by=moon").status_code == 422


def test_a_look_is_shown_within_seconds(versions: dict[str, Made], tmp_path: Path) -> None:
    """Routes and metrics show what the last look found, without a restart, and no more."""
    publish(tmp_path, versions["stores"], 1)
    with running(tmp_path) as service:
        table = MonitorRunTable(service.worker.log.database)
        table.record("other", 1, verdict="nothing", due=False, body="{}")
        run = table.record("storecast", 1, verdict="retrain", due=True, body=json.dumps(BODY))
        # the server of these tests runs no chores: what `storecast serve` does every two seconds
        service.worker.service.tables.looks.refresh()
        deadline = time.monotonic() + 30
        while not (found := samples(service.client)) and time.monotonic() < deadline:
            time.sleep(0.1)
        text = "\n".join(found)
        status = service.client.get("/v1/monitoring/status").json()
        assert (status["verdict"], status["due"], status["next"]) == ("retrain", True, "Train again.")
        assert (status["looked_at"], status["version"], status["model"]["version"]) == (BODY["at"], 3, 1)
        assert status["live"]["wape"] == 0.08
        groups = service.client.get("/v1/monitoring/accuracy?by=version").json()
        assert groups["groups"] == [{"name": "3", **FIGURES}]
        assert (groups["by"], groups["looked_at"], groups["all"]) == ("version", BODY["at"], None)
        metrics = service.client.get("/metrics").text
    values = {line.split(" ")[0]: float(line.split(" ")[1]) for line in found}
    assert values == pytest.approx(
        {
            "storecast_monitor_last_run_timestamp_seconds": run.at / 1e6,
            "storecast_actuals_last_week_timestamp_seconds": 1338508800.0,
            "storecast_retraining_due": 1.0,
            "storecast_live_rows": 12.0,
            "storecast_live_wape_ratio": 0.08,
            "storecast_live_naive_wape_ratio": 0.1,
            "storecast_live_bias_ratio": -0.01,
            "storecast_live_value_added_ratio": 0.2,
            'storecast_live_coverage_ratio{level="80"}': 0.75,
            'storecast_drift_alarms{kind="level"}': 0.0,
            'storecast_drift_alarms{kind="unit"}': 2.0,
        }
    )
    assert counts(text, "storecast_drift_alarms")
    cutoff = [line for line in metrics.splitlines() if line.startswith("storecast_model_cutoff_timestamp_s")]
    assert len(cutoff) == 1
