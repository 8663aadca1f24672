"""Checks what pip cannot bring, before anything is installed, and names what to install.

Runs on any Python from 3.6 on, with the standard library alone: an unsuitable Python must be told
so in words, not by a syntax error. Each check takes what it looks at as arguments and returns a
``Problem`` or None; ``main`` gathers all problems and prints them together.
"""

import ctypes
import importlib
import os
import platform
import shutil
import sys
from typing import Callable, List, NamedTuple, Optional, Tuple

__all__ = ["Problem", "check_all", "main"]

OLDEST, NEWEST = (3, 11), (3, 13)
OLDEST_GLIBC = (2, 28)  # the locked wheels are built for manylinux_2_28 at the latest
# What the locked packages are built for; `make lock` proves it for each.
MACHINES = {"Linux": ("x86_64", "aarch64"), "Darwin": ("arm64",)}
NEEDED_GB = 2.0  # the environment takes 1.1 GB, the downloads the rest

# Where LightGBM's wheel for macOS looks for OpenMP, beside the loader's own path.
MAC_OPENMP = (
    "libomp.dylib",
    "/opt/homebrew/opt/libomp/lib/libomp.dylib",
    "/usr/local/opt/libomp/lib/libomp.dylib",
)

INSTALL = {
    "python": {
        "apt": "apt-get install python3 python3-venv   (Debian 12, Ubuntu 24.04 or later)",
        "dnf": "dnf install python3.12",
        "zypper": "zypper install python312",
        "pacman": "use `uv python install 3.13` or pyenv, then make PYTHON=/path/to/python3.13",
        "brew": "brew install python@3.13",
    },
    "venv": {
        "apt": "apt-get install python{version}-venv   (or python3-venv)",
        "dnf": "dnf install python3-pip",
        "zypper": "zypper install python3-pip",
        "brew": "brew install python@3.13",
    },
    "openmp": {
        "apt": "apt-get install libgomp1",
        "dnf": "dnf install libgomp",
        "zypper": "zypper install libgomp1",
        "pacman": "pacman -S gcc-libs",
        "brew": "brew install libomp",
    },
}

MANAGERS = {
    "debian": "apt",
    "ubuntu": "apt",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "amzn": "dnf",
    "suse": "zypper",
    "opensuse": "zypper",
    "arch": "pacman",
}


class Problem(NamedTuple):
    """Something the machine lacks, in the words of every Storecast error."""

    what: str
    expected: str
    found: str
    remedy: str

    def text(self) -> str:
        """The problem as lines a person can act on."""
        return "{}\n  expected: {}\n  found: {}\n  remedy: {}".format(*self)


def package_manager(system: str, os_release: str) -> str:
    """The package manager of this system (``platform.system()``, text of /etc/os-release), or ""."""
    if system == "Darwin":
        return "brew"
    for line in sorted(os_release.splitlines()):  # ID before ID_LIKE
        name, _, value = line.partition("=")
        if name in ("ID", "ID_LIKE"):
            for word in value.strip().strip("\"'").split():
                if word.split("-")[0] in MANAGERS:
                    return MANAGERS[word.split("-")[0]]
    return ""


def _remedy(need: str, manager: str, version: str = "3") -> str:
    commands = INSTALL[need]
    chosen = (
        [commands[manager]] if manager in commands else ["{}: {}".format(m, c) for m, c in commands.items()]
    )
    return "\n          ".join(chosen).format(version=version)


def check_python(version: Tuple[int, int], implementation: str, manager: str) -> Optional[Problem]:
    """CPython 3.11 to 3.13: the locked wheels are built for these."""
    if OLDEST <= version <= NEWEST and implementation == "CPython":
        return None
    return Problem(
        "This Python cannot run Storecast.",
        "CPython {}.{} to {}.{}".format(*(OLDEST + NEWEST)),
        "{} {}.{} at {}".format(implementation, version[0], version[1], sys.executable),
        _remedy("python", manager)
        + "\n          then, if `make` does not find it: make PYTHON=/path/to/python3",
    )


