"""Everything the batch jobs need, made from the settings.

What is slow to import and not always needed (pictures) is imported where it is made.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from storecast.errors import RequestError, SetupError
from storecast.forecasting.backtest import Backtest
from storecast.forecasting.calendar import US_RETAIL, Calendar
from storecast.forecasting.events import Event
from storecast.forecasting.quality import SalesSource
from storecast.ports import ArtifactContent, DriftWriter, Registry, ReportWriter
from storecast.ports.studies import Studies, Tracker
from storecast.settings import Settings
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.calendars import country_calendar, file_calendar
from storecast.stores.event_files import read_events
from storecast.stores.frames import FrameFiles, check_target, write_bytes
from storecast.stores.locks import alone
from storecast.stores.registry import MlflowRegistry
from storecast.stores.releases import ReleaseFolder
from storecast.stores.sales_files import SalesFiles
from storecast.stores.sample_files import SampleFiles
from storecast.stores.tracking import MlflowTracker
from storecast.wiring import places, signing

__all__ = [
    "alone_with",
    "asked_calendar",
    "calendar",
    "check_outputs",
    "check_signing",
    "clock",
    "draw_backtest",
    "drift_writer",
    "events",
    "registry",
    "releases",
    "report_writer",
    "sales_files",
    "sales_writer",
    "studies",
    "table_writer",
    "tracker",
    "untrusting_registry",
    "user",
    "what_if_seconds",
    "write_json",
    "write_markdown",
]


_NO_END = np.timedelta64(3650, "D")  # an event without a last week goes on


def sales_files(sheet: str | None, dayfirst: bool | None, *, least_weeks: int = 2) -> SalesSource:
    """Sales data on files; options as on the command line. ``least_weeks``: 1 where a new week is enough."""
    return SalesFiles(sheet=sheet, dayfirst=dayfirst, least_weeks=least_weeks)


def alone_with(settings: Settings, name: str, command: str) -> AbstractContextManager[None]:
    """Nobody else makes a version of ``name`` meanwhile; raises ``ConflictError`` where somebody does."""
    process = f"process {os.getpid()} on {socket.gethostname()}"
    note = f"{command} by {user()}, {process}, since {clock():%Y-%m-%d %H:%M:%S} UTC"
    return alone(places.model_lock(settings, name), f"the model {name}", note)


def studies(settings: Settings) -> Studies:
    """Searches and what they tried: in the database of ``STORECAST_STUDIES_URL``, else in the home folder."""
    from storecast.stores.studies import OptunaStudies

    return OptunaStudies(settings.studies_url or f"sqlite:///{places.home(settings) / 'studies.db'}")


def tracker(settings: Settings) -> Tracker:
    """Where runs are tracked that make no version."""
    return MlflowTracker(settings.home.resolve(), uri=settings.tracking_uri or None)


def registry(settings: Settings) -> Registry:
    """The model registry: MLflow at the tracking URI, or embedded in the home folder. New versions are
    signed, those that are read must be trusted."""
    folders = ArtifactFolders(signer=partial(signing.signer, settings), trust=signing.trust(settings))
    return _registry(settings, folders)


def untrusting_registry(settings: Settings) -> Registry:
    """The same for looking at versions that nobody has signed; nothing is served from it."""
    return _registry(settings, ArtifactFolders())


def _registry(settings: Settings, folders: ArtifactFolders) -> Registry:
    return MlflowRegistry(
        settings.home.resolve(),
        clock=clock,
        uri=settings.tracking_uri or None,
        loader_module="storecast.wiring.pyfunc",
        artifacts=folders,
    )


def check_signing(settings: Settings) -> None:
    """Raise ``SetupError`` before the work where a new version could not be signed by a key that is trusted
    here, and must be."""
    own = not (settings.signing_key_file or settings.trust_file)
    if own and signing.key_at_hand(settings) is None:
        return  # the key is made, and trusted, with the first version: a refused command leaves nothing
    key, trust = signing.signer(settings), signing.trust(settings)
    known = trust.known()
    needed = bool(known.keys) if trust.required is None else trust.required
    if needed and (key is None or known.key(key.id) is None):
        raise SetupError(
            "a version that is made here would be trusted by nobody here",
            where=str(trust.path),
            expected="a signing key that is in the trust list",
            found="no signing key" if key is None else f"key {key.id}",
            remedy="set STORECAST_SIGNING_KEY_FILE to a key that is trusted, or trust this one",
        )


def releases(settings: Settings, name: str) -> ReleaseFolder:
    """Where the champion of ``name`` is published for the service."""
    return places.release_folder(settings, name, clock)


def report_writer(program: str) -> ReportWriter:
    """The HTML report; ``program`` is how people call this one in their shell."""
    from storecast.stores.report import HtmlReport

    return HtmlReport(program)


def drift_writer(program: str) -> DriftWriter:
    """The HTML page of drift; ``program`` as in ``report_writer``."""
    from storecast.stores.report import HtmlReport

    return HtmlReport(program)


def sales_writer() -> SampleFiles:
    """Where sample data goes."""
    return SampleFiles()


def table_writer() -> FrameFiles:
    """Where result tables go."""
    return FrameFiles()


def check_outputs(table: Path | None, picture: Path | None = None) -> None:
    """Raise RequestError where a result could not be written after the work."""
    if table is not None:
        check_target(table)
    if picture is not None:
        check_target(picture, (".png",))


def draw_backtest(result: Backtest, path: Path) -> None:
    """Draw a back-test into a PNG."""
    from storecast.stores.report import backtest_picture

    write_bytes(backtest_picture(result), path)


def asked_calendar(country: str | None, path: Path | None) -> Calendar | None:
    """The holiday calendar of a file or a country; None where neither is named."""
    if country and path is not None:
        raise RequestError(
            "Two holiday calendars are named.",
            where="--country and --calendar",
            expected="one of them",
            found=f"{country} and {path}",
            remedy="Leave one out; the file may hold the country's holidays too.",
        )
    if path is not None:
        return file_calendar(path)
    return country_calendar(country) if country else None


def calendar(country: str | None, path: Path | None) -> Calendar:
    """The holiday calendar: a file's, a country's, or the US retail calendar."""
    return asked_calendar(country, path) or US_RETAIL


def events(path: Path | None) -> Sequence[Event]:
    """The known events of a file; none without one."""
    if path is None:
        return ()
    frame = read_events(path)
    first = frame["first_week"].to_numpy(dtype="datetime64[D]")
    last = frame["last_week"].to_numpy(dtype="datetime64[D]")
    last = np.where(np.isnat(last), first + _NO_END, last)
    words = frame[["kind", "series", "block"]].astype(str)
    return tuple(
        Event(kind, start, end, series, block)
        for (kind, series, block), start, end in zip(words.to_numpy(), first, last, strict=True)
    )


def what_if_seconds(content: ArtifactContent) -> float:
    """How long the service takes for a what-if on a version."""
    from storecast.service.whatif import what_if_seconds as measured

    return measured(content)


def write_json(found: dict[str, Any], path: Path) -> None:
    """Write what was found as one JSON file; raises RequestError where it cannot be written."""
    check_target(path, (".json",))
    write_bytes(json.dumps(found, indent=2, allow_nan=False).encode() + b"\n", path)


def write_markdown(text: str, path: Path) -> None:
    """Write a text for people; raises RequestError where it cannot be written."""
    check_target(path, (".md",))
    write_bytes(text.encode(), path)


def clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def user() -> str:
    """Who is at the keyboard, for the record of promotions."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return f"uid {os.getuid()}"
