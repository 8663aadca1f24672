"""What a test needs of the machine: it skips with the package's name, or fails where all must be there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

__all__ = ["ROOT", "require", "system_packages"]

ROOT = Path(__file__).resolve().parent.parent


def system_packages() -> dict[str, str]:
    """Package name -> what needs it, as ``make setup-ci`` installs them."""
    text = (ROOT / "tools" / "system-packages.txt").read_text(encoding="utf-8")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {name: why.strip() for name, why in lines}


def require(program: str | Path, package: str) -> Path:
    """Where ``program`` (a name on the PATH, or a path) lies, for a test that cannot do without it.

    If it is absent the test skips and names the Debian ``package`` that brings it; with
    ``REQUIRE_SERVERS=1`` in the environment it fails instead. The package must stand in
    tools/system-packages.txt, or no build server would ever run the test.
    """
    if package not in system_packages():
        raise LookupError(f"{package} is not in tools/system-packages.txt: add it there with what needs it")
    found = shutil.which(str(program))
    if found is None and Path(program).is_absolute() and Path(program).exists():
        found = str(program)
    if found is not None:
        return Path(found)
    reason = f"needs {program}: apt-get install {package} (or make setup-ci)"
    if os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(f"REQUIRE_SERVERS=1, and this test {reason}", pytrace=False)
    pytest.skip(reason)
