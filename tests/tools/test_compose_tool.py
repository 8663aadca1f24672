"""Which program `make up` takes, and what it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.needs import ROOT

NOTE = '#!/bin/sh\n{test}\necho "$(basename "$0") $*|$STORECAST_VERSION|$STORECAST_DOMAIN" >>"$NOTES"\n'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The parts of the repository that the script reads."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "deploy" / "compose").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "compose", tmp_path / "tools")
    (tmp_path / "pyproject.toml").write_text('version = "1.2.3"\n')
    return tmp_path


def run(clone: Path, *words: str, **programs: str) -> tuple[int, list[str], str]:
    """(exit status, notes of the programs that stand in, standard error); ``programs``: name -> a test."""
    folder = clone / "bin"
    folder.mkdir()
    for name in ("sed", "dirname", "basename"):
        (folder / name).symlink_to(shutil.which(name) or "")
    for name, test in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(NOTE.format(test=test))
        path.chmod(0o755)
    notes = clone / "notes"
    done = subprocess.run(
        ["/bin/sh", clone / "tools" / "compose", *words],
        env={"PATH": str(folder), "NOTES": str(notes), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = notes.read_text().splitlines() if notes.exists() else []
    return done.returncode, [line for line in lines if "compose version" not in line], done.stderr


def test_docker_is_taken_and_waited_for(clone: Path) -> None:
    """With its plugin there, `up` goes to the background and ends when all is healthy."""
    status, notes, _ = run(clone, "up", docker="", podman="")
    assert status == 0
    assert notes == ["docker compose --file compose.yaml up --detach --wait|1.2.3|localhost"]


def test_podman_stands_in(clone: Path) -> None:
    """Docker without its plugin is none; other calls are handed on as they are."""
    _, notes, _ = run(clone, "logs", "nginx", docker="exit 1", podman="exit 1", podman_compose="")
    assert notes == ["podman-compose --file compose.yaml logs nginx|1.2.3|localhost"]


def test_what_is_set_for_this_machine_counts(clone: Path) -> None:
    """The file beside compose.yaml's others wins over the defaults."""
    text = "STORECAST_DOMAIN=sales.example.com\nSTORECAST_VERSION=2.0.0\n"
    (clone / "deploy" / "compose" / ".env").write_text(text)
    _, notes, _ = run(clone, "down", docker="")
    assert notes == ["docker compose --file compose.yaml down|2.0.0|sales.example.com"]


def test_what_is_missing_is_said(clone: Path) -> None:
    """Without any of them it says what to install."""
    status, notes, said = run(clone, "up")
    assert (status, notes) == (1, [])
    assert "install Docker with its compose plugin" in said
