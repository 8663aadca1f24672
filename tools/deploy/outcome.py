"""What one static check of the deployment came to, and how its tools are started."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["BIN", "ROOT", "Outcome", "absent", "passed", "run"]

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = ROOT / ".venv-deploy" / "bin"


@dataclass(frozen=True)
class Outcome:
    """A check's name, what came of it, and the lines that a reader needs."""

    name: str
    result: Literal["passed", "failed", "skipped", "nothing"]
    detail: str = ""


def absent(name: str, program: str, remedy: str, *, installable: bool) -> Outcome | None:
    """None if ``program`` is on the PATH or in .venv-deploy, else the outcome of missing it.

    Where everything must run (REQUIRE_SERVERS=1) a program that the project can install is a failure.
    """
    if (BIN / program).exists() or shutil.which(program):
        return None
    fails = installable and os.environ.get("REQUIRE_SERVERS") == "1"
    return Outcome(name, "failed" if fails else "skipped", f"needs {program}: {remedy}")


def run(
    command: Sequence[str | Path], *, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in ``folder``; programs of .venv-deploy come first on the PATH."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ
        | {"PATH": path, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        | dict(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )


def passed(name: str, done: subprocess.CompletedProcess[str]) -> Outcome:
    """The outcome of a tool that says by its exit status whether all is well."""
    return Outcome(
        name, "failed" if done.returncode else "passed", done.stdout.strip() if done.returncode else ""
    )
