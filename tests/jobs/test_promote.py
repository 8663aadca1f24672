"""The verbs over registered versions, against the registry that lives in memory."""

from __future__ import annotations

import math
from typing import Any

import pytest

from storecast.errors import RegistryError
from storecast.jobs import promote as job
from storecast.ports import ModelVersion
from tests.fakes import FakeRegistry
from tests.mlflow_server import small_content

NAME = "storecast"
WORDS: dict[str, Any] = {"who": "Ann", "why": "better on all cutoffs"}


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


def register(registry: FakeRegistry, number: float, **given) -> ModelVersion:
    metrics, tags = given.get("metrics", {"wmae": number}), given.get("tags", {})
    return registry.register(NAME, small_content(number), params={}, metrics=metrics, tags=tags, files={})


def test_listing_names_champion_and_challenger(registry: FakeRegistry) -> None:
    """A list shows all versions, newest first, and which two carry an alias."""
    assert job.list_versions(registry, NAME) == job.ModelList(NAME, (), None, None)
    for number in (1, 2, 3):
        register(registry, number)
    job.promote(registry, NAME, 2, **WORDS)
    listed = job.list_versions(registry, NAME)
    assert [item.version for item in listed.versions] == [3, 2, 1]
    assert (listed.champion, listed.challenger) == (2, 3)


def test_the_challenger_is_promoted_by_default(registry: FakeRegistry) -> None:
    """Without a number the challenger becomes champion, and the result names the one before."""
    register(registry, 1)
    first = job.promote(registry, NAME, **WORDS)
    assert (first.version.version, first.previous, first.moved) == (1, None, True)
    register(registry, 2)
    second = job.promote(registry, NAME, **WORDS)
    assert (second.version.version, second.previous, second.moved) == (2, 1, True)


def test_without_a_challenger_the_remedy_is_named(registry: FakeRegistry) -> None:
    """With nothing to promote the message says what to do, and the champion stays."""
    with pytest.raises(RegistryError, match="no challenger"):
        job.promote(registry, NAME, **WORDS)
    register(registry, 1)
    job.promote(registry, NAME, **WORDS)
    with pytest.raises(RegistryError, match="no challenger") as caught:
        job.promote(registry, NAME, **WORDS)
    assert "champion 1" in caught.value.found
    assert caught.value.remedy


def test_promoting_the_champion_says_that_nothing_moved(registry: FakeRegistry) -> None:
    """A repeated promotion is answered, not refused, and says that it changed nothing."""
    register(registry, 1)
    job.promote(registry, NAME, 1, **WORDS)
    again = job.promote(registry, NAME, 1, **WORDS)
    assert (again.version.version, again.previous, again.moved) == (1, 1, False)
    assert len(registry.history(NAME)) == 1


def test_rollback_names_both_versions(registry: FakeRegistry) -> None:
    """A rollback says which version serves now and which did."""
    for number in (1, 2):
        register(registry, number)
        job.promote(registry, NAME, **WORDS)
    back = job.rollback(registry, NAME, who="Bob", why="bad week")
    assert (back.version, back.previous, back.registry_error) == (1, 2, "")
    with pytest.raises(RegistryError, match="no earlier champion"):
        job.rollback(registry, NAME, who="Bob", why="bad week")


def test_showing_a_version_says_when_it_served(registry: FakeRegistry) -> None:
    """One version is shown with the moves to it and away from it only."""
    for number in (1, 2, 3):
        register(registry, number)
        job.promote(registry, NAME, **WORDS)
    detail = job.show_version(registry, NAME, 1)
    assert detail.version.version == 1
    assert [(move.previous, move.version) for move in detail.moves] == [(None, 1), (1, 2)]


def test_showing_without_a_number_takes_the_champion_else_the_newest(registry: FakeRegistry) -> None:
    """The version shown by default is the champion; before any promotion, the newest."""
    for number in (1, 2, 3):
        register(registry, number)
    assert job.show_version(registry, NAME).version.version == 3
    job.promote(registry, NAME, 2, **WORDS)
    assert job.show_version(registry, NAME).version.version == 2


def test_comparing_puts_metrics_and_tags_side_by_side(registry: FakeRegistry) -> None:
    """Metrics of either version are compared, NaN where one has none; tags only where they differ."""
    register(registry, 1, metrics={"wmae": 10.0, "bias": 1.0}, tags={"model": "blend", "data": "a"})
    register(registry, 2, metrics={"wmae": 8.0, "width": 3.0}, tags={"model": "blend", "data": "b"})
    found = job.compare_versions(registry, NAME, 1, 2)
    assert found.metrics["wmae"] == (10.0, 8.0)
    assert found.metrics["bias"][0] == 1.0
    assert math.isnan(found.metrics["bias"][1])
    assert math.isnan(found.metrics["width"][0])
    assert found.metrics["width"][1] == 3.0
    assert found.tags == {"data": ("a", "b")}
    assert not found.same_content


def test_comparing_notices_equal_content(registry: FakeRegistry) -> None:
    """Two versions with one digest are said to have the same content."""
    register(registry, 5)
    register(registry, 5)
    assert job.compare_versions(registry, NAME, 1, 2).same_content


@pytest.mark.parametrize("verb", ["show", "compare", "promote"])
def test_unknown_versions_are_refused(registry: FakeRegistry, verb: str) -> None:
    """A number that is not registered is refused by every verb, and the known ones are named."""
    register(registry, 1)
    calls = {
        "show": lambda: job.show_version(registry, NAME, 7),
        "compare": lambda: job.compare_versions(registry, NAME, 1, 7),
        "promote": lambda: job.promote(registry, NAME, 7, **WORDS),
    }
    with pytest.raises(RegistryError, match="no version 7 of storecast"):
        calls[verb]()


def test_showing_an_unknown_name_says_what_to_do(registry: FakeRegistry) -> None:
    """A name without versions is refused with the remedy."""
    with pytest.raises(RegistryError, match="no version") as caught:
        job.show_version(registry, "nothing")
    assert "train" in caught.value.remedy
