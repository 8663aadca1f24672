"""The make targets: what they promise about names, paths and second runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.needs import ROOT

TARGETS = re.findall(r"^([a-z0-9-]+):.* ## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

INHERITED = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DATA", "ARGS", "SERVE")
# Stands for a tool: prints its name, then each argument.
ECHO = '#!/bin/sh\nbasename "$0"; for a in "$@"; do echo "<$a>"; done\n'


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make in ``folder``, without the flags of a make that may be running the tests."""
    clean = {k: v for k, v in os.environ.items() if k not in INHERITED}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone, under a path with blanks, set up, whose tools say what arguments they got."""
    folder = tmp_path / "a clone (of mine)"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "tools", folder / "tools")
    for name in ("python", "storecast", "ruff", "mypy", "lint-imports"):
        tool = folder / ".venv" / "bin" / name
        tool.write_text(
            '#!/bin/sh\necho "$(basename "$0")"; for a in "$@"; do echo "<$a>"; done\n', encoding="utf-8"
        )
        tool.chmod(0o755)
    (folder / ".venv" / ".at").write_text(f"{folder.resolve()}\n", encoding="utf-8")
    later = time.time() + 5
    for name in (".runtime", ".dev"):
        (folder / ".venv" / name).touch()
        os.utime(folder / ".venv" / name, (later, later))
    return folder


def test_every_target_is_explained() -> None:
    """`make` alone lists each target with what it does."""
    named = re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) - set(TARGETS) == {"venv-anew", "deploy-anew"}
    listed = dict(re.findall(r"^  ([a-z0-9-]+) +(\S.*)$", make(ROOT).stdout, re.MULTILINE))
    assert set(TARGETS) <= set(listed)
    assert {"help", "setup", "run", "test", "check", "lint", "types", "e2e", "bench", "clean"} <= set(TARGETS)
    assert {"setup-ci", "lock", "format", "contracts"} <= set(TARGETS)


def test_a_second_run_starts_the_real_work_at_once(clone: Path) -> None:
    """With the environment up to date nothing is installed, and nothing else is started either."""
    assert make(clone, "run").stdout == "storecast\n<run>\n"
    assert make(clone, "setup").stdout.strip() == "make: Nothing to be done for 'setup'."


@pytest.mark.parametrize(
    "name",
    ["sales.csv", "my sales.csv", "it's.csv", 'a "b".csv', "$HOME/x; echo no.csv", "(1).csv", "#1`id`.csv"],
)
def test_any_file_name_reaches_the_command_unchanged(clone: Path, name: str) -> None:
    """DATA is handed over as it was typed: no word splitting, no expansion, no second command."""
    assert make(clone, "run", f"DATA={name}").stdout == f"storecast\n<run>\n<{name}>\n"


def test_a_script_runs_without_the_service(clone: Path) -> None:
    """SERVE=no ends when the work is done."""
    assert make(clone, "run", "SERVE=no").stdout == "storecast\n<run>\n<--no-serve>\n"
    assert (
        make(clone, "run", "DATA=a b.csv", "SERVE=no").stdout == "storecast\n<run>\n<a b.csv>\n<--no-serve>\n"
    )


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_before_the_next_run(clone: Path, changed: str) -> None:
    """An environment that no longer fits is brought up to date by whatever target runs next."""
    later = time.time() + 60
    os.utime(clone / changed, (later, later))
    shown = make(clone, "run").stdout
    assert "<tools/install.py>\n<requirements.lock>" in shown
    assert shown.index("<--project>") < shown.index("storecast\n<run>")
    assert "requirements-dev.lock" not in shown


def test_tests_bring_what_only_tests_need(clone: Path) -> None:
    """The development packages are installed for `make test`, not for `make run`."""
    (clone / ".venv" / ".dev").unlink()
    assert "requirements-dev.lock" not in make(clone, "run").stdout
    shown = make(clone, "test").stdout
    assert shown.index("<requirements-dev.lock>") < shown.index("<pytest>")


def test_check_runs_every_static_check(clone: Path) -> None:
    """Rules, format, types and contracts; also side by side."""
    shown = make(clone, "-j4", "check").stdout
    assert {"ruff", "mypy", "lint-imports", "<check>", "<format>"} <= set(shown.split())


def test_clean_leaves_what_cannot_be_made_again(clone: Path) -> None:
    """Environment and caches go; models, results and sources stay."""
    for kept in (".storecast/model", "out/forecast.csv", "src/storecast/a.py", "data/sales.csv"):
        (clone / kept).parent.mkdir(parents=True, exist_ok=True)
        (clone / kept).touch()
    (clone / "src" / "storecast" / "__pycache__").mkdir()
    assert make(clone, "clean").returncode == 0
    assert not (clone / ".venv").exists()
    assert not (clone / "src" / "storecast" / "__pycache__").exists()
    for kept in (".storecast/model", "out/forecast.csv", "src/storecast/a.py", "data/sales.csv"):
        assert (clone / kept).exists()


def test_an_unsuitable_python_is_refused_in_words(clone: Path) -> None:
    """The setup ends with the reason, before it has made anything."""
    old = clone / "python2"
    old.write_text("#!/bin/sh\necho 'This Python cannot run Storecast.' >&2\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    shutil.rmtree(clone / ".venv")
    done = make(clone, "setup", f"PYTHON={old}")
    assert done.returncode != 0
    assert "This Python cannot run Storecast." in done.stderr
    assert not (clone / ".venv").exists()
