"""Work off uploaded data sets: check the file, fit on it, forecast, leave the tables beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from storecast.errors import DataError, RequestError
from storecast.forecasting.calendar import US_RETAIL, Calendar
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import forecast_table
from storecast.forecasting.panel import UNIQUE_ID, Panel, known_ahead
from storecast.forecasting.plausible import smoke_forecast
from storecast.forecasting.quality import QualityReport, SalesData, SalesRefusedError, SalesSource
from storecast.formulas import neutral
from storecast.jobs.queue import Tell, Word, work_off
from storecast.jobs.run import TableWriter
from storecast.ports.uploads import DATASET_JOB, UPLOAD, forecast_content
from storecast.ports.work import Dataset, Datasets, Job, Jobs

__all__ = ["DatasetWork", "Scratch", "read_upload"]

_MAX_NAME = 80


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
    tell: Tell = lambda event, detail: None

    def next(self) -> bool:
        """Claim the oldest data set's job and work it off; False where none waits. See ``work_off``."""
        return work_off(self.jobs, DATASET_JOB, self.worker, self._run, self.tell)

    def _run(self, job: Job, word: Word) -> dict[str, Any]:
        dataset = self.datasets.find(job.subject, owner=None)
        if dataset is None:
            raise RequestError(
                "the data set of this job was removed", where=job.subject, remedy="upload it again"
            )
        with self.scratch.folder() as folder:
            word.say(0.0, "read")
            try:
                data = read_upload(self.datasets, dataset, self.source, self.scratch, folder)
            except SalesRefusedError as refused:
                self._report(dataset, "refused", QualityReport.of(None, refused.findings), folder)
                raise
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
        self, dataset: Dataset, forecaster: Forecaster, folder: str, word: Word
    ) -> dict[str, dict[str, object]]:
        contents: dict[str, dict[str, object]] = {}
        for i, level in enumerate(forecaster.levels):
            word.say(0.8 + 0.2 * i / len(forecaster.levels), "write")
            name = forecast_content(level)
            table = forecast_table(forecaster, len(forecaster.weeks), self.levels, level)
            names = table[UNIQUE_ID]  # of the file, and handed out in one that spreadsheets open
            table[UNIQUE_ID] = names.map(neutral).astype(names.dtype)
            self.tables.write(table, f"{folder}/{name}")
            size, digest = self.datasets.attach(dataset.id, name, self.scratch.read(f"{folder}/{name}"))
            contents[name] = {"bytes": size, "sha256": digest}
        return contents


def read_upload(
    datasets: Datasets, dataset: Dataset, source: SalesSource, scratch: Scratch, folder: str
) -> SalesData:
    """The sales of an uploaded data set, read in ``folder``; raises SalesRefusedError, whose words know the
    file by the name it was uploaded with."""
    path = f"{folder}/{_plain_name(dataset.name)}"
    scratch.put(path, datasets.read(dataset.id, UPLOAD))
    try:
        return source.read(path)
    except SalesRefusedError as refused:
        refused.where = refused.where.replace(f"{folder}/", "")
        raise


def _plain_name(name: str) -> str:
    """The last part of an uploaded file's name, of harmless letters: for people, readers go by content."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", re.split(r"[/\\]", name)[-1]).lstrip(". ")
    return plain[-_MAX_NAME:] or "upload"
