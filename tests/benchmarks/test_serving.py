"""The serving benchmark: what it asks, how it reads what came of it, what it makes of the figures."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import serving_contenders, serving_million, serving_table
from benchmarks.openloop import arrivals, open_loop, percentile
from benchmarks.processes import cpu_seconds, family, memory_mb, started
from benchmarks.serving_load import medians
from benchmarks.wrk import TURN, Asked, parse, script
from storecast.errors import SetupError

_TOLD = (
    'wrk-found {"requests":100,"seconds":2.000000,"p50_ms":1.500,"p99_ms":9.000,"refused":%d,"broken":%d}\n'
)


def test_what_wrk_found_is_read_among_its_own_words() -> None:
    """The script's line counts, whatever wrk says around it."""
    load = parse("Running 2s test\n  1 threads\n" + _TOLD % (0, 0))
    assert (load.requests, load.seconds, load.p50_ms, load.p99_ms) == (100, 2.0, 1.5, 9.0)


@pytest.mark.parametrize("text", [_TOLD % (1, 0), _TOLD % (0, 1), "", _TOLD % (0, 0) * 2])
def test_a_load_that_was_not_answered_well_is_no_figure(text: str) -> None:
    """One refusal, one broken connection, or no figures at all, and there is none."""
    with pytest.raises(RuntimeError):
        parse(text)


def test_texts_reach_wrk_as_they_are() -> None:
    """Quotes, backslashes and line ends are escaped for Lua; a turn is put in between."""
    asked = Asked("POST", [("/a", 'x "\\\n'), ("/b", f"20.{TURN},")], {"Content-Type": "text/csv"})
    made = script(asked, 700)
    assert "local turn = 700\n" in made
    assert r'wrk.format("POST", "/a", headers, "x \"\\\n")' in made
    assert 'function(turn) return wrk.format("POST", "/b", headers, "20." .. turn .. ",") end' in made
    assert '["Content-Type"] = "text/csv"' in made


def test_requests_are_whole_http() -> None:
    """The length is that of the bytes, and there is none without a body."""
    with_body, without = Asked("POST", [("/a", "é"), ("/b", "")], {"X": "y"}).as_bytes("here:1")
    assert with_body == b"POST /a HTTP/1.1\r\nHost: here:1\r\nX: y\r\nContent-Length: 2\r\n\r\n\xc3\xa9"
    assert without == b"POST /b HTTP/1.1\r\nHost: here:1\r\nX: y\r\n\r\n"


def test_callers_come_independently_and_as_often_as_asked() -> None:
    """A Poisson process: seeded, rising, of its rate, with gaps as varied as they are long."""
    times = arrivals(300.0, 100.0, 1)
    gaps = pd.Series(times).diff().dropna()
    assert times == arrivals(300.0, 100.0, 1) != arrivals(300.0, 100.0, 2)
    assert len(times) == pytest.approx(30_000, rel=0.03)
    assert gaps.min() > 0
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_one_of_the_values(share: float, expected: int) -> None:
    """The least that so many do not exceed."""
    assert percentile(list(range(100, 0, -1)), share) == expected


class _Stalling(http.server.BaseHTTPRequestHandler):
    """Answers; the first request keeps all others waiting for as long as ``stall`` says."""

    protocol_version = "HTTP/1.1"
    stall = 0.5
    lock = threading.Lock()
    answered = 0

    def do_GET(self) -> None:
        with self.lock:
            if not _Stalling.answered:
                time.sleep(self.stall)
            _Stalling.answered += 1
        self.send_response(200 if self.path == "/" else 500)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def _stalling() -> Iterator[int]:
    _Stalling.answered = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stalling) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_stall_counts_for_all_who_would_have_come_in_it() -> None:
    """No omission: each waits from when it was due until the stall was over, not only the first."""
    due = [0.0, 0.1, 0.2, 0.3]
    with _stalling() as port:
        took = asyncio.run(open_loop("127.0.0.1", port, Asked("GET", [("/", "")]).as_bytes("here"), due))
    assert len(took) == 4
    for at, seconds in zip(due, took, strict=True):
        assert seconds >= _Stalling.stall - at - 0.05


def test_an_open_loop_of_refusals_is_no_figure() -> None:
    """An answer that is not 200 ends it."""
    with _stalling() as port, pytest.raises(RuntimeError, match="not answered well"):
        asyncio.run(open_loop("127.0.0.1", port, Asked("GET", [("/no", "")]).as_bytes("here"), [0.0]))


