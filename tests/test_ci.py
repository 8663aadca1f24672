"""The build script: its order, its environment, and what its reader sees last."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.needs import ROOT

# Stands for make: notes what it was asked for and in which environment, and ends as pytest would.
MAKE = """#!/bin/sh
echo "$1 servers=$REQUIRE_SERVERS data=$STORECAST_REAL_DATA" >> "$NOTES"
echo "===== 3 passed, 1 skipped in 1.23s ($1) ====="
test "$1" != "$FAILING"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with the build script alone, and a make that takes notes."""
    folder = tmp_path / "my clone"
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "make").write_text(MAKE, encoding="utf-8")
    (tmp_path / "bin" / "make").chmod(0o755)
    return folder


def build(clone: Path, *, failing: str = "", data: str = "") -> tuple[int, list[str], list[str]]:
    """(exit status, what was asked of make, output) of the build script, started from elsewhere."""
    notes = clone / "notes"
    environment = os.environ | {
        "PATH": f"{clone.parent / 'bin'}:{os.environ['PATH']}",
        "NOTES": str(notes),
        "FAILING": failing,
        "STORECAST_REAL_DATA": data,
    }
    done = subprocess.run(
        [clone / ".ci" / "run"],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, notes.read_text(encoding="utf-8").splitlines(), done.stdout.splitlines()


def test_the_whole_build_runs_in_order_and_leaves_nothing_out(clone: Path) -> None:
    """System packages, checks, tests, long tests; an absent server is a failure in each."""
    status, notes, output = build(clone)
    assert status == 0
    assert [note.split()[0] for note in notes] == ["setup-ci", "check", "test", "e2e"]
    assert all("servers=1" in note for note in notes)
    assert output[-3:] == [
        "test: ===== 3 passed, 1 skipped in 1.23s (test) =====",
        "e2e: ===== 3 passed, 1 skipped in 1.23s (e2e) =====",
        "all passed",
    ]


@pytest.mark.parametrize(("failing", "ran"), [("setup-ci", 1), ("check", 2), ("test", 3), ("e2e", 4)])
def test_a_failure_ends_the_build_and_is_its_status(clone: Path, failing: str, ran: int) -> None:
    """No later step runs, none hides it, and the closing lines of what ran are still shown."""
    status, notes, output = build(clone, failing=failing)
    assert status != 0
    assert len(notes) == ran
    assert output[-1].startswith("FAILED")
    assert sum("passed, 1 skipped" in line for line in output[output.index("== closing lines") :]) == max(
        0, ran - 2
    )


def test_the_real_data_is_found_beside_the_clone_by_its_whole_path(clone: Path) -> None:
    """Tests change their folder; the path that they are given does not depend on it."""
    assert build(clone)[1][0].endswith("data=")
    (clone / "notes").unlink()
    data = clone.parent / "shared" / "data"
    data.mkdir(parents=True)
    assert build(clone)[1][0].endswith(f"data={data}")
    (clone / "notes").unlink()
    assert build(clone, data="/elsewhere")[1][0].endswith("data=/elsewhere")