def check_venv(
    importable: Callable[[str], bool], version: Tuple[int, int], manager: str
) -> Optional[Problem]:
    """Debian and its kin split venv and ensurepip off Python."""
    missing = [name for name in ("venv", "ensurepip") if not importable(name)]
    if not missing:
        return None
    return Problem(
        "This Python cannot make a virtual environment.",
        "the standard modules venv and ensurepip",
        "no " + " and no ".join(missing) + " in " + sys.executable,
        _remedy("venv", manager, "{}.{}".format(*version)),
    )


def check_machine(system: str, machine: str, bits: int) -> Optional[Problem]:
    """The locked packages come as built wheels for Linux on Intel and ARM, and for Macs on ARM."""
    if machine.lower() in MACHINES.get(system, ()) and bits == 64:
        return None
    return Problem(
        "There are no built packages for this machine.",
        "64-bit Linux on x86_64 or aarch64, or macOS on arm64 (Apple silicon)",
        "{} on {}, {}-bit Python".format(system, machine, bits),
        "use such a machine (on Windows: WSL 2), or a 64-bit Python",
    )


def check_libc(system: str, name: str, version: str) -> Optional[Problem]:
    """``name`` and ``version`` as ``libc_version`` gives them; only Linux has a choice of C library."""
    if system != "Linux":
        return None
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if name == "glibc" and numbers >= OLDEST_GLIBC:
        return None
    return Problem(
        "The C library of this system is too old or of another kind.",
        "glibc {}.{} or later".format(*OLDEST_GLIBC),
        (name + " " + version).strip() or "no glibc (musl, as in Alpine?)",
        "use Debian 12, Ubuntu 22.04, RHEL 8, Fedora 37 or later, or an image of one (python:3.13-slim)",
    )


def check_openmp(system: str, loadable: Callable[[str], bool], manager: str) -> Optional[Problem]:
    """LightGBM's wheel needs the system's OpenMP runtime."""
    names = MAC_OPENMP if system == "Darwin" else ("libgomp.so.1",)
    if any(loadable(name) for name in names):
        return None
    return Problem(
        "The OpenMP runtime, which LightGBM needs, is missing.",
        names[0] + " on the loader's path",
        "it cannot be loaded",
        _remedy("openmp", manager),
    )


def check_disk(free_gb: float, where: str) -> Optional[Problem]:
    """``free_gb`` is the free space, in gigabytes, of the disk that holds ``where``."""
    if free_gb >= NEEDED_GB:
        return None
    return Problem(
        "The disk is too full for the environment.",
        "{:.0f} GB free for {}".format(NEEDED_GB, where),
        "{:.1f} GB".format(free_gb),
        "free some space, or clone to another disk",
    )


def libc_version() -> Tuple[str, str]:
    """("glibc", "2.36") from the running C library itself; ("", "") if it is not glibc."""
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (AttributeError, OSError, ValueError):  # not known to this C library
        return "", ""
    return name, version


def importable(name: str) -> bool:
    """Whether the module imports."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def loadable(name: str) -> bool:
    """Whether the dynamic loader finds and loads the library."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def check_all(root: str) -> List[Problem]:
    """All problems of the running machine and Python, for an environment under ``root``."""
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            os_release = file.read()
    except OSError:  # macOS has none
        os_release = ""
    system, version = platform.system(), sys.version_info[:2]
    manager = package_manager(system, os_release)
    bits = 64 if sys.maxsize > 2**32 else 32
    name, libc = libc_version()
    free_gb = shutil.disk_usage(root).free / 1e9
    built = os.path.exists(os.path.join(root, ".venv", ".runtime"))  # its space is already taken
    found = [
        check_python(version, platform.python_implementation(), manager),
        check_venv(importable, version, manager),
        check_machine(system, platform.machine(), bits),
        check_libc(system, name, libc),
        check_openmp(system, loadable, manager),
        None if built else check_disk(free_gb, root),
    ]
    return [problem for problem in found if problem]


def main() -> int:
    """Print every problem to stderr; 0 if there is none, else 1."""
    problems = check_all(os.getcwd())
    for problem in problems:
        print(problem.text() + "\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
