"""Commands that make a version of one model, as processes at the same moment: one wins, none breaks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from storecast.forecasting.state import from_state
from tests.cli.calls import Done, call
from tests.jobs.worlds import noisy, write
from tests.serve_process import NAME, registry_in, releases_in

pytestmark = pytest.mark.e2e

KNOWN = 148  # of 150 weeks
# All that takes long to import is there before either begins, so that both reach the lock together.
RUNNER = """
import sys, mlflow, lightgbm
import storecast.jobs.monitor, storecast.jobs.renew, storecast.stores.registry
from storecast.cli import main
print("ready", flush=True)
sys.stdin.readline()
main()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sales of ``known`` weeks and of one more (``whole``), a home whose champion knows the
    first."""
    folder = tmp_path_factory.mktemp("race")
    write(folder / "known.csv", noisy()[:KNOWN])
    write(folder / "whole.csv", noisy()[: KNOWN + 1])
    write(folder / "later.csv", noisy()[: KNOWN + 2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORECAST_HOME", str(folder / "home"))
        done = call("train", folder / "known.csv", "--model", "aligned", "--horizon", 13)
        assert done.code == 0, done.err
    return folder


def at_once(home: Path, *commands: tuple[object, ...]) -> list[Done]:
    """Each command in a process of its own, all released at one moment."""
    environment = {**os.environ, "STORECAST_HOME": str(home)}
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", RUNNER, *map(str, words)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
            )
            for words in commands
        ]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        ended = [process.communicate(timeout=240) for process in running]
    return [Done(p.returncode, out, err) for p, (out, err) in zip(running, ended, strict=True)]


def sound(home: Path) -> int:
    """The version that serves: the registry and the release folder agree on it, every version can be read,
    each move leads from one that served, and nothing half made lies about."""
    registry, releases = registry_in(home), releases_in(home)
    champion, served = registry.champion(NAME), releases.current()
    assert champion is not None
    assert served is not None
    assert (served.version, served.digest) == (champion.version, champion.digest)
    for version in registry.versions(NAME):
        content = registry.load(NAME, version.version)
        forecaster = from_state(content.arrays, content.texts, content.meta)
        assert np.isfinite(forecaster.point).all()
    moves = registry.history(NAME)
    for before, after in pairwise(moves):
        assert after.previous == before.version
    assert moves[-1].version == champion.version
    assert not list(home.rglob("*.partial"))
    return champion.version


@pytest.mark.parametrize("rival", ["update", "monitor", "train"])
def test_one_wins_and_none_breaks(made: Path, tmp_path: Path, rival: str) -> None:
    """An update beside another one, beside a training, and beside what a look at the model finds due."""
    home, whole = tmp_path / "home", made / "whole.csv"
    shutil.copytree(made / "home", home)
    before = sound(home)
    other: dict[str, tuple[object, ...]] = {
        "update": ("update", whole, "--json"),
        "monitor": ("monitor", whole, "--retrain", "--json"),
        "train": ("train", whole, "--model", "aligned", "--horizon", 13, "--json"),
    }
    both = at_once(home, ("update", whole, "--json"), other[rival])
    ended = [json.loads(done.out) for done in both if done.code == 0]
    losers = [done for done in both if done.code == 1]
    assert len(ended) + len(losers) == 2, both
    # A look that comes when the update is done finds nothing to do, and a training has no reason to give way.
    won = [did for found in ended if (did := found.get("done", found))]
    assert len(won) == 1 or rival == "train", both
    for done in losers:  # it found the lock taken, or came when its week was not new any more
        assert "is being worked on already" in done.err or "no week" in done.err.lower(), done.err
    assert not [done for done in both if "Traceback" in done.err]
    after = sound(home)
    assert after == max(found["version"] for found in won if found["promoted"]) > before
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORECAST_HOME", str(home))
        assert call("update", made / "later.csv", "--json").json()["version"] == sound(home) > after


def test_many_updates_at_once_make_one_version(made: Path, tmp_path: Path) -> None:
    """Four processes: one new version, whoever made it."""
    home = tmp_path / "home"
    shutil.copytree(made / "home", home)
    before = len(registry_in(home).versions(NAME))
    all_ = at_once(home, *[("update", made / "whole.csv", "--json")] * 4)
    assert sorted(done.code for done in all_) == [0, 1, 1, 1], all_
    sound(home)
    assert len(registry_in(home).versions(NAME)) == before + 1
