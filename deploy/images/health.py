"""Whether something answers: ``python3 health.py URL`` ends with 0 where the answer is 200."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def main(url: str) -> int:
    """0 where ``url`` answers with 200 within 3 seconds, 1 where it does not."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=3) as answer:
            return 0 if answer.status == 200 else 1
    except (OSError, urllib.error.URLError):
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
