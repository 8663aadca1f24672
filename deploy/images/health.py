"""Whether a container does its work, for its health check: ends with 0 where it does, with 1 where not.

``health.py URL [CA]``: something answers there with 200, over https with a certificate of the authority in
the file CA. ``health.py --fresh FILE SECONDS``: the file was touched within so many seconds, as the follower
does with its sign of life. ``health.py --runs NAME ...``: a program of one of these names runs, asleep until
its time has come or at work.
"""

from __future__ import annotations

import ssl
import sys
import time
import urllib.request
from pathlib import Path


def answers(url: str, ca: str = "") -> bool:
    """Whether ``url`` answers with 200 within 3 seconds."""
    try:
        trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca or None))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
        with opener.open(url, timeout=3) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def fresh(path: str, seconds: str) -> bool:
    """Whether ``path`` was touched within the last ``seconds``."""
    try:
        return time.time() - Path(path).stat().st_mtime <= float(seconds)
    except OSError:
        return False


def runs(*names: str) -> bool:
    """Whether a process was started by one of ``names``, or by an interpreter that was told its path."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")[:2]
        except OSError:  # it has ended
            continue
        if any(Path(word.decode(errors="replace")).name in names for word in words):
            return True
    return False


if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    good = {"--fresh": fresh, "--runs": runs}.get(first, lambda *ca: answers(first, *ca))(*rest)
    sys.exit(0 if good else 1)
