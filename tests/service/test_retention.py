"""How long answers are kept: as long as the keeper says, and by themselves."""

from __future__ import annotations

import time
from pathlib import Path

from tests.log_worker import entry_of
from tests.service.conftest import Made, publish, running

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
