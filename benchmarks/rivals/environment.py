"""Makes the rivals' environment, ``.venv-bench``, from its lock; a second call finds it ready."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from storecast.errors import SetupError

__all__ = ["rivals_python"]

_PLACE, _LOCK = ".venv-bench", "benchmarks/rivals/requirements.lock"


def rivals_python(root: Path) -> Path:
    """The Python of the rivals' environment under ``root``, made anew where the lock or the Python changed.

    Raises SetupError where it cannot be made.
    """
    place, lock = root / _PLACE, root / _LOCK
    python, stamp = place / "bin" / "python", place / ".made-from"
    made_from = hashlib.sha256(lock.read_bytes()).hexdigest() + f" {sys.version_info[:2]} {place}\n"
    if python.exists() and stamp.exists() and stamp.read_text() == made_from:
        return python
    print(f"Making {_PLACE}, the rivals' environment, from {_LOCK}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [str(python), str(root / "tools" / "install.py"), str(lock)],
    ):
        done = subprocess.run(command, cwd=root, check=False)
        if done.returncode:
            shutil.rmtree(place, ignore_errors=True)
            raise SetupError(
                "The rivals' environment could not be made.",
                where=" ".join(command),
                remedy="See the lines above; `--only storecast` measures without the rivals.",
            )
    stamp.write_text(made_from)
    return python
