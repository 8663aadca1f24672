"""The build script: its order, its environment, and what its reader sees last."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests import conftest
from tests.needs import ROOT

# Stands for make: notes what it was asked for and in which environment, and ends as pytest would. What is
# steady fails also when it is asked for again, with arguments for pytest.
MAKE = """#!/bin/sh
echo "$1 servers=$REQUIRE_SERVERS data=$STORECAST_REAL_DATA $2" >> "$NOTES"
if test "$1" = "$FAILING" && test "$STEADY" -o -z "$2"; then
    for number in $(seq $FAILED); do echo "FAILED tests/test_$number.py::test_it[a b] - AssertionError"; done
    echo "===== $FAILED failed, 3 passed in 1.23s ($1) ====="
    exit 2
fi
if test "$(date +%s)" -gt "${STORECAST_TESTS_END:-9999999999}"; then
    echo "SKIPPED [2] tests/test_a.py:5: the build's time was over (STORECAST_TESTS_END)"
    echo "SKIPPED [11] tests/test_b.py: the build's time was over (STORECAST_TESTS_END)"
fi
echo "===== 3 passed, 1 skipped in 1.23s ($1) ====="
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


def build(
    clone: Path, *, failing: str = "", failed: int = 0, steady: bool = True, data: str = "", minutes: str = ""
) -> tuple[int, list[str], list[str]]:
    """(exit status, what was asked of make, output) of the build script, started from elsewhere. So many
    tests of one step are ``failed``; unless ``steady`` they pass when they are run again."""
    notes = clone / "notes"
    environment = os.environ | {
        "PATH": f"{clone.parent / 'bin'}:{os.environ['PATH']}",
        "NOTES": str(notes),
        "FAILING": failing,
        "FAILED": str(failed),
        "STEADY": "yes" if steady else "",
        "STORECAST_REAL_DATA": data,
        "BUILD_MINUTES": minutes,
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
    """System packages, checks, tests, long tests, rehearsals; an absent server is a failure in each."""
    status, notes, output = build(clone)
    assert status == 0
    assert [note.split()[0] for note in notes] == ["setup-ci", "check", "test", "e2e", "rehearsal"]
    assert all("servers=1" in note for note in notes)
    assert output[-4:] == [
        "test: ===== 3 passed, 1 skipped in 1.23s (test) =====",
        "e2e: ===== 3 passed, 1 skipped in 1.23s (e2e) =====",
        "rehearsal: ===== 3 passed, 1 skipped in 1.23s (rehearsal) =====",
        "all passed",
    ]


@pytest.mark.parametrize(
    ("failing", "ran"), [("setup-ci", 1), ("check", 2), ("test", 3), ("e2e", 4), ("rehearsal", 5)]
)
def test_a_failure_ends_the_build_and_is_its_status(clone: Path, failing: str, ran: int) -> None:
    """No later step runs, none hides it, and the closing lines of what ran are still shown."""
    status, notes, output = build(clone, failing=failing)
    assert status != 0
    assert len(notes) == ran
    assert output[-1].startswith("FAILED")
    assert sum("3 passed" in line for line in output[output.index("== closing lines") :]) == max(0, ran - 2)


AGAIN = "ARGS=-n 0 --last-failed --last-failed-no-failures none"


@pytest.mark.parametrize("step", ["test", "e2e", "rehearsal"])
def test_a_few_that_failed_are_run_once_more_and_named(clone: Path, step: str) -> None:
    """What passes by itself does not end the build, and its reader sees last that it did not at first."""
    status, notes, output = build(clone, failing=step, failed=3, steady=False)
    assert status == 0
    assert len(notes) == 6
    assert [note.split()[0] for note in notes if note.endswith(AGAIN)] == [step]
    closing = output[output.index("== closing lines") :]
    assert f"{step}: ===== 3 failed, 3 passed in 1.23s ({step}) =====" in closing
    assert f"{step}-again: ===== 3 passed, 1 skipped in 1.23s ({step}) =====" in closing
    named = [f"unsteady, passed when run again: tests/test_{number}.py::test_it[a b]" for number in (1, 2, 3)]
    assert closing[-4:] == [*named, "all passed"]


@pytest.mark.parametrize(("failed", "asked"), [(3, 4), (4, 3)])
def test_what_fails_again_or_widely_ends_the_build(clone: Path, failed: int, asked: int) -> None:
    """There is one more run and no third; where many fail there is none."""
    status, notes, output = build(clone, failing="test", failed=failed)
    assert (status, len(notes)) == (2, asked)
    assert output[-1] == "FAILED with 2"
    assert not [line for line in output if "unsteady" in line]


def test_the_real_data_is_found_beside_the_clone_by_its_whole_path(clone: Path) -> None:
    """Tests change their folder; the path that they are given does not depend on it."""
    assert build(clone)[1][0].endswith("data= ")
    (clone / "notes").unlink()
    data = clone.parent / "shared" / "data"
    data.mkdir(parents=True)
    assert build(clone)[1][0].endswith(f"data={data} ")
    (clone / "notes").unlink()
    assert build(clone, data="/elsewhere")[1][0].endswith("data=/elsewhere ")


def test_what_a_slow_machine_has_no_time_for_is_counted(clone: Path) -> None:
    """Once the build's time is over no long test begins; how many were left out is said last. What failed is
    run again all the same."""
    status, _, output = build(clone, minutes="-1")
    assert status == 0
    assert output[-3:] == [
        "e2e: 13 tests were left out, the build's time was over",
        "rehearsal: 13 tests were left out, the build's time was over",
        "all passed",
    ]
    for minutes in ("0", ""):
        assert not [line for line in build(clone, minutes=minutes)[2] if "left out" in line]
    _, _, output = build(clone, minutes="-1", failing="e2e", failed=1, steady=False)
    assert "time was over" not in output[output.index("== e2e-again") + 1]


@pytest.mark.parametrize(("marker", "end", "begins"), [
    ("e2e", "1", False),
    ("rehearsal", "1", False),
    ("", "1", True),
    ("e2e", "9999999999", True),
    ("e2e", "", True),
])  # fmt: skip
def test_a_long_test_begins_before_the_end_alone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, marker: str, end: str, begins: bool
) -> None:
    """By the clock; all other tests run whatever it says."""
    monkeypatch.delenv("STORECAST_TESTS_END", raising=False)
    if end:
        monkeypatch.setenv("STORECAST_TESTS_END", end)
    if marker:
        request.node.add_marker(marker)
    with nullcontext() if begins else pytest.raises(pytest.skip.Exception, match="build's time was over"):
        conftest.pytest_runtest_setup(request.node)
