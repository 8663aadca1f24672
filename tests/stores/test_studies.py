"""Studies in Optuna: seeded, gone on with, shared by processes, and safe from those that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from storecast.errors import ConflictError, SetupError
from storecast.forecasting.tuning import Knob
from storecast.stores.studies import OptunaStudies
from tests.needs import ROOT

KNOBS = (Knob("x", -4.0, 4.0), Knob("n", 1, 64, log=True, whole=True))
FIRST = {"x": 2.0, "n": 8.0}
FACTS = {"data": "abc", "horizon": "13"}


def bowl(
    values: Mapping[str, float], report: Callable[[int, float], bool]
) -> tuple[float, tuple[float, ...]]:
    """Lowest at x = 1; the score so far is the score."""
    score = 1.0 + (values["x"] - 1.0) ** 2
    report(0, score)
    return score, (score, values["n"])


def search(studies: OptunaStudies, name: str = "bowl", **changes) -> list[tuple[int, float]]:
    told: list[tuple[int, float]] = []
    given = {"facts": FACTS, "first": FIRST, "trials": 12, "seconds": None, "seed": 3, "objective": bowl}
    studies.search(name, KNOBS, **{**given, **changes}, told=lambda done, best: told.append((done, best)))
    return told


@pytest.fixture
def studies(tmp_path: Path) -> OptunaStudies:
    return OptunaStudies(f"sqlite:///{tmp_path}/studies.db")


def test_a_study_finds_the_bottom_of_a_bowl(studies: OptunaStudies) -> None:
    """Trial 0 has the first values, all lie within their bounds, and the best is near the known one."""
    told = search(studies, trials=40)
    tried = studies.tried("bowl")
    assert tried[0].values == FIRST
    assert tried[0].losses == (2.0, 8.0)
    assert [t.number for t in tried] == list(range(40))
    assert all(-4 <= t.values["x"] <= 4 and t.values["n"] in range(1, 65) for t in tried)
    best = min(tried, key=lambda t: t.score)
    assert abs(best.values["x"] - 1.0) < 0.5
    assert told[-1] == (40, best.score)


def test_the_same_seed_tries_the_same(tmp_path: Path) -> None:
    """Two studies with one seed agree in every trial, one with another seed does not."""
    found = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        studies = OptunaStudies(f"sqlite:///{tmp_path}/{name}.db")
        search(studies, seed=seed)
        found.append([(t.values, t.score) for t in studies.tried("bowl")])
    assert found[0] == found[1] != found[2]


def test_a_study_goes_on_where_it_stopped(studies: OptunaStudies) -> None:
    """What was tried stays, nothing is tried twice, and a study that has enough does nothing."""
    search(studies, trials=5)
    before = studies.tried("bowl")
    search(studies, trials=9)
    after = studies.tried("bowl")
    assert after[:5] == before
    assert [t.number for t in after] == list(range(9))
    assert len({tuple(t.values.items()) for t in after}) == 9
    assert search(studies, trials=9) == []


def test_a_study_of_something_else_is_refused(studies: OptunaStudies) -> None:
    """Other data under the same name: what differs is named, and the study stays as it is."""
    search(studies, trials=2)
    with pytest.raises(ConflictError, match="something else") as caught:
        search(studies, facts={**FACTS, "data": "xyz"})
    assert "data abc" in caught.value.expected
    assert studies.facts("bowl") == FACTS
    assert len(studies.tried("bowl")) == 2


def test_there_is_no_study_before_the_first(studies: OptunaStudies) -> None:
    """Asking for one that is not there makes none."""
    assert studies.tried("none") == []
    assert studies.facts("none") is None


@pytest.mark.parametrize(
    ("url", "where", "found"),
    [
        ("sqlite:////nonexistent/a.db", "sqlite:////nonexistent/a.db", "unable to open"),
        ("sqlite:///{folder}/text.db", "text.db", "not a database"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/x", "me:***@127.0.0.1:1", "refused"),
        ("postgresql+psycopg://me:secret@127.0.0.1:port/x", "postgresql+psycopg", "port"),
        ("nosql://me:secret@host/x", "nosql://me:***@host", "nosql"),
        ("secret", "secret", "parse"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused(tmp_path: Path, url: str, where: str, found: str) -> None:
    """Whatever is asked of it: the URL without its password, what the driver says, and the remedy."""
    (tmp_path / "text.db").write_text("no database at all\n" * 50, encoding="utf-8")
    studies = OptunaStudies(url.format(folder=tmp_path))
    for ask in (studies.tried, studies.facts, lambda name: search(studies, name)):
        with pytest.raises(SetupError, match="studies' database") as told:
            ask("bowl")
        assert where in told.value.where
        assert found in told.value.found
        assert "STORECAST_STUDIES_URL" in told.value.remedy
        assert ":secret" not in str(told.value)


def test_what_is_given_up_is_not_carried_through(studies: OptunaStudies) -> None:
    """It counts as finished, and has no score."""

    def hopeless(values: Mapping[str, float], report: Callable[[int, float], bool]):
        return None if values["x"] < 0 else bowl(values, report)

    told = search(studies, objective=hopeless, trials=15)
    assert told[-1][0] == 15
    assert 0 < len(studies.tried("bowl")) < 15
    assert all(t.values["x"] >= 0 for t in studies.tried("bowl"))


def test_time_ends_a_search(studies: OptunaStudies) -> None:
    """After so many seconds it stops with the trials it has."""

    def slow(values: Mapping[str, float], report: Callable[[int, float], bool]):
        time.sleep(0.2)
        return bowl(values, report)

    search(studies, objective=slow, trials=10_000, seconds=1.0)
    assert 1 <= len(studies.tried("bowl")) < 100


_WORKER = """
import sys, time
from pathlib import Path
from storecast.stores.studies import OptunaStudies
from tests.stores.test_studies import bowl, search

url, seed, hang = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def objective(values, report):
    if hang:
        Path(hang).write_text(repr(values["x"]))
        time.sleep(600)
    time.sleep(0.02)
    return bowl(values, report)

search(OptunaStudies(url, heartbeat=1, grace=3), objective=objective, trials=24, seed=seed)
"""


def _worker(url: str, seed: int, hang: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _WORKER, url, str(seed), hang], cwd=ROOT)


def test_processes_share_a_study(tmp_path: Path) -> None:
    """Three at once: no trial is lost or has another's number, and together they stop at what was asked."""
    url = f"sqlite:///{tmp_path}/studies.db"
    search(OptunaStudies(url), trials=1)
    workers = [_worker(url, seed) for seed in (1, 2, 3)]
    assert [worker.wait(300) for worker in workers] == [0, 0, 0]
    tried = OptunaStudies(url).tried("bowl")
    assert [t.number for t in tried] == list(range(len(tried)))
    assert 24 <= len(tried) <= 26  # each may have one under way when the last is finished


def test_what_a_killed_process_had_begun_is_tried_again(tmp_path: Path) -> None:
    """Its values are found among the trials carried through, once."""
    url, mark = f"sqlite:///{tmp_path}/studies.db", tmp_path / "begun"
    search(OptunaStudies(url), trials=1)
    worker = _worker(url, 5, str(mark))
    deadline = time.monotonic() + 120
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(3)  # it has given a sign of life
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    time.sleep(6)  # its grace, and the second to which the database keeps time
    search(OptunaStudies(url, heartbeat=1, grace=3), trials=6)
    begun = float(mark.read_text())
    assert [t.values["x"] for t in OptunaStudies(url).tried("bowl")].count(begun) == 1
