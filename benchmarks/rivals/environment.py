"""Makes the rivals' environments from their locks; a second call finds them ready."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from storecast.errors import SetupError

__all__ = ["rivals_python"]

# Which forecast, and which serve: their packages do not agree in everything.
_PLACES = {"requirements": ".venv-bench", "servers": ".venv-bench-servers"}


def rivals_python(root: Path, which: str = "requirements") -> Path:
    """The Python of the rivals' environment under ``root``, made anew where the lock or the Python changed;
    ``which``: the lock's name.

    Raises SetupError where it cannot be made.
    """
    place, lock = root / _PLACES[which], root / "benchmarks" / "rivals" / f"{which}.lock"
    python, stamp = place / "bin" / "python", place / ".made-from"
    made_from = hashlib.sha256(lock.read_bytes()).hexdigest() + f" {sys.version_info[:2]} {place}\n"
    if python.exists() and stamp.exists() and stamp.read_text() == made_from:
        return python
    print(f"Making {place.name}, an environment of rivals, from {lock.relative_to(root)}", flush=True)
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
                remedy="See the lines above; `accuracy --only storecast` measures without rivals.",
            )
    stamp.write_text(made_from)
    return python
