"""The checks before the setup: what they refuse and which package they name."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.needs import ROOT
from tools import preflight

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n'
MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'
ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'
LEAP = 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n'
ALPINE = "ID=alpine\n"


def absent(_: str) -> bool:
    """A probe that finds nothing."""
    return False


@pytest.mark.parametrize(
    ("system", "release", "manager"),
    [
        ("Linux", DEBIAN, "apt"),
        ("Linux", MINT, "apt"),
        ("Linux", ROCKY, "dnf"),
        ("Linux", LEAP, "zypper"),
        ("Linux", ALPINE, ""),
        ("Linux", "", ""),
        ("Darwin", "", "brew"),
    ],
)
def test_the_package_manager_is_told_by_the_system(system: str, release: str, manager: str) -> None:
    """Distributions are known by their own name or by the one they descend from."""
    assert preflight.package_manager(system, release) == manager


@given(st.text())
def test_any_os_release_text_is_read_without_an_error(text: str) -> None:
    """An odd /etc/os-release at worst leaves the distribution unknown."""
    assert preflight.package_manager("Linux", text) in ("", *preflight.MANAGERS.values())


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_supported_pythons_pass(version: tuple[int, int]) -> None:
    """CPython 3.11 to 3.13 is accepted."""
    assert preflight.check_python(version, "CPython", "apt") is None


@pytest.mark.parametrize(
    ("version", "kind"), [((2, 7), "CPython"), ((3, 10), "CPython"), ((3, 14), "CPython"), ((3, 11), "PyPy")]
)
def test_other_pythons_are_refused_in_words(version: tuple[int, int], kind: str) -> None:
    """The refusal says which Python was found, which is wanted and how to name another."""
    problem = preflight.check_python(version, kind, "apt")
    assert problem is not None
    assert f"{kind} {version[0]}.{version[1]}" in problem.found
    assert "3.11 to 3.13" in problem.expected
    assert "apt-get install python3" in problem.remedy
    assert "make PYTHON=" in problem.remedy


def test_a_python_without_venv_names_its_very_package() -> None:
    """Debian splits ensurepip off: the package carries the Python's version."""
    problem = preflight.check_venv(lambda name: name != "ensurepip", (3, 12), "apt")
    assert problem is not None
    assert "apt-get install python3.12-venv" in problem.remedy
    assert "ensurepip" in problem.found
    assert "no venv" not in problem.found
    assert preflight.check_venv(lambda _: True, (3, 12), "apt") is None


def test_an_unknown_distribution_is_shown_every_command() -> None:
    """Where the package manager is unknown, the remedy lists all of them."""
    problem = preflight.check_openmp("Linux", absent, "")
    assert problem is not None
    for command in preflight.INSTALL["openmp"].values():
        assert command in problem.remedy


@pytest.mark.parametrize(
    ("system", "manager", "remedy"),
    [
        ("Linux", "apt", "apt-get install libgomp1"),
        ("Linux", "dnf", "dnf install libgomp"),
        ("Darwin", "brew", "brew install libomp"),
    ],
)
def test_a_missing_openmp_names_the_systems_package(system: str, manager: str, remedy: str) -> None:
    """LightGBM's runtime is asked for before LightGBM fails to load."""
    problem = preflight.check_openmp(system, absent, manager)
    assert problem is not None
    assert problem.remedy == remedy


def test_openmp_in_homebrews_folder_is_enough() -> None:
    """On a Mac the library lies outside the loader's path and LightGBM finds it there."""
    assert preflight.check_openmp("Darwin", lambda n: n.startswith("/opt/homebrew"), "brew") is None


@pytest.mark.parametrize(
    ("system", "name", "version", "passes"),
    [
        ("Linux", "glibc", "2.28", True),
        ("Linux", "glibc", "2.9", False),  # numbers are compared, not texts
        ("Linux", "glibc", "2.27", False),
        ("Linux", "glibc", "3.0", True),
        ("Linux", "", "", False),  # musl
        ("Darwin", "", "", True),
    ],
)
def test_an_old_or_other_c_library_is_refused(system: str, name: str, version: str, passes: bool) -> None:
    """The wheels need glibc 2.28; musl has no such version."""
    problem = preflight.check_libc(system, name, version)
    assert (problem is None) == passes
    if problem and not name:
        assert "musl" in problem.found


@pytest.mark.parametrize(
    ("system", "machine", "bits", "passes"),
    [
        ("Linux", "x86_64", 64, True),
        ("Linux", "aarch64", 64, True),
        ("Darwin", "arm64", 64, True),
        ("Darwin", "x86_64", 64, False),
        ("Linux", "x86_64", 32, False),
        ("Linux", "ppc64le", 64, False),
        ("Windows", "AMD64", 64, False),
    ],
)
def test_machines_without_built_packages_are_refused(
    system: str, machine: str, bits: int, passes: bool
) -> None:
    """Storecast installs built packages only, and says where there are none."""
    assert (preflight.check_machine(system, machine, bits) is None) == passes


def test_a_full_disk_is_told_before_the_download() -> None:
    """The refusal says how much is free and how much is needed."""
    problem = preflight.check_disk(0.31, "/home/me")
    assert problem is not None
    assert problem.found == "0.3 GB"
    assert preflight.check_disk(50, "/home/me") is None


def test_this_machine_passes() -> None:
    """Where the tests run, the setup ran: the probes agree."""
    assert preflight.check_all(str(ROOT)) == []


def test_the_script_parses_on_pythons_that_it_refuses() -> None:
    """An old Python reads the script to its end and says that it is too old."""
    ast.parse((ROOT / "tools" / "preflight.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_all_problems_are_printed_together(tmp_path: Path) -> None:
    """One run names everything that is missing, on stderr, and exits 1."""
    script = (
        "import sys; from tools import preflight;"
        "preflight.loadable = lambda n: False; preflight.importable = lambda n: False;"
        "sys.exit(preflight.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "OpenMP" in done.stderr
    assert "virtual environment" in done.stderr
    assert done.stderr.count("remedy:") == 2
