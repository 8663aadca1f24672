"""What every registry promises: versions, aliases, promotion, rollback and the record of them."""

from __future__ import annotations

import itertools
import random
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from storecast.errors import ArtifactError, RegistryError
from storecast.ports import ArtifactContent, ModelVersion
from storecast.stores.artifacts import ArtifactFolders
from tests.contract.conftest import Case
from tests.mlflow_server import small_content


def register(case: Case, number: float = 1.0, **changes) -> ModelVersion:
    given = {"params": {"model": "blend"}, "metrics": {"wmae": 1000 + number}, "tags": {}, "files": {}}
    return case.registry.register(case.name, small_content(number), **{**given, **changes})


def promote(case: Case, version: int) -> ModelVersion:
    return case.registry.promote(case.name, version, who="Ann", why=f"better than before: {version}")


def rollback(case: Case) -> ModelVersion:
    return case.registry.rollback(case.name, who="Bob", why="bad week")


def champion(case: Case) -> int | None:
    found = case.registry.champion(case.name)
    return found.version if found else None


def aliases(case: Case) -> dict[str, int]:
    return {alias: item.version for item in case.registry.versions(case.name) for alias in item.aliases}


def test_rollback_to_a_version_undoes_all_since(case: Case) -> None:
    """Back to a version that served earlier is one move; the next rollback goes back from there."""
    for number in (1, 2, 3, 4):
        register(case, number)
        promote(case, number)
    back = case.registry.rollback(case.name, who="Bob", why="bad week", to=2)
    assert back.version == 2
    last = case.registry.history(case.name)[-1]
    assert (last.kind, last.previous, last.version) == ("rollback", 4, 2)
    assert case.registry.rollback(case.name, who="Bob", why="bad week", to=2).version == 2
    assert len(case.registry.history(case.name)) == 5
    assert rollback(case).version == 1
    with pytest.raises(RegistryError, match="no version 9"):
        case.registry.rollback(case.name, who="Bob", why="bad week", to=9)


def test_a_registered_version_comes_back(case: Case) -> None:
    """Number, digest, metrics, tags and content of a version are what was registered."""
    made = register(case, 3, metrics={"wmae": 41.5, "s1/coverage 80": 0.8}, tags={"cutoff": "2012-01-27"})
    assert made.name == case.name
    assert made.version == 1
    assert made.metrics == {"wmae": 41.5, "s1/coverage 80": 0.8}
    assert made.tags == {"cutoff": "2012-01-27"}
    assert made.aliases == ("challenger",)
    assert len(made.digest) == 64
    assert datetime.fromisoformat(made.created).utcoffset() is not None
    assert case.registry.versions(case.name) == [made]
    content = case.registry.load(case.name, 1)
    np.testing.assert_array_equal(content.arrays["values"], small_content(3).arrays["values"])
    assert content.arrays["keys"].tolist() == ["1_1", "2_1"]
    assert content.texts == small_content(3).texts
    assert content.meta == small_content(3).meta


def test_an_exported_version_is_the_registered_one(case: Case, tmp_path: Path) -> None:
    """The folder that is written has the registered digest, and is never written over."""
    made = register(case, 3)
    register(case, 4)
    case.registry.export(case.name, 1, str(tmp_path / "copy"))
    content = ArtifactFolders().load(str(tmp_path / "copy"), made.digest)
    np.testing.assert_array_equal(content.arrays["values"], small_content(3).arrays["values"])
    with pytest.raises((ArtifactError, RegistryError)):
        case.registry.export(case.name, 2, str(tmp_path / "copy"))
    with pytest.raises(RegistryError, match="no version 9"):
        case.registry.export(case.name, 9, str(tmp_path / "other"))


def test_the_stamp_changes_with_every_move(case: Case) -> None:
    """Promotions, rollbacks and moves back show in the stamp; reading does not change it."""
    for number in (1, 2):
        register(case, number)
    stamps = [case.registry.stamp(case.name)]
    for move in (lambda: promote(case, 1), lambda: promote(case, 2), lambda: rollback(case)):
        move()
        stamps.append(case.registry.stamp(case.name))
        case.registry.champion(case.name)
        assert case.registry.stamp(case.name) == stamps[-1]
    assert all(before != after for before, after in itertools.pairwise(stamps))


def test_versions_count_up_and_the_newest_challenges(case: Case) -> None:
    """Versions are listed newest first, each with its own metrics; the newest is the challenger."""
    made = [register(case, number) for number in (1, 2, 3)]
    listed = case.registry.versions(case.name)
    assert [item.version for item in listed] == [3, 2, 1]
    assert [item.metrics["wmae"] for item in listed] == [1003, 1002, 1001]
    assert [item.digest for item in listed] == [item.digest for item in reversed(made)]
    assert len({item.digest for item in listed}) == 3
    assert aliases(case) == {"challenger": 3}


def test_equal_content_is_a_version_of_its_own(case: Case) -> None:
    """Registering the same content twice makes two versions with one digest."""
    assert register(case, 1).digest == register(case, 1).digest
    assert [item.version for item in case.registry.versions(case.name)] == [2, 1]


def test_an_unknown_name_has_nothing(case: Case) -> None:
    """A name never registered has no versions, no champion and no history."""
    assert case.registry.versions(case.name) == []
    assert case.registry.champion(case.name) is None
    assert case.registry.history(case.name) == []


