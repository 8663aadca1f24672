"""Each image installs its part of requirements.lock, file by file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.needs import ROOT

LOCKS = sorted((ROOT / "deploy" / "images").glob("*.lock"))
HEAVY = {"pandas", "scipy", "scikit-learn", "mlflow", "matplotlib", "streamlit", "pyarrow", "optuna"}
# The lock leaves out what only LightGBM's Python package imports; the service loads its library alone.
LEFT_OUT = {"service": {"scipy", "narwhals"}}


def pins(path: Path) -> dict[tuple[str, str], set[str]]:
    """(name, version) -> hashes of its files."""
    found: dict[tuple[str, str], set[str]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", path.read_text(encoding="utf-8")):
        head = re.match(r"([a-z0-9][\w.-]*)==([^\s;]+)", entry)
        assert head, entry[:80]
        found[head[1], head[2]] = set(re.findall(r"sha256:[0-9a-f]{64}", entry))
    return found


def names(path: Path) -> set[str]:
    """Names of the packages."""
    return {name for name, _ in pins(path)}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_an_image_installs_what_was_tested(lock: Path) -> None:
    """Versions and hashes are those of requirements.lock; none is added, none lacks its hashes."""
    whole = pins(ROOT / "requirements.lock")
    part = pins(lock)
    assert part
    assert {pin: files for pin, files in part.items() if whole.get(pin) != files} == {}
    assert all(part.values())


def test_there_is_a_lock_for_each_target() -> None:
    """The Dockerfile's targets and the locks are the same, but for what builds the wheel."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^FROM runtime AS (\w+)$", text, re.MULTILINE))
    assert {lock.stem for lock in LOCKS} == targets | {"build"}
    assert targets == {"service", "webapp", "jobs"}


def test_an_image_has_what_its_group_asks_for() -> None:
    """A package that is added to a group without `make lock` fails here; so does the whole project's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {name: project["dependency-groups"][name] for name in ("service", "webapp", "build")}
    groups["jobs"] = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["s3"]]
    for lock in LOCKS:
        asked = {re.split(r"[<>=~! \[]", line)[0] for line in groups[lock.stem]}
        assert asked - names(lock) == set(), lock.stem


def test_the_service_is_lean() -> None:
    """Nothing heavy gets into the service's image by the way; what its lock leaves out stays out."""
    service = names(ROOT / "deploy" / "images" / "service.lock")
    assert service & (HEAVY | LEFT_OUT["service"]) == set()
    assert names(ROOT / "deploy" / "images" / "webapp.lock") & {"mlflow", "scikit-learn", "lightgbm"} == set()
