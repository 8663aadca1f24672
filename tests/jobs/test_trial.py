"""Trials as the commands and the follower begin and end them, on real folders and databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from storecast.errors import ArtifactError, RegistryError, RequestError
from storecast.forecasting.forecaster import Forecaster
from storecast.jobs import trial as job
from storecast.jobs.follow import Follower
from storecast.jobs.promote import promote, rollback
from storecast.ports.moves import served_on
from storecast.ports.releases import OVERRULED
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.releases import ReleaseFolder
from tests.fakes import FakeRegistry, ticking_clock
from tests.published import content, fitted, scaled

NAME = "storecast"
WORDS: dict[str, Any] = {"who": "Ann", "why": "to see"}


class Shop:
    """A registry, a release folder and a database; version 1 serves, version 2 is its challenger."""

    def __init__(self, root: Path) -> None:
        self.registry = FakeRegistry()
        self.releases = ReleaseFolder(root / "releases", clock=ticking_clock())
        self.database = Database(f"sqlite:///{root}/log.db")
        self.database.ensure_schema()
        self.events = ModelEventTable(self.database)
        self.add(fitted(weeks=120))
        self.add(fitted(weeks=122))
        promote(self.registry, NAME, 1, who="Ann", why="first", releases=self.releases)

    def add(self, forecaster: Forecaster, **tags: str) -> int:
        made = self.registry.register(
            NAME, content(forecaster), params={}, metrics={}, tags={"model": "naive-growth", **tags}, files={}
        )
        return made.version

    def follower(self) -> Follower:
        now = iter(range(10**9))
        return Follower(
            NAME, self.registry, lambda name: self.releases, self.events, "w", lambda: float(next(now))
        )

    def told(self) -> list[tuple[str, int | None, int | None, float | None]]:
        listed = reversed(self.events.listing(limit=50))
        return [(e.kind, e.from_version, e.to_version, e.share) for e in listed if e.state == "done"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.database.close()


def kinds(shop: Shop) -> list[tuple[str, int, float | None]]:
    info = shop.releases.current()
    assert info is not None
    return [(p.kind, p.version, p.share) for p in info.recent]


def test_a_trial_from_shadow_to_champion(shop: Shop) -> None:
    """Compared before it begins, at each step in the pointer with who and why; promoted, it serves alone."""
    begun = job.shadow(shop.registry, shop.releases, NAME, 2, **WORDS)
    assert (begun.trial.kind, begun.trial.version, begun.trial.share) == ("shadow", 2, 0.0)
    assert (begun.moves.weeks, begun.moves.series) == (11, 4)
    assert (begun.release.version, begun.release.published_at) == (1, shop.releases.current().published_at)  # type: ignore[union-attr]
    for share in (0.1, 0.5):
        job.canary(shop.registry, shop.releases, NAME, 2, share, **WORDS)
    assert job.promote_trial(shop.registry, shop.releases, NAME, **WORDS).version.version == 2
    info = shop.releases.current()
    assert info is not None
    assert (info.version, info.trial) == (2, None)
    assert kinds(shop) == [
        ("promote", 1, None),
        ("shadow", 2, 0.0),
        ("canary", 2, 0.1),
        ("canary", 2, 0.5),
        ("promote", 2, None),
    ]
    assert shop.registry.champion(NAME).version == 2  # type: ignore[union-attr]


def test_a_trial_is_stopped_without_the_registry(shop: Shop) -> None:
    """What served answers alone again; stopping once more is refused."""
    job.canary(shop.registry, shop.releases, NAME, 2, 0.1, **WORDS)
    alone = job.stop_trial(shop.releases, who="Bob", why="questions")
    assert (alone.version, alone.trial) == (1, None)
    last = alone.recent[-1]
    assert (last.kind, last.version, last.replaced, last.who) == ("canary-stopped", 1, 2, "Bob")
    with pytest.raises(ArtifactError, match="no challenger is on trial"):
        job.stop_trial(shop.releases, **WORDS)
    with pytest.raises(ArtifactError, match="no challenger is on trial"):
        job.promote_trial(shop.registry, shop.releases, NAME, **WORDS)


def test_what_is_stopped_is_the_trial_that_was_meant(shop: Shop) -> None:
    """A trial that began since, of another version, goes on."""
    job.shadow(shop.registry, shop.releases, NAME, 2, **WORDS)
    other = shop.add(fitted(weeks=121))
    job.shadow(shop.registry, shop.releases, NAME, other, **WORDS)
    with pytest.raises(ArtifactError, match="version 2 is on trial no more"):
        job.stop_trial(shop.releases, **WORDS, version=2)
    assert job.stop_trial(shop.releases, **WORDS, version=other).trial is None


@pytest.mark.parametrize("verb", ["promote", "rollback"])
def test_what_moves_the_champion_ends_the_trial(shop: Shop, verb: str) -> None:
    """The challenger was compared with what served then."""
    if verb == "rollback":
        promote(shop.registry, NAME, 2, **WORDS, releases=shop.releases)
        job.canary(shop.registry, shop.releases, NAME, 1, 0.5, **WORDS)
        rollback(shop.registry, NAME, **WORDS, releases=shop.releases)
    else:
        job.canary(shop.registry, shop.releases, NAME, 2, 0.5, **WORDS)
        promote(shop.registry, NAME, shop.add(fitted(weeks=121)), **WORDS, releases=shop.releases)
    info = shop.releases.current()
    assert info is not None
    assert info.trial is None


@pytest.mark.parametrize("kind", ["shadow", "canary"])
@pytest.mark.parametrize("factor", [10.0, float("nan")])
def test_a_bad_table_is_refused_before_it_begins(shop: Shop, kind: str, factor: float) -> None:
    """Ten times off, or no numbers at all: nothing begins, and the reason is told."""
    bad = shop.add(scaled(fitted(weeks=122), factor))
    begin: Callable[..., object] = job.shadow if kind == "shadow" else partial(job.canary, share=0.1)
    with pytest.raises(ArtifactError) as told:
        begin(shop.registry, shop.releases, NAME, bad, **WORDS)
    assert ("not finite" if factor != factor else "times") in told.value.found
    assert kinds(shop) == [("promote", 1, None)]


def test_the_gate_stands_before_a_canary_too(shop: Shop) -> None:
    """What it refused is looked at in shadow by anybody, and answers a share where somebody overrules it, of
    which the record keeps the words, also when it is promoted."""
    refused = shop.add(fitted(weeks=121), gate="refused", gate_reason="it is worse")
    job.shadow(shop.registry, shop.releases, NAME, refused, **WORDS)
    with pytest.raises(RegistryError, match="did not pass the gate") as told:
        job.canary(shop.registry, shop.releases, NAME, refused, 0.1, **WORDS)
    assert told.value.found == "it is worse"
    begun = job.canary(shop.registry, shop.releases, NAME, refused, 0.1, **WORDS, overrule=True)
    assert begun.trial.why == "against the gate: to see"
    job.promote_trial(shop.registry, shop.releases, NAME, **WORDS)
    assert kinds(shop)[-1] == ("overrule", refused, None)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_share_is_a_share(shop: Shop, share: float) -> None:
    """Above nothing, and at most everything."""
    with pytest.raises(RequestError, match="share of the series"):
        job.canary(shop.registry, shop.releases, NAME, 2, share, **WORDS)


def test_what_serves_is_no_challenger(shop: Shop) -> None:
    """Nor is a version that does not exist; and nothing stands beside nothing."""
    with pytest.raises(RegistryError, match="serves already"):
        job.shadow(shop.registry, shop.releases, NAME, 1, **WORDS)
    with pytest.raises(RegistryError, match="no version 9"):
        job.shadow(shop.registry, shop.releases, NAME, 9, **WORDS)


def test_nothing_stands_beside_nothing(tmp_path: Path) -> None:
    """Before the first publication there is nothing to compare with."""
    registry, releases = FakeRegistry(), ReleaseFolder(tmp_path, clock=ticking_clock())
    registry.register(NAME, content(fitted()), params={}, metrics={}, tags={}, files={})
    with pytest.raises(ArtifactError, match="nothing serves"):
        job.shadow(registry, releases, NAME, 1, **WORDS)


def test_a_breach_ends_only_the_trial_that_it_was_of(shop: Shop) -> None:
    """A worker that is late with its word does not end the trial that began meanwhile."""
    first = job.canary(shop.registry, shop.releases, NAME, 2, 0.1, **WORDS).trial
    second = job.canary(shop.registry, shop.releases, NAME, 2, 0.2, **WORDS).trial
    breach: dict[str, str] = {"kind": "canary-breach", "who": "service", "why": "NaN"}
    assert shop.releases.end_trial(**breach, since=first.at) is None
    assert shop.releases.current().trial == second  # type: ignore[union-attr]
    assert shop.releases.end_trial(**breach, since=second.at) is not None
    assert shop.releases.end_trial(**breach, since=second.at) is None


def test_the_follower_writes_every_change_down(shop: Shop) -> None:
    """Who, when, why, from and to of each, whoever made it, once; and what served on a day is read from that
    and from what it has not seen yet."""
    follower = shop.follower()
    follower.step()
    job.shadow(shop.registry, shop.releases, NAME, 2, **WORDS)
    job.canary(shop.registry, shop.releases, NAME, 2, 0.25, **WORDS)
    follower.step()
    info = shop.releases.current()
    assert info is not None
    assert info.trial is not None
    shop.releases.end_trial(kind="canary-breach", who="service h:1", why="NaN", since=info.trial.at)
    for _ in range(2):
        follower.step()
    shop.follower().step()  # another one, which finds all of it written down
    assert shop.told() == [
        ("promote", None, 1, None),
        ("shadow", 1, 2, 0.0),
        ("canary", 1, 2, 0.25),
        ("canary-breach", 2, 1, None),
    ]
    times = [e.finished for e in reversed(shop.events.listing(limit=9))]
    assert times == sorted(times)  # type: ignore[type-var]
    promote(shop.registry, NAME, 2, **WORDS, releases=shop.releases)
    found = served_on("2026-01-01", shop.events, NAME, shop.releases.current())
    assert [(s.version, s.challenger, s.share, s.kind) for s in found] == [
        (1, None, 0.0, "promote"),
        (1, 2, 0.0, "shadow"),
        (1, 2, 0.25, "canary"),
        (1, None, 0.0, "canary-breach"),
        (2, None, 0.0, "promote"),
    ]
    at = found[2].first
    assert [s.kind for s in served_on(at, shop.events, NAME, None)] == ["canary"]


def test_a_canary_against_the_gate_is_asked_for_in_writing(shop: Shop) -> None:
    """Refused unless the request overrules the gate; the pointer then says so, once."""
    follower = shop.follower()
    follower.step()
    refused = shop.add(fitted(weeks=121), gate="refused", gate_reason="it is worse")
    words: dict[str, Any] = {"who": "key", "to_version": refused, "share": 0.25}
    plain = shop.events.request(NAME, "canary", why="asked", **words)
    over = shop.events.request(NAME, "canary", why=f"{OVERRULED}new shops", **words)
    follower.step()
    assert [shop.events.find(event.id).state for event in (plain, over)] == ["failed", "done"]  # type: ignore[union-attr]
    info = shop.releases.current()
    assert info is not None
    assert info.trial is not None
    assert info.trial.overruled
    assert info.trial.why == f"{OVERRULED}new shops [{over.id}]"


def test_the_follower_carries_out_what_is_asked_for(shop: Shop) -> None:
    """A canary with its share, its end, and the promotion of a version that the gate refused: each request is
    done once, with what it did; one that cannot be is failed with the reason."""
    follower = shop.follower()
    follower.step()
    refused = shop.add(fitted(weeks=121), gate="refused", gate_reason="it is worse")
    words: dict[str, Any] = {"who": "key", "why": "asked"}
    asked = [
        shop.events.request(NAME, "canary", to_version=2, share=0.25, **words),
        shop.events.request(NAME, "canary-stopped", **words),
        shop.events.request(NAME, "promote", to_version=refused, **words),
        shop.events.request(NAME, "overrule", to_version=refused, **words),
    ]
    follower.step()
    follower.step()
    done = [shop.events.find(event.id) for event in asked]
    assert [d.state for d in done if d] == ["done", "done", "failed", "done"]
    assert [(d.from_version, d.to_version, d.share) for d in done if d] == [
        (1, 2, 0.25),
        (2, 1, None),
        (None, refused, None),
        (1, refused, None),
    ]
    assert "did not pass the gate" in done[2].error  # type: ignore[union-attr]
    assert [k for k, *_ in kinds(shop)] == ["promote", "canary", "canary-stopped", "overrule"]
    assert len(shop.told()) == 4
