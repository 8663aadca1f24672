"""Bring what the registry's alias says into the release folder, once it has been checked whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storecast.errors import ArtifactError, RegistryError, StorecastError
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.plausible import check_table, smoke_forecast
from storecast.forecasting.state import from_state
from storecast.ports import ArtifactContent, ModelVersion, Registry, ReleaseInfo, Releases

__all__ = [
    "Publication",
    "VersionRefusedError",
    "check_version",
    "publish_champion",
    "served",
    "tell_registry",
]

_NOTHING: Mapping[str, str] = {}
_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError, MemoryError)  # of data that is no model
_TRIES = 20  # somebody else published in between; each try is a look at a file


class VersionRefusedError(ArtifactError):
    """A version must not serve; ``version`` and ``reasons`` say which and why."""

    def __init__(self, version: ModelVersion, reasons: list[str]) -> None:
        self.version, self.reasons = version, reasons
        super().__init__(
            f"version {version.version} of {version.name} is not published: {reasons[0]}",
            where=f"digest {version.digest}",
            found="; ".join(reasons),
            expected="forecasts that are whole, finite and of a size that history explains",
            remedy="look at its data and train again; what served before goes on",
        )


@dataclass(frozen=True)
class Publication:
    """``release`` is what serves now; ``moved`` is False where it did already; ``before``: what did."""

    release: ReleaseInfo
    before: ReleaseInfo | None
    moved: bool


def served(releases: Releases) -> ReleaseInfo | None:
    """What serves, None also where the pointer is damaged: the next publication replaces it."""
    try:
        return releases.current()
    except ArtifactError:
        return None


def _looked_at(content: ArtifactContent, old: Forecaster | None, *, anyway: bool) -> tuple[str, list[str]]:
    """Its kind of model, and why it must not serve."""
    new = from_state(content.arrays, content.texts, content.meta)
    return new.config.model, smoke_forecast(new) if anyway else check_table(new, old)


def check_version(
    registry: Registry, releases: Releases, version: ModelVersion, *, anyway: bool = False
) -> str:
    """Stage ``version`` in the release folder and look at all of its forecasts; its kind of model.

    ``anyway`` leaves out whether they are plausible, not whether they are whole. Raises
    ``VersionRefusedError``; ``ArtifactError`` where its files are damaged.
    """
    content = releases.stage(
        version.digest, lambda folder: registry.export(version.name, version.version, folder)
    )
    old = None if anyway else _serving(releases, version)
    try:
        model, reasons = _looked_at(content, old, anyway=anyway)
    except (
        _ODD
    ) as error:  # data whose digest is right may still be no forecaster, which shows when it is used
        reason = f"it is no forecaster this storecast can read ({type(error).__name__}: {error})"
        raise VersionRefusedError(version, [reason]) from error
    if reasons:
        raise VersionRefusedError(version, reasons)
    return model


def _serving(releases: Releases, version: ModelVersion) -> Forecaster | None:
    """The forecaster that serves, to compare with; None where there is none that can be read."""
    now = served(releases)
    if now is None or now.digest == version.digest:
        return None
    try:
        content = releases.load(now)
        return from_state(content.arrays, content.texts, content.meta)
    except (StorecastError, *_ODD):
        return None  # a damaged champion must not keep a sound one from taking its place


def publish_champion(
    registry: Registry,
    releases: Releases,
    name: str,
    *,
    kind: str,
    who: str,
    why: str,
    anyway: bool = False,
    checked: Mapping[str, str] = _NOTHING,
) -> Publication:
    """Publish whatever version carries the alias ``champion`` now, if it is not what serves.

    The alias is read again where somebody else published in between, so that of many publishers the last
    one publishes what the alias says. ``checked``: digest -> kind of model, of versions that
    ``check_version`` has passed already.
    Raises ``RegistryError``, ``VersionRefusedError`` or ``ArtifactError``; what served before goes on.
    """
    for _ in range(_TRIES):
        before = served(releases)
        champion = registry.champion(name)
        if champion is None:
            raise RegistryError(
                f"{name} has no champion to publish",
                expected="a version with the alias champion",
                found="none",
                remedy="promote a version, or train to register one",
            )
        if before and (before.version, before.digest) == (champion.version, champion.digest):
            if before.alias == champion.version or (before := releases.heard(champion.version, before)):
                return Publication(before, before, moved=False)
            continue
        model = checked.get(champion.digest) or check_version(registry, releases, champion, anyway=anyway)
        done = releases.publish(champion, model=model, kind=kind, who=who, why=why, after=before)
        if done is not None:
            return Publication(done, before, moved=True)
    raise ArtifactError(
        f"the champion of {name} was not published",
        expected=f"a moment without another publication, in {_TRIES} tries",
        found="others published each time",
        remedy="see who moves the champion, then try again",
    )


def tell_registry(registry: Registry, releases: Releases, now: ReleaseInfo) -> bool:
    """Move the alias to what serves after a rollback in the release folder alone; False where it was there.

    Raises ``RegistryError`` or ``ArtifactError``; what serves stays.
    """
    champion = registry.champion(now.name)
    moved = champion is None or champion.version != now.version
    if moved:
        registry.rollback(now.name, who=now.who, why=now.why, to=now.version)
    releases.heard(now.version, now)
    return moved
