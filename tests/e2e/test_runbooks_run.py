"""Runbooks, followed: every marked block of each is run, in its order, where what it is for has happened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.calls import shell
from tests.published import content, fitted, scaled
from tests.runbooks import blocks, runbooks
from tests.serve_process import promoted, register

pytestmark = pytest.mark.e2e

RUN = [path for path in runbooks() if blocks(path, run=True)]
# What has happened before the first command of a runbook.
HAPPENED: dict[str, Callable[[Path], object]] = {
    "host-lost": shutil.rmtree,
    "database-lost": lambda home: (home / "forecasts.db").unlink(),
    "registry-down": lambda home: None,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, in which the second version serves, a backup of it and the backup's key."""
    folder = tmp_path_factory.mktemp("shop")
    home = folder / "home"
    for factor in (1.0, 1.1):
        promoted(home, register(home, content(scaled(fitted(), factor))))
    (folder / "key").write_text("3c" * 32)
    done = follow("storecast migrate\nstorecast backup create", folder)
    assert done == "", done
    return folder


def follow(text: str, folder: Path) -> str:
    """Run a block as a person would type it; what went wrong, empty where nothing did."""
    done = shell(
        f"set -e\n{text}",
        folder,
        STORECAST_HOME=str(folder / "home"),
        STORECAST_BACKUP_TO=str(folder / "backups"),
        STORECAST_BACKUP_KEY_FILE=str(folder / "key"),
        TMPDIR=str(folder),
    )
    return f"{text}{done.out}{done.err}" if done.code else ""


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_a_runbook_can_be_followed(path: Path, shop: Path, tmp_path: Path) -> None:
    """From the first command to the last, each ends well."""
    folder = tmp_path / "shop"
    shutil.copytree(shop, folder)
    HAPPENED.get(path.stem, os.fspath)(folder / "home")
    for text in blocks(path, run=True):
        found = follow(text, folder)
        assert found == "", found
