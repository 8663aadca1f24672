"""`make setup` from nothing, as on a machine that has never seen the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from tests.needs import ROOT

pytestmark = pytest.mark.e2e
LEFT_OUT = shutil.ignore_patterns(
    ".venv*", ".git", ".*_cache", "build", "dist", "out", "*.egg-info", "__pycache__"
)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder`` with the environment of a plain shell."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH"))
    }
    return subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, timeout=1500, check=False
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files under a path with blanks, set up once."""
    folder = tmp_path_factory.mktemp("set up") / "my store's cast"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    done = run(folder, "make", "setup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if not line.startswith("  done")] == [
        line for line in done.stdout.splitlines() if line.startswith(("Checking", "Making", "Installing"))
    ]
    return folder


def test_the_package_is_installed_whole(clone: Path) -> None:
    """Version, command and every dependency are there, and belong together."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    script = "import importlib.metadata as m, storecast; print(m.version('storecast'), storecast.__file__)"
    shown = run(clone, ".venv/bin/python", "-c", script).stdout
    assert shown.split(" ", 1) == [version, f"{clone}/src/storecast/__init__.py\n"]
    assert run(clone, ".venv/bin/python", "-m", "pip", "check").returncode == 0
    assert os.access(clone / ".venv" / "bin" / "storecast", os.X_OK)


def test_a_second_setup_does_nothing(clone: Path) -> None:
    """The stamps are newer than what they were made from."""
    before = time.time()
    assert "Nothing to be done" in run(clone, "make", "setup").stdout
    assert (clone / ".venv" / ".runtime").stat().st_mtime < before


def test_an_environment_whose_python_is_gone_is_made_anew(clone: Path) -> None:
    """After an upgrade of the system's Python the next target repairs the environment by itself."""
    for link in (clone / ".venv" / "bin").glob("python*"):
        link.unlink()
    (clone / ".venv" / "bin" / "python").symlink_to("/no/such/python")
    done = run(clone, "make", "setup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Making the virtual environment" in done.stdout
    assert run(clone, ".venv/bin/python", "-c", "import storecast, lightgbm").returncode == 0


def test_a_clone_that_was_moved_is_set_up_where_it_lies(clone: Path) -> None:
    """No command of the environment reaches back to the place that the clone was moved from."""
    moved = clone.rename(clone.with_name("moved"))
    try:
        done = run(moved, "make", "setup")
        assert done.returncode == 0, done.stdout + done.stderr
        shown = run(moved, ".venv/bin/python", "-c", "import storecast; print(storecast.__file__)").stdout
        assert shown == f"{moved}/src/storecast/__init__.py\n"
        assert str(clone) not in (moved / ".venv" / "bin" / "storecast").read_text(encoding="utf-8")
    finally:
        moved.rename(clone)


def test_a_package_with_another_hash_is_refused(clone: Path) -> None:
    """A file that is not the locked one is not installed, and the end of pip's words is shown."""
    lock = clone / "other.lock"
    lock.write_text(f"iniconfig==2.3.1 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    done = run(clone, ".venv/bin/python", "tools/install.py", "other.lock")
    assert done.returncode == 1
    assert "hash" in done.stderr.lower()
    assert run(clone, ".venv/bin/python", "-c", "import iniconfig").returncode == 1
