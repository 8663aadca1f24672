"""A million rows through a real worker process: every row answered in its place, and the memory flat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.serve_process import Serving
from tests.service.conftest import HORIZON, Made, publish

ROWS = 1_000_000
MOST = 500  # MiB


def _peak(process: int) -> int:
    """The most memory that a process ever had, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


@pytest.mark.e2e
@pytest.mark.parametrize("given", [False, True], ids=["looked up", "asked of the model"])
def test_a_million_rows_flow_through(given: bool, tmp_path: Path, versions: dict[str, Made]) -> None:
    """Sent and fetched in pieces, as CSV: at most 500 MiB at any time, and the forecasts are those of the
    version; the log has one entry for all."""
    made = versions["trees"]
    publish(tmp_path, made, 1)
    draw = np.random.default_rng(6)
    series, weeks = draw.integers(0, 3, ROWS), draw.integers(0, HORIZON, ROWS)
    names, days = made.forecaster.keys.tolist(), [str(week) for week in made.forecaster.weeks]
    heat = draw.normal(15, 10, ROWS).round(1).tolist()

    def sent() -> Iterator[bytes]:
        yield b"store,date,temperature\n" if given else b"store,date\n"
        for start in range(0, ROWS, 10_000):
            rows = range(start, start + 10_000)
            tail = (lambda i: f",{heat[i]}") if given else (lambda i: "")
            yield "".join(f"{names[series[i]]},{days[weeks[i]]}{tail(i)}\n" for i in rows).encode()

    with Serving(tmp_path, "--no-follow") as serving:
        before = _peak(serving.process.pid)
        found, wrong, rest = -1, 0, b""
        headers = {"content-type": "text/csv"}
        path = "/v1/predictions?levels=80"
        with serving.client.stream("POST", path, content=sent(), headers=headers, timeout=600) as answer:
            assert answer.status_code == 200
            for piece in answer.iter_bytes():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if found >= 0:
                        store, day, point, _ = line.split(b",", 3)
                        n, h = series[found], weeks[found]
                        wrong += (store.decode(), day.decode()) != (names[n], days[h])
                        wrong += not given and float(point) != made.forecaster.point[h, n]
                    found += 1
        assert (found, wrong, rest) == (ROWS, 0, b"")
        peak = _peak(serving.process.pid)
        assert peak <= MOST, f"{before} MiB when it was ready, {peak} MiB at most"
        page = serving.client.get("/metrics").text
        assert 'storecast_forecasts_served_total{kind="prediction"} 1e+06' in page
        assert 'storecast_log_entries_total{outcome="committed"} 1.0' in page
