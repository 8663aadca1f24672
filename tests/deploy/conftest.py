"""Images and a machine to run them on, once for all tests of the deployment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.podman import Machine, build


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """Target -> name of the image that was built of it."""
    return build()


@pytest.fixture(scope="session")
def machine(images: dict[str, str]) -> Iterator[Machine]:
    """Where containers of these images run."""
    with Machine.start() as machine:
        yield machine
