"""A challenger beside what serves: unseen in shadow, then for a share of the series, and away again."""

from __future__ import annotations

from dataclasses import dataclass

from storecast.errors import ArtifactError, RegistryError, RequestError
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.promotion import TableMoves, compare_tables
from storecast.forecasting.state import from_state
from storecast.jobs.promote import Promotion, check_gate, pick, promote, refused_by_gate
from storecast.jobs.publish import VersionRefusedError, check_version, served
from storecast.ports import Registry, ReleaseInfo, Releases, Trial
from storecast.ports.releases import OVERRULED

__all__ = ["Tried", "canary", "look", "promote_trial", "shadow", "stop_trial"]

_TRIES = 20  # somebody else published in between; each try is a look at a file


@dataclass(frozen=True)
class Tried:
    """``release`` now, with its trial; ``moves``: how far the challenger is from what serves."""

    release: ReleaseInfo
    moves: TableMoves

    @property
    def trial(self) -> Trial:
        """The trial that began."""
        assert self.release.trial is not None
        return self.release.trial


def _serving(releases: Releases) -> ReleaseInfo:
    now = served(releases)
    if now is None:
        raise ArtifactError(
            "nothing serves that a challenger could stand beside",
            expected="a published version",
            found="none",
            remedy="promote a version first",
        )
    return now


def _forecaster(releases: Releases, info: ReleaseInfo) -> Forecaster:
    content = releases.load(info)
    return from_state(content.arrays, content.texts, content.meta)


def look(registry: Registry, releases: Releases, name: str, number: int) -> TableMoves:
    """How far the forecasts of version ``number`` are from those that serve; nothing begins.

    Raises ``RegistryError`` where there is no such version, ``ArtifactError`` where its files or those of
    what serves are damaged, or where nothing serves.
    """
    now, version = _serving(releases), pick(name, registry.versions(name), number)
    content = releases.stage(
        version.digest, lambda folder: registry.export(version.name, version.version, folder)
    )
    new = from_state(content.arrays, content.texts, content.meta)
    return compare_tables(new, _forecaster(releases, now))


def _begin(
    registry: Registry,
    releases: Releases,
    name: str,
    number: int,
    kind: str,
    share: float,
    who: str,
    why: str,
    *,
    overrule: bool,
) -> Tried:
    version = pick(name, registry.versions(name), number)
    if kind == "canary" and refused_by_gate(version):
        if not overrule:
            check_gate(version)
        why = f"{OVERRULED}{why}"
    model = check_version(registry, releases, version)
    for _ in range(_TRIES):
        now = _serving(releases)
        if (now.version, now.digest) == (version.version, version.digest):
            raise RegistryError(
                f"version {number} of {name} serves already",
                expected="another version than the one that serves",
                found=str(number),
                remedy="name the challenger, see `storecast models list`",
            )
        moves = look(registry, releases, name, number)
        if moves.reasons:
            raise VersionRefusedError(version, list(moves.reasons))
        made = releases.try_out(version, model=model, kind=kind, share=share, who=who, why=why, after=now)
        if made is not None:
            return Tried(made, moves)
    raise ArtifactError(
        f"the {kind} of version {number} did not begin",
        expected=f"a moment without another publication, in {_TRIES} tries",
        found="others published each time",
        remedy="see who moves the champion, then try again",
    )


def shadow(registry: Registry, releases: Releases, name: str, number: int, *, who: str, why: str) -> Tried:
    """Let version ``number`` answer unseen beside what serves, for comparison; it ends a canary.

    Raises ``RegistryError`` where there is no such version, ``ArtifactError`` where nothing serves, where its
    files are damaged, or where its forecasts are not whole or move as no model explains.
    """
    return _begin(registry, releases, name, number, "shadow", 0.0, who, why, overrule=False)


def canary(
    registry: Registry,
    releases: Releases,
    name: str,
    number: int,
    share: float,
    *,
    who: str,
    why: str,
    overrule: bool = False,
) -> Tried:
    """Let version ``number`` answer a ``share`` (above 0, at most 1) of the series, or another share than
    before. Raises what ``shadow`` raises, and where the gate refused the version and nobody overrules it."""
    if not 0.0 < share <= 1.0:
        raise RequestError(
            "A canary takes a share of the series.",
            where="share",
            expected="above 0, at most 1",
            found=f"{share:g}",
            remedy="Begin with a tenth of them, 0.1.",
        )
    return _begin(registry, releases, name, number, "canary", share, who, why, overrule=overrule)


def _trial(releases: Releases) -> Trial:
    now = served(releases)
    if now is None or now.trial is None:
        raise ArtifactError(
            "no challenger is on trial",
            expected="a shadow or a canary under way",
            found="none",
            remedy="begin one, for example with `storecast models shadow VERSION`",
        )
    return now.trial


def stop_trial(releases: Releases, *, who: str, why: str, version: int | None = None) -> ReleaseInfo:
    """Let what serves answer alone again; the registry is not asked. Raises ``ArtifactError`` where no trial
    is under way, or not that of ``version``."""
    trial = _trial(releases)
    if version not in (None, trial.version):
        raise ArtifactError(
            f"version {version} is on trial no more",
            expected=f"a trial of version {version} under way",
            found=f"one of version {trial.version}",
            remedy="see who began it, then stop it if it should end",
        )
    made = releases.end_trial(kind=f"{trial.kind}-stopped", who=who, why=why, since=trial.at)
    if made is None:
        _trial(releases)
        raise ArtifactError("the trial changed at the same time", remedy="look again")
    return made


def promote_trial(registry: Registry, releases: Releases, name: str, *, who: str, why: str) -> Promotion:
    """Make the challenger that is on trial the champion; raises what ``promote`` raises, ``ArtifactError``
    where no trial is under way. Who began the canary has answered for a version that the gate refused."""
    trial = _trial(releases)
    over = trial.overruled
    return promote(registry, name, trial.version, who=who, why=why, releases=releases, overrule=over)
