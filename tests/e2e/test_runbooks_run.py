"""Runbooks, followed: every block of each is run, in its order, where what it is for has happened.

Commands of storecast and curl meet a real shop. What meets a cloud or containers (make, terraform) runs the
real Makefile and scripts, in front of stubs; the rehearsals of deployment break a stuck lock on an emulator.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storecast.jobs.promote import promote
from storecast.stores.registry import MlflowRegistry
from tests.cli.calls import shell
from tests.deploy.answers import deployed
from tests.deploy.stubs import clone
from tests.mlflow_server import tracking_server
from tests.published import content, fitted, scaled
from tests.runbooks import blocks, runbooks
from tests.serve_process import NAME, Serving, promoted, register, releases_in

pytestmark = pytest.mark.e2e

# What has happened before the first command of a runbook.
HAPPENED: dict[str, Callable[[Path], object]] = {
    "host-lost": lambda folder: shutil.rmtree(folder / "home"),
    "database-lost": lambda folder: (folder / "home" / "forecasts.db").unlink(),
    "bucket-lost": lambda folder: shutil.rmtree(folder / "server" / "artifacts"),
    "no-champion": lambda folder: shutil.rmtree(folder / "home" / "releases"),
}
KEY_ID, SIGNER_ID = "1f0c9a3b77de", "0f1e2d3c4b5a6978"  # stand in the runbooks for those that leaked
ELSEWHERE = ("make ", "terraform ")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, in which the second version serves, a backup of it and the backup's key."""
    folder = tmp_path_factory.mktemp("shop")
    home = folder / "home"
    for factor in (1.0, 1.1):
        promoted(home, register(home, content(scaled(fitted(), factor))))
    _stocked(folder)
    return folder


def _stocked(folder: Path) -> None:
    (folder / "key").write_text("3c" * 32)
    issue = "storecast keys issue --role reader --name shop --json > issued"
    _follow(f"storecast migrate\nstorecast signing init\n{issue}\nstorecast backup create", folder)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The same with a tracking server, whose address it is."""
    folder = tmp_path_factory.mktemp("tracked")
    (folder / "server").mkdir()
    with tracking_server(folder / "server") as uri:
        registry = MlflowRegistry(folder / "home", uri=uri, clock=lambda: datetime.now(UTC))
        for factor in (1.0, 1.1):
            given = content(scaled(fitted(), factor))
            made = registry.register(NAME, given, params={}, metrics={}, tags={}, files={})
            where = releases_in(folder / "home")
            promote(registry, NAME, made.version, who="Ann", why="a test", releases=where)
        os.environ["STORECAST_TRACKING_URI"] = uri
        _stocked(folder)
        yield folder, uri
        del os.environ["STORECAST_TRACKING_URI"]


def _follow(text: str, folder: Path, **more: str) -> None:
    """Run a block as a person would type it; each command must end well."""
    done = shell(
        f"set -e\n{text}",
        folder,
        STORECAST_HOME=str(folder / "home"),
        STORECAST_BACKUP_TO=str(folder / "backups"),
        STORECAST_BACKUP_KEY_FILE=str(folder / "key"),
        TMPDIR=str(folder),
        **more,
    )
    assert done.code == 0, f"{text}{done.out}{done.err}"


def _meant(text: str, folder: Path) -> str:
    """A block with the ids of this shop in the place of the examples'."""
    trusted = json.loads((folder / "home" / "signing" / "trusted.json").read_text())
    issued = json.loads((folder / "issued").read_text())
    return text.replace(KEY_ID, issued["id"]).replace(SIGNER_ID, trusted["keys"][0]["id"])


def _elsewhere(lines: list[str], place: Path) -> None:
    """Run each line in a clone, with the programs behind it stubbed."""
    place.mkdir()
    made = clone(place)
    made.environment |= {"ENVIRONMENT": "staging", "BACKEND": "backend.hcl"}
    (made.state / "env.json").write_text("{}")
    with deployed("1.3.0") as (url, _):
        for line in lines:
            done = made.run("/bin/sh", "-c", line, SYSTEM=url)
            assert done.returncode == 0, f"{line}\n{done.stdout}"


@pytest.mark.parametrize("path", runbooks(), ids=lambda path: path.stem)
def test_a_runbook_can_be_followed(path: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """From the first command to the last, each ends well."""
    more: dict[str, str] = {}
    with ExitStack() as stack:
        if path.stem == "bucket-lost":
            folder, more["STORECAST_TRACKING_URI"] = request.getfixturevalue("tracked")
        else:
            folder = tmp_path / "shop"
            shutil.copytree(request.getfixturevalue("shop"), folder)
        text = path.read_text(encoding="utf-8")
        if "$STORECAST_URL" in text:
            more["STORECAST_URL"] = stack.enter_context(Serving(folder / "home", "--no-follow")).url
        meant = {block: _meant(block, folder) for block in blocks(path)}
        HAPPENED.get(path.stem, os.fspath)(folder)
        elsewhere = [line for block in meant for line in block.splitlines() if line.startswith(ELSEWHERE)]
        if elsewhere:
            _elsewhere(elsewhere, tmp_path / "elsewhere")
        for block in blocks(path):
            if block.startswith("storecast serve"):
                with Serving(folder / "home", "--no-follow", *block.split()[2:]) as serving:
                    assert serving.is_ready()
            elif not block.startswith(ELSEWHERE):
                _follow(meant[block], folder, **more)
