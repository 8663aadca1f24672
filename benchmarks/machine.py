"""Which machine and which versions a figure belongs to, and processes whose cost is counted."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

__all__ = ["ONE_THREAD", "machine", "run_counted", "versions"]

# Set before numpy is imported: two threads on a busy machine cost more than they give.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def machine() -> dict[str, str]:
    """Facts of the machine, in words; nothing that names it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions(names: Sequence[str]) -> dict[str, str]:
    """Installed versions of packages of this environment."""
    return {name: version(name) for name in names}


def run_counted(command: Sequence[object], *, root: Path, log: Path, quiet: bool = False) -> float:
    """Run ``command`` in ``root`` on one thread to its end; CPU seconds of it and of its children.

    Standard error goes to ``log``, and so does standard output where ``quiet``. Raises CalledProcessError
    where it fails, after the end of the log was shown.
    """
    parts = [str(part) for part in command]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with log.open("w") as where:
        done = subprocess.run(
            parts,
            cwd=root,
            env={**os.environ, **ONE_THREAD},
            stderr=where,
            stdout=where if quiet else None,
            check=False,
        )
    if done.returncode:
        print("\n".join(log.read_text().splitlines()[-12:]), file=sys.stderr)
        raise subprocess.CalledProcessError(done.returncode, parts)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
