"""Fixtures for every test, and how wild hypothesis may be."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests import needs

pytest_plugins = ["tests.servers"]

# Two examples' worth of luck must not decide whether a build passes: the same examples each time.
# HYPOTHESIS_PROFILE=thorough looks for new ones. No deadlines: build servers stall.
settings.register_profile("steady", derandomize=True, deadline=None, max_examples=60, database=None)
settings.register_profile("thorough", deadline=None, max_examples=2000, print_blob=True)
# As every command has it; a test module that imports MLflow before a command does would have it otherwise.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A long test that the build has no time for any more does not begin, and says so."""
    end = float(os.environ.get("STORECAST_TESTS_END", "inf"))
    if time.time() > end and (item.get_closest_marker("e2e") or item.get_closest_marker("rehearsal")):
        pytest.skip("the build's time was over (STORECAST_TESTS_END)")


@pytest.fixture(scope="session")
def require() -> Callable[[str | Path, str], Path]:
    """``require(program, package)``: the program's path, or a skip that names the Debian package."""
    return needs.require


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real sales data; it may not be handed on, so that most machines lack it."""
    named = os.environ.get("STORECAST_REAL_DATA", "")
    if not named:
        pytest.skip("the real data is not part of the project: set STORECAST_REAL_DATA to its folder")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"STORECAST_REAL_DATA names {named}, which is no folder", pytrace=False)
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty STORECAST_HOME of this test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("STORECAST_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True, scope="session")
def _no_home_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test may ever write into the models of the person who runs it."""
    os.environ["STORECAST_HOME"] = str(tmp_path_factory.mktemp("storecast-home"))