def test_names_do_not_mix(case: Case) -> None:
    """Versions, champions and moves of one name are not those of another."""
    other = Case(case.registry, case.name + " b")
    register(case)
    register(other)
    register(other)
    promote(other, 2)
    assert [item.version for item in case.registry.versions(case.name)] == [1]
    assert champion(case) is None
    assert case.registry.history(case.name) == []
    assert champion(other) == 2


def test_promotion_moves_the_champion(case: Case) -> None:
    """A promoted version is champion and no longer challenger; the one before it loses the alias."""
    register(case, 1)
    assert promote(case, 1).aliases == ("champion",)
    assert aliases(case) == {"champion": 1}
    register(case, 2)
    assert aliases(case) == {"champion": 1, "challenger": 2}
    assert promote(case, 2).aliases == ("champion",)
    assert aliases(case) == {"champion": 2}
    found = case.registry.champion(case.name)
    assert found is not None
    assert found.metrics == {"wmae": 1002}


def test_promotion_of_another_leaves_the_challenger(case: Case) -> None:
    """Promoting an older version leaves the alias of the challenger where it is."""
    register(case, 1)
    register(case, 2)
    promote(case, 1)
    assert aliases(case) == {"champion": 1, "challenger": 2}


def test_history_says_which_version_served_when(case: Case) -> None:
    """Every move is recorded with from, to, who, why and when, oldest first."""
    for number in (1, 2):
        register(case, number)
        promote(case, number)
    rollback(case)
    moves = case.registry.history(case.name)
    assert [(m.kind, m.previous, m.version, m.who) for m in moves] == [
        ("promote", None, 1, "Ann"),
        ("promote", 1, 2, "Ann"),
        ("rollback", 2, 1, "Bob"),
    ]
    assert moves[1].why == "better than before: 2"
    times = [datetime.fromisoformat(move.at) for move in moves]
    assert times == sorted(set(times))
    assert all(time.utcoffset() is not None for time in times)


def test_promoting_the_champion_again_changes_nothing(case: Case) -> None:
    """A promotion repeated, as a retry would, is not recorded twice and keeps the way back."""
    register(case, 1)
    register(case, 2)
    promote(case, 1)
    promote(case, 2)
    promote(case, 2)
    assert len(case.registry.history(case.name)) == 2
    assert rollback(case).version == 1


def test_rollback_goes_back_step_by_step(case: Case) -> None:
    """Each rollback undoes one more promotion, until none is left and the champion stays."""
    for number in (1, 2, 3):
        register(case, number)
        promote(case, number)
    assert rollback(case).version == 2
    assert champion(case) == 2
    assert rollback(case).version == 1
    with pytest.raises(RegistryError, match="no earlier champion"):
        rollback(case)
    assert champion(case) == 1


def test_rollback_after_a_rollback_and_a_promotion(case: Case) -> None:
    """What was rolled back is not gone back to again."""
    for number in (1, 2, 3):
        register(case, number)
    promote(case, 1)
    promote(case, 2)
    rollback(case)
    promote(case, 3)
    assert rollback(case).version == 1
    with pytest.raises(RegistryError, match="no earlier champion"):
        rollback(case)


def test_a_version_may_serve_twice(case: Case) -> None:
    """A version promoted again later is gone back from to the one between."""
    for number in (1, 2):
        register(case, number)
    for number in (1, 2, 1):
        promote(case, number)
    assert [rollback(case).version, rollback(case).version] == [2, 1]
    with pytest.raises(RegistryError, match="no earlier champion"):
        rollback(case)


def test_any_order_of_moves_keeps_the_pile(case: Case) -> None:
    """Through a long mixed run of promotions and rollbacks the champion is the top of a plain pile."""
    for number in (1, 2, 3):
        register(case, number)
    draw, pile = random.Random(7), [1]
    promote(case, 1)
    for _ in range(14):
        if draw.random() < 0.45 and len(pile) > 1:
            pile.pop()
            rollback(case)
        else:
            target = draw.choice([1, 2, 3])
            pile += [target] if target != pile[-1] else []
            promote(case, target)
        assert champion(case) == pile[-1]


def test_rollback_without_a_champion_is_refused(case: Case) -> None:
    """Where nothing was promoted there is nothing to roll back to."""
    register(case)
    with pytest.raises(RegistryError, match="no earlier champion"):
        rollback(case)
    assert champion(case) is None


@pytest.mark.parametrize("version", [0, 2, 99, -1])
def test_unknown_versions_are_refused(case: Case, version: int) -> None:
    """A version that is not there can neither be loaded nor promoted; the champion stays."""
    register(case)
    promote(case, 1)
    with pytest.raises(RegistryError, match="no version"):
        case.registry.load(case.name, version)
    with pytest.raises(RegistryError, match="no version"):
        promote(case, version)
    assert champion(case) == 1


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("x", " ")])
def test_a_move_says_who_and_why(case: Case, who: str, why: str) -> None:
    """A promotion without a name or a reason is refused and moves nothing."""
    register(case)
    with pytest.raises(RegistryError, match="who did it and why"):
        case.registry.promote(case.name, 1, who=who, why=why)
    assert champion(case) is None
    assert case.registry.history(case.name) == []


def test_content_that_cannot_be_stored_makes_no_version(case: Case) -> None:
    """A refused content leaves neither a version nor a name behind."""
    with pytest.raises(ArtifactError):
        case.registry.register(
            case.name,
            ArtifactContent({"a": np.array([object()])}),
            params={},
            metrics={},
            tags={},
            files={},
        )
    assert case.registry.versions(case.name) == []
