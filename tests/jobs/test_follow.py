"""The follower: the alias is followed wherever it is moved, requests are carried out once, outages pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storecast.errors import LogError, RegistryError
from storecast.jobs.follow import Follower
from storecast.jobs.promote import promote, rollback
from storecast.jobs.requests import carry_out
from storecast.ports import ReleaseInfo
from storecast.ports.records import ModelEvent
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.releases import ReleaseFolder
from tests.fakes import FakeRegistry
from tests.published import content, fitted, scaled

NAME = "storecast"
MOVED_ELSEWHERE = "the alias champion was moved in the registry"


class Away(FakeRegistry):
    """A registry that can be out of reach, and whose alias can be moved without a record."""

    away = False

    def move_alias(self, name: str, version: int) -> None:
        """As MLflow's own pages do."""
        pile = self._piles.setdefault(name, [])
        pile[:] = [*pile[: pile.index(version)], version] if version in pile else [*pile, version]
        self._moves.setdefault("touched", []).append(None)  # type: ignore[arg-type]

    def stamp(self, name: str) -> object:
        self._asked()
        return super().stamp(name), len(self._moves.get("touched", []))

    def champion(self, name: str):
        self._asked()
        return super().champion(name)

    def versions(self, name: str):
        self._asked()
        return super().versions(name)

    def history(self, name: str):
        self._asked()
        return super().history(name)

    def _asked(self) -> None:
        if self.away:
            raise RegistryError("the model registry does not answer")


class World:
    """A registry, a release folder, a database, a clock and one follower."""

    def __init__(self, folder: Path) -> None:
        self.registry = Away()
        self.root = folder / "releases"
        self.database = Database(f"sqlite:///{folder}/log.db")
        self.database.ensure_schema()
        self.events = ModelEventTable(self.database)
        self.time = 0.0
        self.follower = self.start()

    def releases(self, name: str = NAME) -> ReleaseFolder:
        return ReleaseFolder(self.root / name, clock=lambda: datetime.now(UTC))

    def start(self, worker: str = "one") -> Follower:
        return Follower(NAME, self.registry, self.releases, self.events, worker, lambda: self.time)

    def register(self, number: int, factor: float = 1.0, name: str = NAME) -> None:
        """Versions whose forecasts differ by a few per cent."""
        made = content(scaled(fitted(), factor * (1.0 + number / 100)), number=number)
        self.registry.register(name, made, params={}, metrics={}, tags={"model": "naive-growth"}, files={})

    def steps(self, seconds: float = 2.0) -> list[str]:
        """Let ``seconds`` pass in steps of a quarter; the events told."""
        told = []
        for _ in range(int(seconds * 4)):
            self.time += 0.25
            told += [happening.event for happening in self.follower.step()]
        return told

    def serving(self) -> ReleaseInfo:
        """What serves, loaded whole."""
        now = self.releases().current()
        assert now is not None
        assert self.releases().load(now).meta["number"] == now.version
        return now

    def written(self, name: str = NAME) -> list[tuple[str, int | None, int | None, str, str]]:
        """Events of the model, oldest first: kind, from, to, who, state."""
        listed = reversed(self.events.listing(limit=100, model=name))
        return [(e.kind, e.from_version, e.to_version, e.who, e.state) for e in listed]


@pytest.fixture
def world(tmp_path: Path):
    made = World(tmp_path)
    yield made
    made.database.close()


def test_an_alias_moved_elsewhere_is_published(world: World) -> None:
    """What MLflow's pages or client move is published within a step, and recorded from, to and by whom."""
    assert world.steps() == []
    for number in (1, 2, 3):
        world.register(number)
    assert world.steps() == []
    for version, told in [(1, [1]), (2, [1, 2]), (1, [1, 2, 1])]:
        world.registry.move_alias(NAME, version)
        assert world.steps(0.25) == ["published"]
        now = world.serving()
        assert (now.version, now.kind, now.who, now.why) == (version, "moved", "registry", MOVED_ELSEWHERE)
        assert [event[2] for event in world.written()] == told
    assert world.written() == [
        ("moved", None, 1, "registry", "done"),
        ("moved", 1, 2, "registry", "done"),
        ("moved", 2, 1, "registry", "done"),
    ]
    assert world.steps(60) == []


