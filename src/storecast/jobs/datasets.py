"""Work off uploaded data sets: check the file, fit on it, forecast, leave the tables beside it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from storecast.errors import DataError, LogError, RequestError, StorecastError
from storecast.forecasting.calendar import US_RETAIL, Calendar
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import forecast_table
from storecast.forecasting.panel import Panel, known_ahead
from storecast.forecasting.plausible import smoke_forecast
from storecast.forecasting.quality import QualityReport, SalesRefusedError, SalesSource
from storecast.jobs.run import TableWriter
from storecast.ports.uploads import DATASET_JOB, UPLOAD, forecast_content
from storecast.ports.work import Dataset, Datasets, Job, Jobs

__all__ = ["DatasetWork", "Scratch"]

_LEASE = 30.0  # seconds without a word after which a worker counts as dead
_TELL = 1.0  # seconds between words about progress
_MAX_NAME = 80
_PROBLEM = ("what", "where", "expected", "found", "remedy")


class Scratch(Protocol):
    """A folder for one job's files, gone with the job."""

    def folder(self) -> AbstractContextManager[str]:
        """A new empty folder's path; it is removed at the end of the block."""
        ...

    def put(self, path: str, data: Iterable[bytes]) -> None:
        """Write one file piece by piece; raises ``LogError`` where the disk refuses."""
        ...

    def read(self, path: str) -> Iterator[bytes]:
        """The bytes of one file in pieces."""
        ...


class _LostError(Exception):
    """Another worker has the job: this one was silent for too long."""


class _Word:
    """Tells how far a job is and keeps its lease, from a thread of its own: a fit may be silent for long."""

    def __init__(self, jobs: Jobs, job: Job, worker: str) -> None:
        self._jobs, self._job, self._worker = jobs, job, worker
        self._now = (0.0, "read")
        self._end = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._speak, name="dataset-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def say(self, share: float, stage: str) -> None:
        """How much is done, 0 to 1, and what is being done; raises where the job was lost."""
        self._now = (share, stage)
        if self._lost:
            raise _LostError(self._job.id)

    def _speak(self) -> None:
        silent, told = 0.0, None
        while not self._end.is_set() and not self._lost:
            now = self._now
            if now != told or silent >= _LEASE / 3:
                with suppress(LogError):  # the database is away: said again, or the lease runs out
                    share, stage = now
                    self._lost = not self._jobs.progress(
                        self._job.id, self._worker, share, stage, lease=_LEASE
                    )
                    told, silent = now, 0.0
            self._end.wait(_TELL)
            silent += _TELL


@dataclass(frozen=True)
class DatasetWork:
    """What working off data sets takes. ``worker``: who claims the jobs; ``config`` and ``levels`` of the
    forecasts; ``tell(event, detail)`` hears what happened."""

    jobs: Jobs
    datasets: Datasets
    source: SalesSource
    tables: TableWriter
    scratch: Scratch
    worker: str
    config: ForecasterConfig = field(default_factory=ForecasterConfig)
    levels: tuple[float, ...] = (80.0, 95.0)
    calendar: Calendar = US_RETAIL
    tell: Callable[[str, dict[str, object]], None] = lambda event, detail: None

    def next(self) -> bool:
        """Claim the oldest data set's job and work it off; False where none waits.

        A data set that is refused fails its job with the reasons; an accident, or the end of the process,
        puts it back for another attempt. Raises ``LogError`` where the database is away.
        """
        job = self.jobs.claim(self.worker, lease=_LEASE, kinds=[DATASET_JOB])
        if job is None:
            return False
        error = "the worker ended before its work did"
        ended = False
        try:
            result = self._run(job)
            ended = self.jobs.done(job.id, self.worker, json.dumps(result))
            self.tell("data set ready", {"job": job.id, "dataset": job.subject, **result})
        except _LostError:
            ended = True
        except LogError as lost:
            error = lost.what
            raise
        except StorecastError as refused:
            problem = {name: getattr(refused, name) for name in _PROBLEM}
            ended = self.jobs.fail(job.id, self.worker, json.dumps(problem))
            self.tell("data set refused", {"job": job.id, "dataset": job.subject, "error": refused.what})
        except Exception as accident:
            error = f"{type(accident).__name__}: {accident}"
            raise
        finally:
            if not ended:
                with suppress(LogError):
                    self.jobs.fail(job.id, self.worker, json.dumps({"what": error}), again=True)
        return True

    def _run(self, job: Job) -> dict[str, Any]:
        dataset = self.datasets.find(job.subject, owner=None)
        if dataset is None:
            raise RequestError(
                "the data set of this job was removed", where=job.subject, remedy="upload it again"
            )
        with _Word(self.jobs, job, self.worker) as word, self.scratch.folder() as folder:
            word.say(0.0, "read")
            path = f"{folder}/{_plain_name(dataset.name)}"
            self.scratch.put(path, self.datasets.read(dataset.id, UPLOAD))
            try:
                data = self.source.read(path)
            except SalesRefusedError as refused:
                report = QualityReport.of(None, refused.findings)
                self._report(dataset, "refused", report, folder)
                raise DataError(
                    refused.what,
                    where=refused.where.replace(f"{folder}/", ""),
                    expected=refused.expected,
                    found=refused.found,
                    remedy=refused.remedy,
                ) from refused
            self._report(dataset, "checked", data.report, folder)
            word.say(0.1, "fit")
            panel = Panel.from_frame(data.panel)
            forecaster = Forecaster.fit(
                panel,
                self.config,
                self.calendar,
                known_future=known_ahead(panel, data.future, self.config.horizon),
                advance=lambda share: word.say(0.1 + 0.7 * share, "fit"),
            )
            if reasons := smoke_forecast(forecaster):
                raise DataError("no forecast can be made of this data", found="; ".join(reasons))
            word.say(0.8, "write")
            contents = self._write(dataset, forecaster, folder, word)
            self.datasets.set_state(dataset.id, "ready")
        return {
            "dataset": dataset.id,
            "series": len(forecaster.keys),
            "cutoff": str(forecaster.cutoff),
            "horizon": len(forecaster.weeks),
            "model": forecaster.config.model,
            "contents": contents,
        }

    def _report(self, dataset: Dataset, state: str, report: QualityReport, folder: str) -> None:
        # the file is known by the name it was uploaded with
        text = json.dumps(report.as_dict(), ensure_ascii=False, default=str)
        self.datasets.set_state(dataset.id, state, report=text.replace(f"{folder}/", ""))

    def _write(
        self, dataset: Dataset, forecaster: Forecaster, folder: str, word: _Word
    ) -> dict[str, dict[str, object]]:
        contents: dict[str, dict[str, object]] = {}
        for i, level in enumerate(forecaster.levels):
            word.say(0.8 + 0.2 * i / len(forecaster.levels), "write")
            name = forecast_content(level)
            self.tables.write(
                forecast_table(forecaster, len(forecaster.weeks), self.levels, level), f"{folder}/{name}"
            )
            size, digest = self.datasets.attach(dataset.id, name, self.scratch.read(f"{folder}/{name}"))
            contents[name] = {"bytes": size, "sha256": digest}
        return contents


def _plain_name(name: str) -> str:
    """The last part of an uploaded file's name, of harmless letters: for people, readers go by content."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", re.split(r"[/\\]", name)[-1]).lstrip(". ")
    return plain[-_MAX_NAME:] or "upload"
