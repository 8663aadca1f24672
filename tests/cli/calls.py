"""Calls of the command line: within this process, and as a user makes them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from storecast.cli.app import run

__all__ = ["BIN", "Done", "call", "listing", "shell"]

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Done:
    """How a call ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        assert (self.code, self.err) == (0, ""), self.err
        return json.loads(self.out)


def call(*words: object) -> Done:
    """Run the program within this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", ["storecast", *map(str, words)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            run()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Done(code, out.getvalue(), err.getvalue())


def shell(line: str, folder: Path, **variables: str) -> Done:
    """Run a line in a shell in ``folder``, the installed program on its PATH."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STORECAST_")}
    kept |= {"PATH": f"{BIN}{os.pathsep}{kept.get('PATH', '')}", **variables}
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def listing(folder: Path) -> dict[str, int]:
    """Every path under ``folder`` with its size; folders count nothing."""
    return {str(p.relative_to(folder)): p.stat().st_size if p.is_file() else 0 for p in folder.rglob("*")}
