"""Installs a hashed lock into the running environment: pip, quiet, with a counter on a terminal.

``python tools/install.py LOCK`` installs every package of the lock, by wheel and hash alone, and
``python tools/install.py --project`` the project itself beside it, editable.
"""

from __future__ import annotations

import compileall
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["main", "pinned", "run_pip", "steps"]

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-compile"]
TAIL = 12  # lines of pip's output that are shown when it fails

_PIN = re.compile(r"^[A-Za-z0-9][\w.-]*==", re.MULTILINE)
# One of these lines comes for every pin, also for one that is there already or is for another system.
_STEP = re.compile(r"^(?:Collecting|Requirement already satisfied:|Ignoring) ([A-Za-z0-9][\w.-]*)")
_NEVER_IMPORTED = re.compile(r"[/\\]tests?[/\\]")
_LAST = re.compile(r"^Installing collected packages: (.*)")


def pinned(lock: str) -> int:
    """How many packages the text of a lock pins."""
    return len(_PIN.findall(lock))


def steps(lines: Iterable[str], total: int) -> Iterator[str]:
    """What to show for pip's output lines: ``" 3/99 numpy"``, then ``"unpacking 96 packages"``."""
    done = 0
    for line in lines:
        if step := _STEP.match(line):
            done += 1
            yield f"{min(done, total)}/{total} {step[1]}"
        elif last := _LAST.match(line):
            yield f"unpacking {last[1].count(',') + 1} packages"


def run_pip(command: list[str], total: int) -> int:
    """Run ``command``, count its steps on a terminal, show the end of its output if it fails."""
    began = time.monotonic()
    tail: deque[str] = deque(maxlen=TAIL)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:

        def kept() -> Iterator[str]:
            assert process.stdout is not None
            for line in process.stdout:
                tail.append(line.rstrip())
                yield line

        for step in steps(kept(), total):
            if sys.stdout.isatty():
                print(f"\r\033[K  {step}", end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    if process.returncode:
        print("The packages could not be installed; the last lines of pip:", file=sys.stderr)
        print("\n".join(f"  | {line}" for line in tail), file=sys.stderr)
        print(
            "  remedy: check the network and the proxy settings of pip (`pip config list`), the free space\n"
            "          of the disk, then run the same command again: it goes on where it stopped",
            file=sys.stderr,
        )
        return 1
    print(f"  done in {time.monotonic() - began:.0f} s", flush=True)
    return 0


def main(arguments: list[str]) -> int:
    """Install the lock named, or the project; 0 if it went well, 1 if not, 2 for wrong usage."""
    if arguments == ["--project"]:
        # setuptools comes from the lock, so that the build needs no network of its own.
        return run_pip([*PIP, "--no-deps", "--no-build-isolation", "--editable", "."], total=1)
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("usage: python tools/install.py LOCK | --project", file=sys.stderr)
        return 2
    lock = Path(arguments[0])
    options = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)]
    if failed := run_pip([*PIP, *options], total=pinned(lock.read_text(encoding="utf-8"))):
        return failed
    # Byte code on all cores takes a third of pip's time for it; without any, each start takes seconds.
    packages = os.path.relpath(sysconfig.get_path("purelib"))
    compileall.compile_dir(packages, quiet=2, workers=0, rx=_NEVER_IMPORTED)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
