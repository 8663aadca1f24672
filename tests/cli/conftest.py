"""Sales files and a home with a champion, made once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calls import call
from tests.jobs.worlds import departments, noisy, write


@dataclass(frozen=True)
class Served:
    """A home in which a model was trained on ``data``; ``trained`` is what ``train --json`` printed."""

    home: Path
    data: str
    trained: dict[str, Any]


@pytest.fixture(scope="session")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``stores.csv``, ``stores.parquet`` (the same), ``departments.csv`` and ``short.csv``."""
    folder = tmp_path_factory.mktemp("sales")
    for kind in ("csv", "parquet"):
        write(folder / f"stores.{kind}", noisy())
    write(folder / "departments.csv", departments(), depts=3)
    write(folder / "short.csv", noisy(weeks=60))
    return folder


@pytest.fixture(scope="session")
def _made_once(tmp_path_factory: pytest.TempPathFactory, sales: Path) -> Served:
    home, before = tmp_path_factory.mktemp("served") / "home", os.environ["STORECAST_HOME"]
    os.environ["STORECAST_HOME"] = str(home)
    try:
        trained = call("train", sales / "stores.csv", "--horizon", 26, "--json").json()
    finally:
        os.environ["STORECAST_HOME"] = before
    return Served(home, str(sales / "stores.csv"), trained)


@pytest.fixture
def served(_made_once: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The home with a champion, for tests that leave it as it is."""
    monkeypatch.setenv("STORECAST_HOME", str(_made_once.home))
    return _made_once
