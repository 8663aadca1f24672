"""Promote a version, roll back, and look at what is registered: all over the ``Registry`` port."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storecast.errors import ArtifactError, ConflictError, RegistryError
from storecast.jobs.publish import check_version, publish_champion, served, tell_registry
from storecast.ports import ModelVersion, Move, Registry, Releases
from storecast.ports.releases import OVERRULED

if TYPE_CHECKING:
    from storecast.forecasting.promotion import GateReport

__all__ = [
    "GATE",
    "GATE_REASON",
    "NOT_PASSED",
    "Comparison",
    "ModelDetail",
    "ModelList",
    "Promotion",
    "Rollback",
    "check_gate",
    "check_unmoved",
    "compare_versions",
    "list_versions",
    "pick",
    "promote",
    "refused_by_gate",
    "rollback",
    "show_version",
    "verdict_tag",
]

GATE, GATE_REASON = "gate", "gate_reason"  # tags of a version: the gate's verdict on it, and why
NOT_PASSED = "not passed"  # worse than a naive forecast, or not proven better
_REFUSED = "refused"  # worse than what served, or not proven as good
_TO_OVERRULE = (NOT_PASSED, _REFUSED)


@dataclass(frozen=True)
class ModelList:
    """All ``versions`` of ``name``, newest first; ``champion`` and ``challenger`` by number, if any."""

    name: str
    versions: tuple[ModelVersion, ...]
    champion: int | None
    challenger: int | None


@dataclass(frozen=True)
class ModelDetail:
    """One ``version`` and the ``moves`` of ``champion`` to it or away from it, oldest first."""

    version: ModelVersion
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class Comparison:
    """Two versions side by side.

    ``metrics``: name -> (value in ``first``, value in ``second``), NaN where a version has none;
    ``tags``: name -> the two texts, only where they differ; ``same_content``: whether their artifacts
    have one digest.
    """

    first: ModelVersion
    second: ModelVersion
    metrics: dict[str, tuple[float, float]]
    tags: dict[str, tuple[str, str]]
    same_content: bool


@dataclass(frozen=True)
class Promotion:
    """Which ``version`` is champion now, and ``previous``, which was before (None: there was none).

    ``moved`` is False where the version had been champion already.
    """

    version: ModelVersion
    previous: int | None
    moved: bool


@dataclass(frozen=True)
class Rollback:
    """Which ``version`` of ``name`` is champion again, and ``previous``, which it replaced.

    ``registry_error``: why the registry does not know of it yet; empty where it does.
    """

    name: str
    version: int
    previous: int | None
    registry_error: str = ""


def verdict_tag(gate: GateReport) -> str:
    """The tag ``GATE`` of the version that ``gate`` names as serving."""
    if gate.decision == "promote":
        return "passed" if gate.passed else "naive"
    return "no fresher" if gate.decision == "keep" else _REFUSED


def refused_by_gate(version: ModelVersion) -> bool:
    """Whether it takes an operator's word to let ``version`` answer anybody."""
    return version.tags.get(GATE) in _TO_OVERRULE


def check_gate(version: ModelVersion) -> None:
    """Raise ``RegistryError`` where the gate said no to ``version``, and why."""
    if refused_by_gate(version):
        raise RegistryError(
            f"version {version.version} of {version.name} did not pass the gate",
            expected="a version that beats the naive forecasts, and is no worse than the one that serves",
            found=version.tags.get(GATE_REASON, version.tags[GATE]),
            remedy="train a better one; or overrule the gate, with the reason in writing (--overrule)",
        )


def check_unmoved(registry: Registry, made: ModelVersion, champion: ModelVersion | None) -> None:
    """Raise ``ConflictError`` where ``champion``, beside which ``made`` was judged, is champion no more."""
    now, before = registry.champion(made.name), champion.version if champion else None
    if (now.version if now else None) != before:
        raise ConflictError(
            f"version {made.version} of {made.name} is registered and not promoted: the champion was moved "
            "while it was made",
            expected=f"version {before}" if before else "no champion",
            found=f"version {now.version}" if now else "no champion",
            remedy="see who moved it and why; then promote this version by its number, if it should serve",
        )


def _aliased(versions: list[ModelVersion], alias: str) -> int | None:
    return next((item.version for item in versions if alias in item.aliases), None)


def pick(name: str, versions: list[ModelVersion], wanted: int) -> ModelVersion:
    """The version ``wanted`` of ``versions``; raises ``RegistryError`` naming those there are."""
    for item in versions:
        if item.version == wanted:
            return item
    known = ", ".join(str(item.version) for item in versions[:20])
    raise RegistryError(
        f"there is no version {wanted} of {name}",
        expected=f"one of {known}" if known else "a registered version",
        found=f"{len(versions)} versions",
        remedy="list the versions, or train to register one",
    )


def list_versions(registry: Registry, name: str) -> ModelList:
    """Every version of ``name`` with its aliases and metrics."""
    versions = registry.versions(name)
    return ModelList(name, tuple(versions), _aliased(versions, "champion"), _aliased(versions, "challenger"))