def test_moves_of_the_command_line_are_recorded_once(world: World) -> None:
    """A promotion or rollback that published by itself is not published again, and gets one event."""
    for number in (1, 2):
        world.register(number)
        promote(world.registry, NAME, number, who="Ann", why="better", releases=world.releases())
        assert world.steps() == []
    rollback(world.registry, NAME, who="Bob", why="bad week", releases=world.releases())
    assert world.steps() == []
    assert world.written() == [
        ("promote", None, 1, "Ann", "done"),
        ("promote", 1, 2, "Ann", "done"),
        ("rollback", 2, 1, "Bob", "done"),
    ]
    world.follower = world.start("after a restart")
    assert world.steps() == []
    assert len(world.written()) == 3


def test_no_move_is_missed_between_two_looks(world: World) -> None:
    """Moves while no follower runs, and several between two of its steps, get an event each, also those of
    the same words; a follower that starts again writes none of them twice."""
    for number in (1, 2):
        world.register(number)

    def there_and_back() -> None:
        promote(world.registry, NAME, 2, who="Ann", why="better", releases=world.releases())
        rollback(world.registry, NAME, who="Bob", why="worse", releases=world.releases())

    promote(world.registry, NAME, 1, who="Ann", why="first", releases=world.releases())
    there_and_back()
    world.steps(0.25)
    both = [("promote", 1, 2, "Ann", "done"), ("rollback", 2, 1, "Bob", "done")]
    first = ("promote", None, 1, "Ann", "done")
    assert world.written() == [first, *both]
    there_and_back()
    there_and_back()
    world.steps(0.25)
    assert world.written() == [first, *3 * both]
    there_and_back()
    world.events.request(NAME, "promote", who="Ann", why="better", to_version=2)
    world.follower = world.start("after a restart")
    world.steps(0.25)
    assert sorted(map(str, world.written())) == sorted(map(str, [first, *4 * both, both[0]]))
    world.follower = world.start("after another")
    world.steps(0.25)
    assert len(world.written()) == 10


def test_a_command_that_died_after_its_move_is_finished(world: World) -> None:
    """A recorded move that nobody publishes is published after a moment, in the name of who made it."""
    for number in (1, 2):
        world.register(number)
        promote(world.registry, NAME, number, who="Ann", why="better", releases=world.releases())
    world.steps()
    world.registry.rollback(NAME, who="Bob", why="bad week")
    assert world.steps(0.25) == []
    assert world.steps(1.0) == ["published"]
    now = world.serving()
    assert (now.version, now.kind, now.who, now.why, now.earlier) == (1, "rollback", "Bob", "bad week", ())


def test_requests_are_carried_out(world: World) -> None:
    """What routes wrote down is done in order: alias, pointer and event agree on it."""
    for number in (1, 2, 3):
        world.register(number)
    asked = [
        world.events.request(NAME, "promote", who="Ann", why="first", to_version=1),
        world.events.request(NAME, "promote", who="Ann", why="better"),
        world.events.request(NAME, "rollback", who="Bob", why="bad week"),
    ]
    assert world.steps(0.25) == ["promote", "promote", "rollback"]
    found = [world.events.find(event.id) for event in asked]
    assert [(e.state, e.from_version, e.to_version) for e in found if e] == [
        ("done", None, 1),
        ("done", 1, 3),
        ("done", 3, 1),
    ]
    now = world.serving()
    assert (now.version, now.kind, now.who) == (1, "rollback", "Bob")
    assert now.why.startswith("bad week [")
    champion = world.registry.champion(NAME)
    assert champion is not None
    assert champion.version == 1
    assert world.steps() == []
    assert len(world.written()) == 3


