"""Two commands that make a version of one model: one works, the other is told who does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.calls import call

HOLD = """
import sys
from storecast.settings import Settings
from storecast.wiring import batch
with batch.alone_with(Settings(), sys.argv[1], "a test"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(name: str = "storecast") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of ``name``, until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def registered(name: str = "storecast") -> int:
    return len(call("models", "list", "--name", name, "--json").json()["versions"])


def test_the_second_is_told_who_works(sales: Path) -> None:
    """It exits with 1, names the holder's process, and registers nothing; another model goes on."""
    with holder() as process:
        done = call("train", sales / "short.csv", "--horizon", 4)
        assert done.code == 1
        assert "a test by " in done.err
        assert f"process {process.pid} on" in done.err
        assert call("train", sales / "short.csv", "--horizon", 4, "--name", "other").code == 0
    assert registered() == 0
    assert registered("other") > 0


def test_the_death_of_the_holder_frees_it(sales: Path) -> None:
    """However it ends: nobody has to remove a file by hand."""
    with holder() as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(20)
        assert call("train", sales / "short.csv", "--horizon", 4).code == 0
    assert registered() > 0
