"""The stores under contract: each suite runs against the fake and against every real one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from storecast.ports import ArtifactStore, Registry
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.registry import MlflowRegistry
from tests.fakes import FakeArtifactStore, FakeRegistry, ticking_clock
from tests.mlflow_server import tracking_server


class Case(NamedTuple):
    """A registry, and a model name that no other test uses."""

    registry: Registry
    name: str


@pytest.fixture(scope="session", params=["fake", "embedded", "server"])
def registry(request, tmp_path_factory) -> Iterator[Registry]:
    if request.param == "fake":
        yield FakeRegistry(ticking_clock())
    elif request.param == "embedded":
        yield MlflowRegistry(tmp_path_factory.mktemp("home of Zoë"), clock=ticking_clock())
    else:
        with tracking_server(tmp_path_factory.mktemp("server")) as url:
            yield MlflowRegistry(tmp_path_factory.mktemp("home"), uri=url, clock=ticking_clock())


@pytest.fixture
def case(registry: Registry) -> Case:
    return Case(registry, f"sales {uuid.uuid4().hex[:8]}")


@pytest.fixture(params=["fake", "folders"])
def store(request) -> ArtifactStore:
    return FakeArtifactStore() if request.param == "fake" else ArtifactFolders()
