"""A logged answer made again: the entry from the log, the version that gave it from where it still lies."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from storecast.errors import ArtifactError, RegistryError, RequestError, UntrustedError
from storecast.forecasting.events import Event
from storecast.jobs.retrain import Retrained, retrain
from storecast.ports import ArtifactContent, Entry, ReleaseInfo
from storecast.service.champion import Champion
from storecast.service.reproduction import Reproduction, reproduce, version_faults
from storecast.settings import Settings
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.forecast_log.records import ForecastTable
from storecast.wiring import batch
from storecast.wiring.serving import database

__all__ = ["logged_entry", "remade", "retrained", "version_of"]


def logged_entry(settings: Settings, key: str) -> Entry:
    """The entry with this id; raises ``RequestError`` where there is none."""
    opened = database(settings)
    try:
        found = ForecastTable(opened).find(key)
    finally:
        opened.close()
    if found is None:
        raise RequestError(
            "There is no answer of this id in the log.",
            where=opened.name,
            expected="the id that an answer gave, such as 01a227af-9567-77c0-a66e-f1e6f906323f",
            found=key[:80],
            remedy="Check the id; answers that were pruned are gone (see `storecast log export`).",
        )
    return found


def version_of(settings: Settings, entry: Entry) -> tuple[ArtifactContent, tuple[str, ...]]:
    """The version that gave an answer, by its digest, and what in the entry does not agree with the registry.

    It is looked for in the release folder, then in the registry. Raises ``ArtifactError`` where it is in
    neither.
    """
    info = ReleaseInfo(entry.model, entry.version, entry.digest, "", "", "", "", "")
    content: ArtifactContent | None = None
    why = ""
    with suppress(ArtifactError):
        content = batch.releases(settings, entry.model).load(info)
    faults: tuple[str, ...] = ()
    try:
        versions = batch.registry(settings).versions(entry.model)
        faults = version_faults(entry, versions)
        for version in versions if content is None else ():
            if version.digest == entry.digest:
                content = batch.registry(settings).load(entry.model, version.version)
                break
    except UntrustedError:
        raise
    except (RegistryError, ArtifactError) as error:
        why = error.what
    if content is None:
        raise ArtifactError(
            f"the version that gave this answer is gone: {entry.model} version {entry.version}",
            where=f"entry {entry.id}",
            expected=f"a version with digest {entry.digest[:80]}, in the release folder or the registry",
            found=why or "none with this digest",
            remedy="restore the registry from a backup; what was deleted for good cannot be made again",
        )
    return content, faults


def remade(settings: Settings, key: str) -> tuple[Reproduction, ArtifactContent]:
    """The answer with this id compared with what its version says to the same question now."""
    entry = logged_entry(settings, key)
    content, faults = version_of(settings, entry)
    info = ReleaseInfo(entry.model, entry.version, entry.digest, "", "", "", "", "")
    try:
        champion = Champion.from_content(info, content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(
            "the version that gave this answer is no forecaster this storecast can read",
            where=f"entry {entry.id}",
            found=f"{type(error).__name__}: {error}",
            remedy="use the storecast that made it: see code_version in its manifest",
        ) from error
    made = reproduce(champion, entry)
    return replace(made, faults=(*faults, *made.faults)), content


def retrained(
    settings: Settings,
    content: ArtifactContent,
    data: str,
    *,
    sheet: str | None,
    dayfirst: bool | None,
    events: Sequence[Event],
    advance: Callable[[str, float], None],
) -> Retrained:
    """The version fitted again from the data at ``data``, and whether it is the same, digest for digest."""
    return retrain(
        batch.sales_files(sheet, dayfirst),
        content,
        data,
        digest=_digest,
        unit=settings.unit,
        events=events,
        advance=advance,
    )


def _digest(content: ArtifactContent) -> str:
    with tempfile.TemporaryDirectory(prefix="storecast-") as folder:
        return ArtifactFolders().save(content, str(Path(folder, "version")))