@pytest.mark.parametrize(
    ("kind", "version", "reason"),
    [("promote", 9, "no version 9"), ("rollback", None, "no earlier"), ("dance", None, "cannot carry out")],
)
def test_a_request_that_cannot_be_met_fails_with_its_reason(world: World, kind, version, reason) -> None:
    """The event says why, what served goes on, and later requests are carried out."""
    world.register(1)
    world.registry.move_alias(NAME, 1)
    world.steps()
    asked = world.events.request(NAME, kind, who="Ann", why="try", to_version=version)
    world.register(2)
    later = world.events.request(NAME, "promote", who="Ann", why="better", to_version=2)
    assert world.steps(0.25) == ["request failed", "promote"]
    failed, done = world.events.find(asked.id), world.events.find(later.id)
    assert failed is not None
    assert done is not None
    assert failed.state == "failed"
    assert reason in failed.error
    assert done.state == "done"
    assert world.serving().version == 2


def test_requests_for_another_model_go_to_its_own_folder(world: World) -> None:
    """One follower carries out what is asked of any model of the database, each in its own folder."""
    world.register(1, name="other")
    world.events.request("other", "promote", who="Ann", why="first", to_version=1)
    assert world.steps(0.25) == ["promote"]
    now = world.releases("other").current()
    assert now is not None
    assert (now.name, now.version) == ("other", 1)
    assert world.releases().current() is None


def cut_after(world: World, asked: ModelEvent, method: str, where: str) -> None:
    """Carry a request out as a follower would that dies right after ``method``."""

    class DeadError(Exception):
        pass

    class Registry(Away):
        pass

    dying = Registry()
    dying.__dict__ = world.registry.__dict__
    releases = world.releases()

    def then_die(call: Callable[..., object]):
        def run(*args, **kwargs):
            call(*args, **kwargs)
            raise DeadError

        return run

    target = dying if where == "the move" else releases
    setattr(target, method, then_die(getattr(target, method)))
    claimed = world.events.claim("dying", lease=0.0)
    assert claimed is not None
    assert claimed.id == asked.id
    with pytest.raises(DeadError):
        carry_out(dying, releases, claimed)
    dying.__dict__.pop(method, None)


@pytest.mark.parametrize(
    ("kind", "died_after"),
    [
        ("promote", "the move"),
        ("promote", "stage"),
        ("promote", "publish"),
        ("rollback", "the folder"),
        ("rollback", "the move"),
        ("rollback", "heard"),
    ],
)
def test_a_request_is_not_carried_out_twice(world: World, kind: str, died_after: str) -> None:
    """A follower dies after moving the alias, or after publishing: the next one brings the same move to its
    end and does not roll back or promote once more."""
    for number in (1, 2, 3, 4):
        world.register(number)
    for number in (1, 2, 3):
        promote(world.registry, NAME, number, who="Ann", why="better", releases=world.releases())
    world.steps()
    version = 4 if kind == "promote" else None
    asked = world.events.request(NAME, kind, who="Bob", why="asked", to_version=version)
    cut_after(
        world, asked, {"the move": kind, "the folder": "rollback"}.get(died_after, died_after), died_after
    )
    world.follower = world.start("two")
    told = world.steps(20)
    assert told == [kind] + ["registry told"] * (died_after == "the folder")
    expected = (3, 4) if kind == "promote" else (3, 2)
    found = world.events.find(asked.id)
    assert found is not None
    assert (found.state, found.from_version, found.to_version) == ("done", *expected)
    assert world.serving().version == expected[1]
    assert len(world.registry.history(NAME)) == 4
    assert world.steps(120) == []


