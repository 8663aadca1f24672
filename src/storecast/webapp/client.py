"""The service as the app asks it: one method a question, typed answers, every failure a ``Trouble``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import httpx
import msgspec

from storecast.webapp import answers, entries, records
from storecast.webapp.trouble import Trouble, from_problem, from_transport, odd

__all__ = ["Client"]

T = TypeVar("T")
_PAUSES = (0.1, 0.4)  # seconds before the second and the third try
_LONGEST_WAIT = 2.0  # that Retry-After may ask for before the page itself waits instead
_PAGE = 1000
_SHORT_PAGE = 500


def _wait(response: httpx.Response, pause: float) -> float | None:
    """Seconds to wait before the next try of what was refused for the moment; None where there is none."""
    if response.status_code not in (429, 502, 503):
        return None
    asked = response.headers.get("retry-after", "")
    seconds = float(asked) if asked.isdecimal() else pause
    return seconds if seconds <= _LONGEST_WAIT else None


class Client:
    """``key``: the caller's API key, "" where the service is open. Only what may be asked twice without harm
    is tried again."""

    def __init__(
        self, http: httpx.Client, key: str = "", *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._http, self._key, self._sleep = http, key, sleep

    def ask(
        self,
        method: str,
        path: str,
        *,
        again: bool | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        timeout: httpx.Timeout | None = None,
        also: int | None = None,
    ) -> httpx.Response:
        """Any request; ``again``: whether it may be tried again (GET may); ``also``: a status that is an
        answer like success. Raises Trouble."""
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        content = None
        if json is not None:
            content, headers["content-type"] = msgspec.json.encode(json), "application/json"
        pauses = list(_PAUSES) if (method == "GET" if again is None else again) else []
        while True:
            try:
                response = self._http.request(
                    method,
                    path,
                    params=params,
                    content=content,
                    headers=headers,
                    timeout=timeout or httpx.USE_CLIENT_DEFAULT,
                )
            except (
                httpx.ConnectError,
                httpx.RemoteProtocolError,
                httpx.ReadError,
                httpx.WriteError,
            ) as error:
                if not pauses:
                    raise from_transport(error) from error
                self._sleep(pauses.pop(0))
                continue
            except httpx.TransportError as error:
                raise from_transport(error) from error
            if response.is_success or response.status_code == also:
                return response
            wait = _wait(response, pauses[0]) if pauses else None
            if wait is None:
                raise from_problem(response)
            pauses.pop(0)
            self._sleep(wait)

    def _get(self, kind: type[T], path: str, **params: Any) -> T:
        given = {name: value for name, value in params.items() if value is not None}
        return self.read(kind, path, self.ask("GET", path, params=given))

    def _post(self, kind: type[T], path: str, json: Any, *, again: bool = False) -> T:
        return self.read(kind, path, self.ask("POST", path, json=json, again=again))

    @staticmethod
    def read(kind: type[T], path: str, response: httpx.Response) -> T:
        """The answer in the shape ``kind``; raises Trouble where it has another."""
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.MsgspecError as error:
            raise odd(path, error) from error

    def session(self) -> answers.Session:
        """Who is asking, and what the service takes."""
        return self._get(answers.Session, "/v1/session")

    def ready(self) -> bool:
        """Whether the service may be asked again; never raises."""
        try:
            quick = httpx.Timeout(1.0)
            return self.ask("GET", "/readyz", again=False, timeout=quick).is_success
        except Trouble:
            return False

    def readiness(self) -> answers.Readiness:
        """What the service says of itself."""
        return self.read(answers.Readiness, "/readyz", self.ask("GET", "/readyz", also=503))

    def series(self) -> list[answers.SeriesItem]:
        """Everything that is forecast, in the order people count."""
        out: list[answers.SeriesItem] = []
        after: str | None = None
        while True:
            page = self._get(answers.SeriesPage, "/v1/series", limit=_PAGE, after=after)
            out += page.series
            if page.next is None:
                return out
            after = page.next

    def overview(self, by: answers.By, horizon: int) -> answers.Overview:
        """Sums and scores of everything."""
        return self._get(answers.Overview, "/v1/overview", by=by, horizon=horizon)

    def forecasts(
        self, series: Sequence[str], by: answers.By, horizon: int, levels: Sequence[float]
    ) -> answers.Forecasts:
        """Forecasts of some series."""
        asked = {"by": by, "series": list(series), "horizon": horizon, "levels": list(levels)}
        return self._post(answers.Forecasts, "/v1/forecasts", asked, again=True)

    def around(self, series: Sequence[str], by: answers.By, horizon: int, weeks: int) -> answers.Around:
        """What stands around these forecasts."""
        asked = {"by": by, "series": list(series), "horizon": horizon, "weeks": weeks}
        return self._post(answers.Around, "/v1/around", asked, again=True)

    def explanations(self, series: str, by: answers.By, horizons: Sequence[int]) -> answers.Explanations:
        """Why these forecasts are what they are."""
        wanted = ",".join(map(str, horizons))
        return self._get(answers.Explanations, "/v1/explanations", series=series, by=by, horizons=wanted)

    def models(self) -> records.Models:
        """What serves and what served before."""
        return self._get(records.Models, "/v1/models")

    def versions(self) -> list[records.Registered]:
        """All that may be promoted."""
        return self._get(records.Versions, "/v1/models/versions").versions

    def events(self, limit: int = 50) -> records.ModelEvents:
        """Who moved what."""
        return self._get(records.ModelEvents, "/v1/events", limit=limit)

    def event(self, event: str) -> records.ModelEvent:
        """What became of a move."""
        return self._get(records.ModelEvent, f"/v1/events/{event}")

    def backtests(self) -> records.Backtests:
        """How good the version that serves was."""
        return self._get(records.Backtests, "/v1/backtests")

    def promote(self, version: int, why: str, overrule: bool = False) -> records.ModelEvent:
        """Ask for another version to serve, also against the gate."""
        body = {"version": version, "why": why, "overrule": overrule}
        return self._post(records.ModelEvent, "/v1/models/promote", body)

    def trial(self) -> records.OnTrial:
        """The challenger beside what serves."""
        return self._get(records.OnTrial, "/v1/models/trial")

    def on_trial(self, path: str, why: str, **asked: float) -> records.ModelEvent:
        """Ask for ``shadow`` or ``canary`` of a version, or ``trial/promote`` or ``trial/stop``."""
        return self._post(records.ModelEvent, f"/v1/models/{path}", {"why": why, **asked})

    def roll_back(self, why: str) -> records.ModelEvent:
        """Ask for the version before to serve again."""
        return self._post(records.ModelEvent, "/v1/models/rollback", {"why": why})

    def weeks(self) -> entries.Weeks:
        """All weeks that are forecast."""
        asked = {"by": "total", "series": ["total"], "horizon": 1, "weeks": 1}
        return self._post(entries.Weeks, "/v1/around", asked, again=True)

    def inputs(self, store: str, date: str) -> entries.Inputs:
        """Likely values of the classic form."""
        return self._get(entries.Inputs, "/v1/inputs", store=store, date=date)

    def predictions(self, rows: Sequence[Mapping[str, Any]], levels: Sequence[float]) -> entries.Predictions:
        """One prediction for each row of the classic form."""
        asked = {"rows": list(rows), "levels": list(levels)}
        return self._post(entries.Predictions, "/v1/predictions", asked, again=True)

    def what_if(self, asked: Mapping[str, Any]) -> entries.WhatIf:
        """Base against scenario; ``asked`` as /v1/what-if takes it."""
        return self._post(entries.WhatIf, "/v1/what-if", asked, again=True)

    def scenarios(self) -> list[entries.Scenario]:
        """All saved what-ifs, newest first."""
        out: list[entries.Scenario] = []
        before: str | None = None
        while True:
            page = self._get(entries.Scenarios, "/v1/scenarios", limit=_SHORT_PAGE, before=before)
            out += page.scenarios
            if page.next is None:
                return out
            before = page.next

    def scenario(self, key: str) -> entries.Scenario:
        """One saved what-if."""
        return self._get(entries.Scenario, f"/v1/scenarios/{key}")

    def save_scenario(self, name: str, what_if: Mapping[str, Any]) -> entries.Scenario:
        """Save a new one."""
        return self._post(entries.Scenario, "/v1/scenarios", {"name": name, "what_if": what_if})

    def change_scenario(
        self, key: str, version: int, name: str, what_if: Mapping[str, Any]
    ) -> entries.Scenario:
        """Replace the one that was at ``version``."""
        path, asked = f"/v1/scenarios/{key}", {"version": version, "name": name, "what_if": what_if}
        return self.read(entries.Scenario, path, self.ask("PUT", path, json=asked))

    def remove_scenario(self, key: str) -> None:
        """Remove it."""
        self.ask("DELETE", f"/v1/scenarios/{key}")

    def datasets(self, limit: int = 50) -> list[entries.Dataset]:
        """The latest uploads."""
        return self._get(entries.Datasets, "/v1/datasets", limit=limit).datasets

    def dataset(self, key: str) -> entries.Dataset:
        """One upload with its report and what was made of it."""
        return self._get(entries.Dataset, f"/v1/datasets/{key}")

    def remove_dataset(self, key: str) -> None:
        """Remove it with all that was made of it."""
        self.ask("DELETE", f"/v1/datasets/{key}")

    def job_of(self, subject: str) -> answers.Job | None:
        """The latest job on something; None where it is long past."""
        found = self._get(entries.Jobs, "/v1/jobs", limit=_SHORT_PAGE).jobs
        return next((job for job in found if job.subject == subject), None)

    @contextmanager
    def lines(self, dataset: str, name: str) -> Iterator[Iterator[str]]:
        """The lines of a table made of an upload, as they come: read as many as are wanted. Raises
        Trouble."""
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        path = f"/v1/datasets/{dataset}/contents"
        try:
            with self._http.stream("GET", path, params={"name": name}, headers=headers) as response:
                if not response.is_success:
                    response.read()
                    raise from_problem(response)
                yield response.iter_lines()
        except httpx.TransportError as error:
            raise from_transport(error) from error

    def accuracy(self, by: str | None = None) -> records.Accuracy:
        """Forecasts against the actuals that came since; ``by``: also all since go-live, by this."""
        return self._get(records.Accuracy, "/v1/monitoring/accuracy", by=by)

    def status(self) -> records.Status:
        """What the last look at the model found."""
        return self._get(records.Status, "/v1/monitoring/status")

    def metrics(self) -> str:
        """What the service counts, as Prometheus reads it."""
        return self.ask("GET", "/metrics").text

    def used(self, event: str, page: str) -> None:
        """Count a session, page, upload, prediction, download or scenario; where that fails it is not
        counted, which is no reason to give nothing."""
        with suppress(Trouble):
            self.ask("POST", "/v1/usage", json={"event": event, "page": page}, timeout=httpx.Timeout(1.0))