def test_a_server_is_found_with_its_children_and_ended_with_them(tmp_path: Path) -> None:
    """CPU and memory are those of the processes that live; afterwards none does."""
    program = (
        "import subprocess, sys, http.server\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"
    )

    def command(port: int) -> list[object]:
        from sys import executable

        return [executable, "-c", program, port]

    with started("it", command, "/", tmp_path / "log") as (_, process):
        found = family(process.pid)
        assert len(found) == 2
        assert all(memory_mb(one) > 1 for one in found)
        assert cpu_seconds(process.pid) > 0
    ends = time.monotonic() + 60
    while Path(f"/proc/{found[1]}/cmdline").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    assert not Path(f"/proc/{found[1]}/cmdline").exists()


def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    """What it wrote stands in the refusal."""
    with (
        pytest.raises(SetupError, match="no such option"),
        started("it", lambda port: ["sh", "-c", "echo no such option; exit 2"], "/", tmp_path / "log"),
    ):
        pass


def test_rows_are_asked_store_by_store_with_last_years_inputs() -> None:
    """The weeks after the last, the inputs of 52 weeks before, each store in its turn."""
    weeks = pd.date_range("2011-01-07", periods=60, freq="7D")
    frame = pd.concat(
        pd.DataFrame(
            {
                "unique_id": key,
                "ds": weeks,
                "y": 1.0,
                "is_holiday": [i == 9 for i in range(60)],
                "temperature": [first + i for i in range(60)],
            }
        )
        for key, first in (("1", 0.0), ("2", 100.0))
    )
    rows = serving_contenders.rows_ahead(frame, 2)
    after = [str((weeks[-1] + pd.Timedelta(weeks=h)).date()) for h in (1, 2)]
    assert rows == [
        {"store": "1", "date": after[0], "holiday_flag": 0, "temperature": 8.0},
        {"store": "2", "date": after[0], "holiday_flag": 0, "temperature": 108.0},
        {"store": "1", "date": after[1], "holiday_flag": 1, "temperature": 9.0},
        {"store": "2", "date": after[1], "holiday_flag": 1, "temperature": 109.0},
    ]


def test_the_bare_program_answers_what_is_in_the_table(tmp_path: Path) -> None:
    """Each row in its place, whatever the order of table and file."""
    table = {(s, f"2012-11-{d:02}"): f"{s}{d}.5" for s in ("2", "10", "1") for d in (16, 2, 9)}
    lines = [f"{s},{d},{value}\n" for (s, d), value in table.items()]
    (tmp_path / "table.csv").write_text("store,date,storecast\n" + "".join(lines))
    serving_million.write_rows(tmp_path / "rows.csv", list(table), 500)
    serving_million.bare(*(tmp_path / name for name in ("table.csv", "rows.csv", "out.csv")))
    asked = [tuple(line.split(",")) for line in (tmp_path / "rows.csv").read_text().split()[1:]]
    expected = [f"{s},{d},{float(table[s, d])}" for s, d in asked]
    assert (tmp_path / "out.csv").read_text().split()[1:] == expected
    assert len(set(asked)) == 9


def test_a_figure_is_the_median_of_its_rounds() -> None:
    """Of each by itself; one bad round moves nothing."""
    rounds = [{"a": 1.0, "b": 9.0}, {"a": 2.0, "b": 1.0}, {"a": 90.0, "b": 2.0}]
    assert medians(rounds) == {"a": 2.0, "b": 2.0}


def test_the_committed_page_is_made_of_the_committed_figures() -> None:
    """The table in results/ says what the JSON beside it says, and each ratio is of its two rates."""
    results = Path(serving_table.__file__).parent / "results"
    figures = json.loads((results / "serving.json").read_text())
    page = serving_table.text(figures["parts"]["rates"]["date"], figures)
    assert (results / "serving.md").read_text() == page + "\n"
    asked = figures["parts"]["rates"]["found"]["asked"]
    ours, theirs = asked["Storecast: row, 16"], asked["`mlflow models serve`: row, 16"]
    ratio = ours["requests_s"] / theirs["requests_s"]
    assert serving_table.times(asked, "Storecast: row, 16", "`mlflow models serve`: row, 16") == ratio
    (line,) = [line for line in page.splitlines() if line.startswith("| Storecast: row ") and " 16 |" in line]
    assert f" {ours['requests_s']:,.0f} |" in line
    assert f" {ratio:.1f} |" in line
