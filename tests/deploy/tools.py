"""The programs that rehearse the deployment: found, or the test says why it is left out."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.needs import ROOT

__all__ = ["deploy_environment", "kubectl", "terraform"]


def deploy_environment() -> Path:
    """The programs of .venv-deploy: as they are, or made first where nothing may be left out."""
    place = ROOT / ".venv-deploy"
    if os.environ.get("REQUIRE_SERVERS") == "1":
        (ROOT / "build").mkdir(exist_ok=True)
        with open(ROOT / "build" / "setup-deploy.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            clean = {
                k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS")
            }
            subprocess.run(["make", "setup-deploy"], cwd=ROOT, env=clean, check=True, timeout=500)
    elif not (place / ".made").exists():
        pytest.skip("needs .venv-deploy: make setup-deploy")
    return place / "bin"


def terraform() -> str:
    """Terraform, where somebody installed it: no package of the system brings it, so that a test may skip."""
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("needs Terraform 1.11, which no system package brings")
    return found


def kubectl() -> str:
    """kubectl, where somebody installed it: no package of the system brings it, so that a test may skip."""
    found = shutil.which("kubectl")
    if found is None:
        pytest.skip("needs kubectl 1.32 or later, which no system package brings")
    return found
