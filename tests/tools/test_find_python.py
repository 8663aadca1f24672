"""Which Python the setup takes when several are there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.needs import ROOT

FIND = str(ROOT / "tools" / "find-python")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder that is the whole PATH."""
    return tmp_path


def put(path: Path, name: str, *, suits: bool, venv: bool) -> None:
    """A stand-in Python that answers the two questions asked of it."""
    text = (
        "#!/bin/sh\ncase $2 in\n"
        f"  *version_info*) exit {int(not suits)} ;;\n  *ensurepip*) exit {int(not venv)} ;;\nesac\n"
    )
    (path / name).write_text(text, encoding="utf-8")
    (path / name).chmod(0o755)


def find(path: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run the finder with nothing but ``path`` on the PATH."""
    return subprocess.run(
        ["/bin/sh", FIND, *names],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_first_that_suits_is_taken(path: Path) -> None:
    """A name that is absent or too old is passed over."""
    put(path, "python3.11", suits=True, venv=True)
    put(path, "python3", suits=False, venv=True)
    assert find(path, "python3.13", "python3", "python3.11").stdout == "python3.11\n"


def test_one_that_can_make_an_environment_goes_before_one_that_cannot(path: Path) -> None:
    """A newer Python without venv does not stand in the way of an older one with it."""
    put(path, "python3.13", suits=True, venv=False)
    put(path, "python3.12", suits=True, venv=True)
    assert find(path, "python3.13", "python3.12").stdout == "python3.12\n"


def test_one_without_venv_is_still_named(path: Path) -> None:
    """So that the check after it can say which package brings venv."""
    put(path, "python3.13", suits=True, venv=False)
    assert find(path, "python3.13").stdout == "python3.13\n"


def test_a_python_too_old_is_still_named(path: Path) -> None:
    """So that the check after it can say that it is too old."""
    put(path, "python3", suits=False, venv=True)
    assert find(path, "python3.13", "python3").stdout == "python3\n"


def test_no_python_at_all_is_said_with_what_to_install(tmp_path: Path) -> None:
    """The message names the packages and exits 1."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "cat").symlink_to("/bin/cat")
    done = find(tools, "python3")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "apt-get install python3" in done.stderr