def test_an_implausible_version_is_refused_and_recorded_once(world: World) -> None:
    """A champion whose total jumps is not published; the old one serves, the reason is a model event."""
    world.register(1)
    world.register(2, factor=20.0)
    world.register(3)
    world.registry.move_alias(NAME, 1)
    world.steps()
    world.registry.move_alias(NAME, 2)
    assert world.steps(0.25) == ["refused"]
    assert world.serving().version == 1
    assert world.steps(300) == []
    kind, before, after, who, _ = world.written()[-1]
    assert (kind, before, after, who) == ("refused", 1, 2, "follower")
    assert len(world.written()) == 2
    why = world.events.listing(limit=1)[0].why
    assert "times the mean week of the last year" in why
    world.registry.move_alias(NAME, 3)
    assert world.steps(0.25) == ["published"]
    assert world.serving().version == 3


def test_a_promotion_that_is_implausible_moves_nothing(world: World) -> None:
    """Asked for by request or command, it is refused before the alias moves, unless it is insisted on."""
    from storecast.jobs.publish import VersionRefusedError

    world.register(1)
    world.register(2, factor=20.0)
    promote(world.registry, NAME, 1, who="Ann", why="first", releases=world.releases())
    world.events.request(NAME, "promote", who="Ann", why="better", to_version=2)
    assert world.steps() == ["request failed"]
    with pytest.raises(VersionRefusedError, match="is not published"):
        promote(world.registry, NAME, 2, who="Ann", why="better", releases=world.releases())
    champion = world.registry.champion(NAME)
    assert champion is not None
    assert champion.version == world.serving().version == 1
    assert len(world.registry.history(NAME)) == 1
    promote(world.registry, NAME, 2, who="Ann", why="really", releases=world.releases(), anyway=True)
    assert world.steps() == []
    assert world.serving().version == 2


def test_what_is_no_forecaster_is_refused(world: World) -> None:
    """An artifact that is whole but no forecaster is refused with a reason, not with a crash."""
    from tests.mlflow_server import small_content

    world.register(1)
    world.registry.move_alias(NAME, 1)
    world.steps()
    world.registry.register(NAME, small_content(2), params={}, metrics={}, tags={}, files={})
    world.registry.move_alias(NAME, 2)
    assert world.steps() == ["refused"]
    assert "no forecaster this storecast can read" in world.events.listing(limit=1)[0].why
    assert world.serving().version == 1


def test_a_request_for_an_odd_version_fails_and_is_not_taken_up_again(world: World) -> None:
    """Data that can be read but not forecast with, such as weeks that are no days, is refused with a reason,
    asked for in writing or by the alias; what else goes wrong in a request ends that request alone."""
    world.register(1)
    promote(world.registry, NAME, 1, who="Ann", why="first", releases=world.releases())
    sound = content(fitted(), number=2)
    numbers = sound.arrays["weeks"].astype("datetime64[D]").astype(float)
    odd = replace(sound, arrays={**sound.arrays, "weeks": numbers})
    world.registry.register(NAME, odd, params={}, metrics={}, tags={}, files={})
    asked = world.events.request(NAME, "promote", who="Ann", why="better", to_version=2)
    assert world.steps(70).count("request failed") == 1
    found = world.events.find(asked.id)
    assert found is not None
    assert found.state == "failed"
    assert "no forecaster this storecast can read" in found.error
    world.registry.move_alias(NAME, 2)
    assert world.steps(1) == ["refused"]
    assert world.serving().version == 1


