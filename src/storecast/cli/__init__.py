"""The command line: options in, one job called, results out."""

from __future__ import annotations

import os

__all__ = ["main"]


def main() -> None:
    """Entry point of ``storecast``; exit codes: 0 done, 1 refused, 2 wrong usage."""
    # One thread a process, before numpy is loaded: on a busy machine two cost many times one.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from storecast.cli.app import run

    run()
