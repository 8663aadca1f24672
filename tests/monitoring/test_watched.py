"""The real service watched by a real Prometheus: faults ring at whoever is told and are called off, and each
panel of the dashboards has an answer."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from math import isfinite

import httpx
import psycopg
import pytest

from tests.cli.calls import call
from tests.monitoring.shop import HORIZON, NEWS, STORES, Row, Shop, open_shop, run
from tests.monitoring.watch import Watch, watching
from tests.needs import ROOT
from tests.serve_process import await_
from tools.panels import DASHBOARDS

pytestmark = pytest.mark.e2e

OF_CONTAINERS = "cAdvisor comes as an image of Docker's alone: no package of Debian's brings it"
EMPTY = {  # panels that may have no answer here, and why
    ("infrastructure", "Containers", "Processor"): OF_CONTAINERS,
    ("infrastructure", "Containers", "Memory"): OF_CONTAINERS,
    ("infrastructure", "Containers", "Network"): OF_CONTAINERS,
}
RECEIVERS = {"critical": "now", "warning": "today", "info": "sometime"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened


@pytest.fixture(scope="module")
def watch(shop: Shop) -> Iterator[Watch]:
    addresses = [shop.address(1), shop.address(2)]
    with watching(shop.folder / "watch", addresses, shop.keys["reader"]) as made:
        await_(lambda: len(made.ask('up{job="storecast"} == 1')) == 2)
        yield made


def rings(watch: Watch, alert: str, **labels: str) -> None:
    """Whoever is to be told was told, in words for people, with a runbook that is there."""
    await_(lambda: watch.says("firing", alert, **labels), lambda: f"{alert} does not ring: {watch.heard()}")
    told = watch.last(alert, **labels)
    assert told is not None
    assert told.receiver == RECEIVERS[told.labels["severity"]]
    for words in (told.annotations["summary"], told.annotations["description"]):
        assert len(words) > 15
        assert not re.search(r"\{\{|\}\}|NaN|%!|<no value>", words), words
    assert (ROOT / told.annotations["runbook"]).is_file()


def is_called_off(watch: Watch, alert: str, **labels: str) -> None:
    """They were told that it is over."""
    await_(lambda: watch.says("resolved", alert, **labels), lambda: f"{alert} rings on: {watch.heard()}")


def as_a_year_ago(row: Row, before: float | None) -> float:
    """The seasonal naive is all but right: no model beats it on these weeks."""
    assert before is not None
    return before * (1.001 if int(row["Store"]) % 2 else 0.999)


def tripled(row: Row, before: float | None) -> float:
    return float(row["Weekly_Sales"]) * 3


def learn_the_truth(shop: Shop) -> None:
    """What was sold in all weeks becomes known, and the model is judged by it."""
    true = shop.sales("true")
    run("actuals", true)
    run("monitor", true)


def test_faults_ring_and_are_called_off(shop: Shop, watch: Watch) -> None:
    """Model, service, log, Redis, trial and backup: each alert comes to the webhook while its fault lasts,
    and its end when the fault is gone."""
    second = {"instance": shop.address(2)}
    shop.client.get("/v1/forecasts", params={"horizon": HORIZON}).raise_for_status()
    await_(lambda: not watch.ringing(), watch.heard)  # on a busy machine a look may come too late

    # The world turned: weeks late, forecasts beaten by a naive, sales that no earlier year explains.
    late = NEWS - 3  # five weeks of twenty stores: a hundred forecasts that met their actual
    run("actuals", shop.sales("late", known=late, change=as_a_year_ago))
    run("monitor", shop.sales("tripled", known=late, change=tripled))
    run("models", "canary", shop.register_bad(), "--share", "0.3", "--why", "a test", "--overrule")
    rings(watch, "StorecastCanaryBreach", kind="accuracy")

    # The log's database refuses what one store is answered; a backup finds no place, another one is damaged.
    with psycopg.connect(shop.settings["STORECAST_LOG_URL"], autocommit=True) as database:
        database.execute("ALTER TABLE forecasts ADD CONSTRAINT odd CHECK (series <> '7') NOT VALID")
    shop.client.get("/v1/forecasts", params={"series": "7", "horizon": 1}).raise_for_status()
    name = run("backup", "create", "--json").json()["name"]
    archive = shop.folder / "backups" / name
    archive.write_bytes(archive.read_bytes()[:-1])
    assert call("backup", "verify", archive).code == 1
    assert call("backup", "create", shop.folder / "whole.csv").code == 1

    # A service dies, and Redis.
    shop.services[2].end(signal.SIGKILL)
    shop.redis.stop()
    with shop.traffic():
        for alert in ("StorecastEntriesParked", "StorecastBackupFailed", "StorecastBackupBad"):
            rings(watch, alert)
        rings(watch, "StorecastDown", **second)
        rings(watch, "StorecastRedisDown", instance=shop.address(1))

        # It is back, without a version: who asks it gets errors. Then the database goes.
        shop.redis.start()
        shop.releases.unlink()
        shop.start(2, wait="listening")
        is_called_off(watch, "StorecastDown", **second)
        rings(watch, "StorecastNoChampion", **second)
        rings(watch, "StorecastErrors")
        shop.postgres.stop()
        rings(watch, "StorecastDatabaseAway", **second)
        rings(watch, "StorecastSpoolFilling", instance=shop.address(1))
        for alert in ("StorecastDrift", "StorecastDecay", "StorecastActualsLate"):
            rings(watch, alert)

        # All is put right.
        shop.releases.symlink_to(shop.home / "releases")
        shop.postgres.start()
        is_called_off(watch, "StorecastNoChampion", **second)
        is_called_off(watch, "StorecastRedisDown", instance=shop.address(1))
        is_called_off(watch, "StorecastDatabaseAway", **second)
    with psycopg.connect(shop.settings["STORECAST_LOG_URL"], autocommit=True) as database:
        database.execute("ALTER TABLE forecasts DROP CONSTRAINT odd")
    archive.unlink()
    run("backup", "create", "--verify")
    learn_the_truth(shop)
    assert shop.services[1].end() == 0
    shop.start(1)
    await_(lambda: not watch.ringing(), lambda: f"{watch.ringing()} ring on:\n{watch.heard()}")


def panels() -> Iterator[tuple[str, str, str, str]]:
    """Dashboard, row, panel and query of each question of the dashboards that Grafana is given."""
    for name in DASHBOARDS:
        row = ""
        board = json.loads((ROOT / "monitoring" / "grafana" / "dashboards" / f"{name}.json").read_text())
        for panel in board["panels"]:
            if panel["type"] == "row":
                row = panel["title"]
            for target in panel.get("targets", ()):
                yield name, row, panel["title"], target["expr"]


def without_answer(watch: Watch) -> set[tuple[str, str, str]]:
    """The panels of which a query gives no number."""
    return {
        (board, row, title)
        for board, row, title, query in panels()
        if not any(isfinite(float(sample["value"][1])) for sample in watch.ask(query))
    }


def use(client: httpx.Client, weeks: list[str]) -> None:
    """Everything that people and programs ask a service for, once or twice."""
    some = {"temperature": 80.0}
    rows = [{"store": k + 1, "date": week, **some} for k in range(STORES) for week in weeks]
    ask = {"series": "total", "by": "total", "horizon": 8, "inputs": some}
    for _ in range(2):  # what the model was asked is kept: the second time it comes from the cache
        assert client.post("/v1/predictions", json={"rows": rows}).status_code == 200
        assert client.post("/v1/what-if", json=ask).status_code == 200
    for path in (
        f"/v1/forecasts?horizon={HORIZON}",
        *(f"/v1/forecasts?series={k + 1}&horizon=1" for k in range(STORES)),
        "/v1/explanations?series=1",
        "/v1/series",
        "/v1/backtests",
        "/v1/monitoring/status",
    ):
        assert client.get(path).status_code == 200, path
    assert client.get("/v1/forecasts?series=none").status_code == 422
    assert client.get("/v1/forecasts", headers={"authorization": "Bearer no"}).status_code == 401
    for event in ("session", "page", "download"):
        assert client.post("/v1/usage", json={"event": event, "page": "forecast"}).status_code == 204


def too_often(client: httpx.Client) -> bool:
    """Ask faster than a key may."""
    return any(client.get("/v1/session").status_code == 429 for _ in range(500))


def worked_off(shop: Shop) -> None:
    """A data set that was uploaded is fitted and forecast by the follower."""
    kind = {"content-type": "text/csv"}
    sent = shop.client.post("/v1/datasets", content=shop.sales("small").read_bytes(), headers=kind)
    at = sent.raise_for_status().headers["location"]
    await_(lambda: shop.client.get(at).json()["state"] in ("done", "failed"))
    assert shop.client.get(at).json()["state"] == "done"


def test_every_panel_has_an_answer(shop: Shop, watch: Watch) -> None:
    """After use of every kind each query of each dashboard gives numbers, but for those with a reason."""
    weeks = shop.weeks()
    ahead = {"series": ["1"], "dates": [weeks[NEWS]], "mode": "value", "value": 20_000.0, "why": "a fair"}
    assert shop.client.post("/v1/overrides", json=ahead).status_code == 201
    run("backup", "create", "--verify")
    learn_the_truth(shop)
    came = {"unique_id": "1", "ds": weeks[NEWS], "y": 21_000.0}  # what the override is judged by
    assert shop.client.post("/v1/actuals", json={"actuals": [came]}).status_code == 200
    run("models", "shadow", 2)
    worked_off(shop)
    assert too_often(shop.client)
    time.sleep(3)  # until the key may ask again

    left = {(board, row, title) for board, row, title, _ in panels()} - EMPTY.keys()

    def all_answered(*but: str) -> bool:
        use(shop.client, weeks)
        time.sleep(0.5)  # Prometheus looks every second
        left.intersection_update(without_answer(watch))
        return {title for _, _, title in left} <= set(but)

    # A challenger is in shadow or has a share, one at a time.
    await_(lambda: all_answered("Canary"), lambda: f"no answer: {left}")
    run("models", "shadow", 2, "--stop")
    run("models", "canary", 2, "--share", "0.5", "--why", "a test", "--overrule")
    await_(all_answered, lambda: f"no answer: {left}")
    assert EMPTY.keys() <= without_answer(watch), "a panel with a reason to be empty has an answer"
