"""The installer around pip: what it counts, and what it says when pip fails."""

from __future__ import annotations

import re
import sys

import pytest
from packaging.markers import Marker

from tests.needs import ROOT
from tools import install

PIP_SAYS = [
    "Ignoring colorama: markers 'sys_platform == \"win32\"' don't match your environment",
    "Collecting numpy==2.4.6 (from -r requirements.lock (line 3))",
    "  Using cached numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.whl (16.9 MB)",
    "Requirement already satisfied: six==1.17.0 in ./.venv/lib (from -r requirements.lock (line 9)) (1.17.0)",
    "Installing collected packages: numpy, six",
    "Successfully installed numpy-2.4.6",
]


def test_every_pin_is_one_step() -> None:
    """Collected, there already, or for another system: each moves the counter by one."""
    shown = list(install.steps(PIP_SAYS, total=3))
    assert shown == ["1/3 colorama", "2/3 numpy", "3/3 six", "unpacking 2 packages"]


def test_hashes_and_markers_are_no_pins() -> None:
    """The counter's total is the number of packages, not of lines."""
    hashes = " \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n"
    lock = "a==1" + hashes + 'b-c.d==2 ; sys_platform == "win32"' + hashes
    assert install.pinned(lock) == 2


def test_a_failure_shows_the_end_of_pips_output_and_a_remedy(capfd: pytest.CaptureFixture[str]) -> None:
    """The lines that matter are the last ones; pip's status is not lost."""
    script = "import sys; [print('line', i) for i in range(100)]; print('no such version'); sys.exit(3)"
    assert install.run_pip([sys.executable, "-c", script], total=1) == 1
    error = capfd.readouterr().err
    assert "| no such version" in error
    assert "line 50" not in error
    assert "remedy" in error


def test_a_success_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """Where no terminal is attached the installer says how long it took, and nothing else."""
    script = "\n".join(f"print({line!r})" for line in PIP_SAYS)
    assert install.run_pip([sys.executable, "-c", script], total=3) == 0
    out, error = capfd.readouterr()
    assert re.fullmatch(r"  done in \d+ s\n", out)
    assert error == ""


def test_wrong_usage_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A lock that is not there is told as usage, before pip is started."""
    assert install.main(["no-such.lock"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_each_lock_is_whole(name: str) -> None:
    """Every pin has hashes, none names a host, and what builds the project is among them."""
    lock = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock.strip())
    assert len(blocks) == install.pinned(lock) > 50
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in lock
    assert re.search(r"^setuptools==", lock, re.MULTILINE)


def _installed(lock: str, **system: str) -> set[str]:
    """The pins that apply on a system."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = re.findall(r"^(\S+==\S+)(?: ; ([^\\\n]+))?", text, re.MULTILINE)
    return {pin for pin, when in found if not when or Marker(when).evaluate(system)}


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_development_lock_holds_the_same_versions(python: str, platform: str) -> None:
    """What the tests run on is what users run on."""
    system = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": platform}
    users, tests = (_installed(lock, **system) for lock in ("requirements.lock", "requirements-dev.lock"))
    assert len(users) > 50
    assert users - tests == set()
