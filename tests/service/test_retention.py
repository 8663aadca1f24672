"""How long answers are kept: as long as the keeper says, and by themselves."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from storecast.stores.forecast_log.datasets import DatasetTable
from tests.log_worker import entry_of
from tests.service.conftest import Made, publish, running

HOUR = 3_600_000_000  # microseconds
DAY = 86_400_000_000  # microseconds


def test_old_answers_go_by_themselves(tmp_path: Path, versions: dict[str, Made]) -> None:
    """With a number of days what is older is removed while the service runs; without, nothing is."""
    publish(tmp_path, versions["stores"], 1)
    with running(tmp_path) as service:
        log, now = service.worker.log, time.time_ns() // 1000
        made = [entry_of(log, k, at=now - k * DAY) for k in range(5)]
        # Ids are of the time of the entry, as those of answers are.
        made = [
            e._replace(id=f"{(e.at // 1000):012x}"[:8] + "-" + f"{(e.at // 1000):012x}"[8:] + e.id[13:])
            for e in made
        ]
        for entry in made:
            log.submit(entry).result(20)
    with running(tmp_path) as service:
        time.sleep(0.5)
        assert len(service.entries()) == 5
    with running(tmp_path, log_days=2) as service:
        deadline = time.monotonic() + 20
        while len(service.entries()) > 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [entry.id for entry in service.entries()] == [made[1].id, made[0].id]


def test_data_sets_that_nobody_needs_go_by_themselves(tmp_path: Path, versions: dict[str, Made]) -> None:
    """An upload whose process died goes after an hour; data sets after a number of days, else never."""
    publish(tmp_path, versions["stores"], 1)
    made: dict[str, str] = {}

    def left(*expected: str, days: int = 0) -> None:
        with running(tmp_path, dataset_days=days) as service:
            table = DatasetTable(service.worker.log.database)
            deadline = time.monotonic() + 20
            names = {key for key, item in made.items() if table.find(item, owner=None) is not None}
            while names != {*expected} and time.monotonic() < deadline:
                time.sleep(0.05)
                names = {key for key, item in made.items() if table.find(item, owner=None) is not None}
            assert names == {*expected}

    with running(tmp_path) as service:
        now = time.time_ns() // 1000
        for key, age, state in (
            ("broken off", 2 * HOUR, "uploading"),
            ("under way", 0, "uploading"),
            ("old", 5 * DAY, "uploaded"),
            ("new", DAY, "uploaded"),
        ):
            table = DatasetTable(service.worker.log.database, clock=partial(int, 1000 * (now - age)))
            made[key] = table.upload("Ann", "sales.csv", "text/csv", [b"store,date,sales"]).id
            assert table.set_state(made[key], state)
    left("under way", "old", "new")
    left("under way", "new", days=2)