def show_version(registry: Registry, name: str, version: int | None = None) -> ModelDetail:
    """One version, the champion (else the newest) by default, and when it served."""
    versions = registry.versions(name)
    if version is None:
        version = _aliased(versions, "champion") or max((item.version for item in versions), default=1)
    found = pick(name, versions, version)
    moves = tuple(move for move in registry.history(name) if version in (move.version, move.previous))
    return ModelDetail(found, moves)


def compare_versions(registry: Registry, name: str, first: int, second: int) -> Comparison:
    """Metrics and tags of two versions side by side."""
    versions = registry.versions(name)
    one, other = pick(name, versions, first), pick(name, versions, second)
    names = sorted(one.metrics.keys() | other.metrics.keys())
    tags = sorted(one.tags.keys() | other.tags.keys())
    return Comparison(
        first=one,
        second=other,
        metrics={key: (one.metrics.get(key, math.nan), other.metrics.get(key, math.nan)) for key in names},
        tags={
            key: (one.tags.get(key, ""), other.tags.get(key, ""))
            for key in tags
            if one.tags.get(key) != other.tags.get(key)
        },
        same_content=bool(one.digest) and one.digest == other.digest,
    )


def promote(
    registry: Registry,
    name: str,
    version: int | None = None,
    *,
    who: str,
    why: str,
    releases: Releases | None = None,
    anyway: bool = False,
    overrule: bool = False,
    kind: str = "promote",
) -> Promotion:
    """Make ``version``, the challenger by default, the champion of ``name``, and publish it as ``kind``.

    A version that the gate refused takes ``overrule``, and the record then says so. With ``releases`` its
    forecasts are checked before the alias moves (``anyway``: only whether they are whole). Raises
    ``RegistryError`` where there is no such version or no challenger, or where the gate refused it,
    ``ArtifactError`` where the version's files are damaged or its forecasts refused; the champion then stays.
    """
    versions = registry.versions(name)
    previous = _aliased(versions, "champion")
    if version is None:
        version = _aliased(versions, "challenger")
    if version is None:
        raise RegistryError(
            f"{name} has no challenger to promote",
            expected="a version registered since the last promotion",
            found=f"{len(versions)} versions, champion {previous or 'none'}",
            remedy="train to register one, or say which version to promote",
        )
    checked, wanted = {}, pick(name, versions, version)
    if refused_by_gate(wanted) and wanted.version != previous:
        if not overrule:
            check_gate(wanted)
        kind, why = "overrule", f"{OVERRULED}{why}"
    if releases is not None:
        checked[wanted.digest] = check_version(registry, releases, wanted, anyway=anyway)
    made = _moved(registry, name, version, who=who, why=why, releases=releases)
    if releases is not None:
        publish_champion(
            registry, releases, name, kind=kind, who=who, why=why, anyway=anyway, checked=checked
        )
    return Promotion(made, previous, moved=previous != made.version)


def _moved(
    registry: Registry, name: str, version: int, *, who: str, why: str, releases: Releases | None
) -> ModelVersion:
    """Move the alias; once more where it moved meanwhile because the registry heard late of a rollback.

    What serves says whether anybody decided anything in between.
    """
    before = served(releases) if releases is not None else None
    try:
        return registry.promote(name, version, who=who, why=why)
    except RegistryError:
        champion, now = registry.champion(name), served(releases) if releases is not None else None
        if champion is None or before is None or now is None or now.published_at != before.published_at:
            raise
        if champion.version != now.version:
            raise
        return registry.promote(name, version, who=who, why=why)


def rollback(
    registry: Registry | None,
    name: str,
    *,
    who: str,
    why: str,
    releases: Releases | None = None,
    undo: int | None = None,
) -> Rollback:
    """Undo the last promotion of ``name`` that is not undone yet; raises where none is left, or where it is
    not that of version ``undo``.

    With ``releases`` it is what serves that goes back, at once, to the version that the folder still holds;
    then the registry is told. Where that cannot be reached, or is None, the follower tells it later.
    """
    now = served(releases) if releases is not None else None
    if releases is not None and (registry is None or (now is not None and now.previous is not None)):
        done = releases.rollback(who=who, why=why, undo=undo)
        error = "it was left out."
        if registry is not None:
            try:
                tell_registry(registry, releases, done)
                error = ""
            except (RegistryError, ArtifactError) as refused:
                error = f"{refused.what}."
        return Rollback(name, done.version, done.replaced, error)
    if registry is None:
        raise TypeError("a rollback needs the registry or the release folder")
    before = registry.champion(name)
    if before is not None and undo not in (None, before.version):
        raise RegistryError(
            f"version {undo} serves no more",
            expected=f"version {undo} as the champion of {name}",
            found=f"version {before.version}",
            remedy="see who moved it, then roll back what serves now",
        )
    made = registry.rollback(name, who=who, why=why)
    if releases is not None:
        # it served before: whether it is plausible beside what it replaces is not the question now
        publish_champion(registry, releases, name, kind="rollback", who=who, why=why, anyway=True)
    return Rollback(name, made.version, before.version if before else None)
