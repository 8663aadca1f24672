"""The stores under contract: each suite runs against the fake and against every real one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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


@pytest.fixture(scope="session")
def registries(tmp_path_factory) -> Iterator[Callable[[str], Registry]]:
    """Makes each kind of registry when it is first asked for; tests part by the model's name."""
    made: dict[str, Registry] = {"fake": FakeRegistry(ticking_clock())}
    with ExitStack() as stack:

        def make(kind: str) -> Registry:
            if kind not in made:
                uri = None
                if kind == "server":
                    uri = stack.enter_context(tracking_server(tmp_path_factory.mktemp("server")))
                home = tmp_path_factory.mktemp("home of Zoë")
                made[kind] = MlflowRegistry(
                    home, uri=uri, clock=ticking_clock(), loader_module="tests.pyfunc_loader"
                )
            return made[kind]

        yield make


@pytest.fixture(params=["fake", "embedded", "server"])
def registry(request, registries: Callable[[str], Registry]) -> Registry:
    return registries(request.param)


@pytest.fixture(params=["embedded", "server"])
def mlflow_registry(request, registries: Callable[[str], Registry]) -> Registry:
    """The real ones only."""
    return registries(request.param)


@pytest.fixture
def case(registry: Registry) -> Case:
    return Case(registry, f"sales {uuid.uuid4().hex[:8]}")


@pytest.fixture(params=["fake", "folders"])
def store(request) -> ArtifactStore:
    return FakeArtifactStore() if request.param == "fake" else ArtifactFolders()
