"""Images, a machine to run them on, and secrets, once for all tests of the deployment."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.images import build
from tests.deploy.podman import Machine
from tests.needs import ROOT, require


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """Target -> name of the image that was built of it."""
    return build()


@pytest.fixture(scope="session")
def machine(images: dict[str, str]) -> Iterator[Machine]:
    """Where containers of these images run."""
    with Machine.start() as machine:
        yield machine


@pytest.fixture(scope="session")
def secrets() -> Iterator[Path]:
    """What `make secrets` makes, where the users of servers may read it."""
    require("openssl", "openssl")
    folder = Path(tempfile.mkdtemp(prefix="storecast-secrets-"))
    subprocess.run([ROOT / "tools" / "secrets", folder], check=True, capture_output=True)
    yield folder
    shutil.rmtree(folder)
