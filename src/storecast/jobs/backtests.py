"""Work off back-tests that were asked for in writing: of an uploaded data set, or of what serves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from storecast.errors import RequestError
from storecast.forecasting.backtest import Backtest, output_columns
from storecast.forecasting.calendar import US_RETAIL, Calendar, calendar_of
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.frames import history_panel
from storecast.forecasting.panel import Panel
from storecast.forecasting.quality import SalesSource
from storecast.forecasting.scores import as_dict
from storecast.forecasting.state import from_state
from storecast.jobs.backtest import BacktestRequest, backtest_panel
from storecast.jobs.datasets import Scratch, read_upload
from storecast.jobs.queue import Tell, Word, work_off
from storecast.jobs.run import TableWriter
from storecast.ports import Releases
from storecast.ports.uploads import BACKTEST_CONTENT, BACKTEST_JOB, BacktestOrder
from storecast.ports.work import Dataset, Datasets, Job, Jobs

__all__ = ["BacktestWork"]


@dataclass(frozen=True)
class BacktestWork:
    """What working off back-tests takes. ``releases``: what serves; ``worker``: who claims the jobs;
    ``tell(event, detail)`` hears what happened."""

    jobs: Jobs
    datasets: Datasets
    releases: Releases
    source: SalesSource
    tables: TableWriter
    scratch: Scratch
    worker: str
    tell: Tell = lambda event, detail: None

    def next(self) -> bool:
        """Claim the oldest back-test and work it off; False where none waits. See ``work_off``."""
        return work_off(self.jobs, BACKTEST_JOB, self.worker, self._run, self.tell)

    def _run(self, job: Job, word: Word) -> dict[str, Any]:
        order = BacktestOrder.of(job.subject)
        try:
            return self._done(order, word)
        except RequestError as refused:
            _reworded(refused)

    def _done(self, order: BacktestOrder, word: Word) -> dict[str, Any]:
        word.say(0.0, "read")
        config, calendar, learnt = self._serving(order)
        dataset = None
        with self.scratch.folder() as folder:
            if order.dataset:
                dataset = self._dataset(order.dataset)
                data = read_upload(self.datasets, dataset, self.source, self.scratch, folder)
                panel, calendar = Panel.from_frame(data.panel), US_RETAIL
            elif learnt is None:
                raise RequestError(
                    "no version serves whose history could be back-tested",
                    where="dataset",
                    remedy="name a data set, or train and promote a version",
                )
            else:
                panel = learnt
            word.say(0.05, "fit")
            request = BacktestRequest(
                config, windows=order.windows, step=order.step, levels=tuple(sorted(order.levels))
            )
            made = backtest_panel(
                panel, request, calendar, advance=lambda share: word.say(0.05 + 0.9 * share, "fit")
            )
            word.say(0.95, "write")
            if dataset is not None:
                self._keep(made, dataset, folder)
        return {"dataset": order.dataset, "calendar": calendar.name, **_plain(as_dict(made))}

    def _serving(self, order: BacktestOrder) -> tuple[ForecasterConfig, Calendar, Panel | None]:
        """The configuration asked for, and the history and calendar of what serves."""
        info = self.releases.current()
        config, calendar, panel = ForecasterConfig(), US_RETAIL, None
        if info is not None and not (order.dataset and order.model):
            content = self.releases.load(info)
            forecaster = from_state(content.arrays, content.texts, content.meta)
            config, panel = forecaster.config, history_panel(forecaster)
            calendar = calendar_of(content.meta.get("calendar", {}))
        return replace(config, model=order.model or config.model, horizon=order.horizon), calendar, panel

    def _dataset(self, key: str) -> Dataset:
        found = self.datasets.find(key, owner=None)
        if found is None:
            raise RequestError("the data set of this job was removed", where=key, remedy="upload it again")
        return found

    def _keep(self, made: Backtest, dataset: Dataset, folder: str) -> None:
        """Leave the rows beside the data set."""
        path = f"{folder}/{BACKTEST_CONTENT}"
        self.tables.write(made.rows[output_columns(made.levels)], path)
        self.datasets.attach(dataset.id, BACKTEST_CONTENT, self.scratch.read(path))


def _reworded(refused: RequestError) -> NoReturn:
    """Raise it without the dashes of the command line."""
    words = {n: v.replace("--", "") for n, v in vars(refused).items() if isinstance(v, str)}
    for name, text in words.items():
        setattr(refused, name, text)
    raise refused


def _plain(value: Any) -> Any:
    """Without numbers that JSON does not have."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