def test_an_accident_ends_the_request_and_not_the_follower(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, written down, and not tried for ever."""

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("out of cheese")

    asked = world.events.request(NAME, "rollback", who="Ann", why="worse")
    monkeypatch.setattr("storecast.jobs.requests.rollback", breaks)
    assert world.steps(70) == ["request failed"]
    found = world.events.find(asked.id)
    assert found is not None
    assert (found.state, found.error) == ("failed", "RuntimeError: out of cheese")


def test_a_version_damaged_in_the_registry_is_refused_until_it_is_whole(world: World, monkeypatch) -> None:
    """Files that are not the registered ones are refused; once repaired they are published by themselves."""
    for number in (1, 2):
        world.register(number)
    world.registry.move_alias(NAME, 1)
    world.steps()
    whole = world.registry.load(NAME, 2)
    pair = world.registry._versions[NAME]
    pair[1] = (pair[1][0], content(fitted(), number=99))
    world.registry.move_alias(NAME, 2)
    assert world.steps(10) == ["refused"]
    assert world.serving().version == 1
    pair[1] = (pair[1][0], whole)
    assert world.steps(70) == ["published"]
    assert world.serving().version == 2


def test_a_registry_away_stops_nothing(world: World) -> None:
    """Outage and return are told once each; the champion serves on, and a restart changes nothing."""
    world.register(1)
    world.registry.move_alias(NAME, 1)
    world.steps()
    world.registry.away = True
    assert world.steps(100) == ["registry away"]
    world.follower = world.start("two")
    assert world.steps(100) == ["registry away"]
    assert world.serving().version == 1
    world.register(2)
    world.registry.move_alias(NAME, 2)
    world.registry.away = False
    assert world.steps(40) == ["published", "registry back"]
    assert world.serving().version == 2


def test_a_rollback_needs_no_registry_and_tells_it_later(world: World) -> None:
    """With the registry away a rollback, by request or command, serves at once; the alias follows when it
    is back, as one rollback, and nothing is published again."""
    for number in (1, 2):
        world.register(number)
        promote(world.registry, NAME, number, who="Ann", why="better", releases=world.releases())
    world.steps()
    world.registry.away = True
    asked = world.events.request(NAME, "rollback", who="Bob", why="bad week")
    assert "rollback" in world.steps(1)
    found = world.events.find(asked.id)
    assert found is not None
    assert (found.state, found.from_version, found.to_version) == ("done", 2, 1)
    assert world.serving().version == 1
    world.follower = world.start("after a restart")
    world.steps(10)
    world.registry.away = False
    assert world.steps(60) == ["registry back", "registry told"]
    moves = [(m.kind, m.previous, m.version, m.who) for m in world.registry.history(NAME)]
    assert moves[-1] == ("rollback", 2, 1, "Bob")
    now = world.serving()
    assert (now.version, now.alias) == (1, 1)
    stamp = world.releases().stamp()
    assert world.steps(100) == []
    assert world.releases().stamp() == stamp
    world.registry.move_alias(NAME, 2)  # and a later move counts again
    assert world.steps(0.25) == ["published"]
    assert world.serving().version == 2


def test_two_rollbacks_without_the_registry(world: World) -> None:
    """Two steps back are told as one move to the version that serves."""
    for number in (1, 2, 3):
        world.register(number)
        promote(world.registry, NAME, number, who="Ann", why="better", releases=world.releases())
    for _ in range(2):
        done = rollback(None, NAME, who="Bob", why="bad week", releases=world.releases())
    assert (done.version, done.previous) == (1, 2)
    assert done.registry_error
    assert world.steps(20) == ["registry told"]
    assert [m.version for m in world.registry.history(NAME)] == [1, 2, 3, 1]
    champion = world.registry.champion(NAME)
    assert champion is not None
    assert champion.version == world.serving().version == 1


def test_two_who_ask_to_roll_back_one_version_go_back_once(world: World) -> None:
    """The second request says which version was meant, and fails with that reason."""
    for number in (1, 2, 3):
        world.register(number)
        promote(world.registry, NAME, number, who="Ann", why="better", releases=world.releases())
    asked = [
        world.events.request(NAME, "rollback", who=who, why="bad week", from_version=3)
        for who in ("Bob", "Al")
    ]
    world.steps(1)
    assert world.serving().version == 2
    one, other = [world.events.find(request.id) for request in asked]
    assert one is not None
    assert other is not None
    assert (one.state, one.from_version, one.to_version) == ("done", 3, 2)
    assert (other.state, other.from_version) == ("failed", 3)
    assert "version 3 serves no more" in other.error


def test_a_promotion_needs_the_registry(world: World) -> None:
    """Asked for while the registry is away, it fails with that reason; nothing moves."""
    world.register(1)
    world.registry.away = True
    asked = world.events.request(NAME, "promote", who="Ann", why="better", to_version=1)
    assert "request failed" in world.steps(1)
    found = world.events.find(asked.id)
    assert found is not None
    assert "does not answer" in found.error
    assert world.releases().current() is None


def test_a_damaged_release_folder_is_repaired(world: World) -> None:
    """A pointer or version that was damaged is brought back from the registry at the next look."""
    world.register(1)
    world.registry.move_alias(NAME, 1)
    world.steps()
    (world.root / NAME / "champion.json").write_bytes(b"{")
    assert world.steps(40) == ["published"]
    assert world.serving().version == 1


def test_events_wait_for_a_database_that_is_away(world: World) -> None:
    """Publishing goes on without the database; what happened is written down, in order, when it is back."""

    class Gone(ModelEventTable):
        def record(self, *args, **kwargs):
            raise LogError("the forecast log's database does not answer as it should")

        claim = listing = record

    for number in (1, 2):
        world.register(number)
    there = world.events
    world.follower.events = Gone(world.database)
    told = []
    for version in (1, 2):
        world.registry.move_alias(NAME, version)
        told += world.steps(1)
    assert told == ["database away", "published", "published"]
    assert world.serving().version == 2
    world.follower.events = there
    assert world.steps(10) == []
    assert [event[:3] for event in world.written()] == [("moved", None, 1), ("moved", 1, 2)]


def test_twenty_moves_quickly(world: World) -> None:
    """Promotions and rollbacks in a row leave alias and pointer at the same version, and one event each."""
    for number in (1, 2):
        world.register(number)
    promote(world.registry, NAME, 1, who="Ann", why="first", releases=world.releases())
    world.follower.step()
    for _ in range(10):
        promote(world.registry, NAME, 2, who="Ann", why="better", releases=world.releases())
        world.follower.step()
        assert world.serving().version == 2
        rollback(world.registry, NAME, who="Ann", why="worse", releases=world.releases())
        world.follower.step()
        assert world.serving().version == 1
    assert world.steps() == []
    assert [event[2] for event in world.written()] == [1, *[2, 1] * 10]
    assert len(list((world.root / NAME / "versions").iterdir())) == 2


class Late(Away):
    """A registry that hears of a rollback just while somebody promotes."""

    late: Callable[[], object] | None = None

    def promote(self, name: str, version: int, *, who: str, why: str):
        if self.late is not None:
            late, self.late = self.late, None
            late()
            raise RegistryError("somebody else moved the champion")
        return super().promote(name, version, who=who, why=why)


def test_a_promotion_is_not_refused_for_a_rollback_that_serves_already(world: World) -> None:
    """The registry hears of the rollback in the middle: nothing that serves has changed, and it goes on.
    Where what serves has changed, whoever promotes decides again."""
    world.registry.__class__ = Late
    registry = world.registry
    assert isinstance(registry, Late)
    for number in (1, 2, 3):
        world.register(number)
    for number in (1, 3):
        promote(registry, NAME, number, who="Ann", why="better", releases=world.releases())
    rollback(None, NAME, who="Bob", why="too wide", releases=world.releases())
    assert world.serving().version == 1
    registry.late = lambda: registry.rollback(NAME, who="Bob", why="too wide", to=1)
    promote(registry, NAME, 2, who="Ann", why="the next", releases=world.releases())
    assert world.serving().version == 2
    registry.late = lambda: world.releases().rollback(who="Bob", why="worse")
    with pytest.raises(RegistryError, match="somebody else"):
        promote(registry, NAME, 3, who="Ann", why="the last", releases=world.releases())
    assert world.serving().version == 1
