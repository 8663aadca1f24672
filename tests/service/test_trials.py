"""Shadow and canary in the real service: who answers, what is logged, and that harm ends by itself."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.promotion import in_share
from storecast.forecasting.state import to_state
from storecast.ports import ArtifactContent, ModelVersion, ReleaseInfo
from storecast.ports.records import Actual
from storecast.service.whatif import what_if
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.releases import ReleaseFolder
from tests.service.conftest import Made, Running, publish, running

PATIENCE = 30.0


def folder_of(home: Path) -> ReleaseFolder:
    return ReleaseFolder(home / "releases" / "storecast", clock=lambda: datetime.now(UTC))


def beside(
    home: Path, made: Made, version: int, *, kind: str = "canary", share: float = 0.5, why: str = "a test"
) -> ReleaseInfo:
    """Set a version beside what serves as the commands do, without their checks."""
    releases = folder_of(home)
    releases.stage(made.digest, lambda folder: shutil.copytree(made.folder, folder))
    now = releases.current()
    assert now is not None
    model = made.forecaster.config.model
    about = ModelVersion("storecast", version, made.digest, "")
    done = releases.try_out(about, model=model, kind=kind, share=share, who="Ann", why=why, after=now)
    assert done is not None
    return done


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


@dataclass(frozen=True)
class Desk:
    """A service on ``stores`` as version 1 with ``again``, other numbers of the same series, as version 2."""

    running: Running
    champion: Made
    challenger: Made

    @property
    def client(self) -> httpx.Client:
        return self.running.client

    def share_of(self, count: int) -> float:
        """A share that holds ``count`` of the three series. Which series a share holds follows from the
        version's digest, and that from how a processor rounds: no fixed share holds one on all machines."""
        names = self.champion.forecaster.keys.tolist()
        shares = (k / 1000 for k in range(1, 1000))
        return next(s for s in shares if in_share(self.challenger.digest, names, s).sum() == count)

    def begin(self, *, kind: str = "canary", share: float | None = None) -> list[str]:
        """Begin a trial, on one of the three series unless another share is stated; the series in it."""
        share = self.share_of(1) if share is None else share
        beside(self.running.home, self.challenger, 2, kind=kind, share=share)
        trials = self.running.worker.service.trials
        until(lambda: trials.challenger is not None and trials.challenger.trial.share == share)
        names = self.champion.forecaster.keys.tolist()
        return [n for n, on in zip(names, in_share(self.challenger.digest, names, share), strict=True) if on]

    def ended(self) -> ReleaseInfo | None:
        """The pointer, once its trial is over."""
        info = folder_of(self.running.home).current()
        return info if info is not None and info.trial is None else None

    def metric(self, name: str, **labels: str) -> float | None:
        found = self.running.worker.service.telemetry.registry.get_sample_value(name, labels)
        return None if found is None else float(found)


@pytest.fixture
def desk(versions: dict[str, Made], tmp_path: Path) -> Iterator[Desk]:
    publish(tmp_path, versions["stores"], 1)
    with running(tmp_path) as service:
        yield Desk(service, versions["stores"], versions["again"])


def forecast(client: httpx.Client, series: str, **asked: Any) -> dict[str, Any]:
    answer = client.get("/v1/forecasts", params={"series": series, "horizon": 4, **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def points(made: Made, series: str, weeks: int = 4) -> list[float]:
    at = made.forecaster.keys.tolist().index(series)
    column: list[float] = made.forecaster.points()[:weeks, at].tolist()
    return column


def test_the_challenger_answers_its_share_and_nothing_else(desk: Desk) -> None:
    """Series in the share come from the challenger, whole and to the cent, say so and are logged so; all
    others, and the total, come from the champion as before."""
    before = {key: forecast(desk.client, key)["forecasts"] for key in ("1", "2", "3")}
    total = desk.client.get("/v1/forecasts", params={"by": "total", "horizon": 4}).json()
    taken = desk.begin()
    assert len(taken) == 1
    for key in ("1", "2", "3"):
        arm, version = (desk.challenger, 2) if key in taken else (desk.champion, 1)
        found = forecast(desk.client, key)
        assert [row["storecast"] for row in found["forecasts"]] == points(arm, key)
        assert (found["model"]["version"], found["model"]["digest"]) == (version, arm.digest)
        if key not in taken:
            assert found["forecasts"] == before[key]
        entry = desk.running.entries()[-1]
        assert (entry.series, entry.version, entry.digest) == (key, version, arm.digest)
        assert json.loads(entry.forecast)["storecast"] == points(arm, key)
    now = desk.client.get("/v1/forecasts", params={"by": "total", "horizon": 4}).json()
    assert (now["model"], now["forecasts"]) == (total["model"], total["forecasts"])
    assert desk.metric("storecast_canary_active") == 1.0
    assert desk.metric("storecast_canary_share_ratio") == desk.share_of(1)
    assert desk.metric("storecast_canary_answers_total", arm="challenger") == len(taken)


def test_every_kind_of_question_about_one_series_is_answered_by_one_arm(desk: Desk) -> None:
    """Rows of the classic form, what-ifs and explanations of a series in the share are the challenger's."""
    (key, *_) = desk.begin()
    day = str(desk.challenger.forecaster.weeks[0].astype("datetime64[D]"))
    row = desk.client.post("/v1/predictions", json={"rows": [{"store": key, "date": day}]}).json()
    asked = desk.client.post("/v1/what-if", json={"series": key, "horizon": 4}).json()
    reasons = desk.client.get("/v1/explanations", params={"series": key, "horizons": "1"}).json()
    assert [answer["model"]["version"] for answer in (row, asked, reasons)] == [2, 2, 2]
    (first, *_) = points(desk.challenger, key)
    assert row["predictions"][0]["storecast"] == first
    assert asked["weeks"][0]["base"] == first
    assert reasons["explanations"][0]["forecast"] == first
    assert {(e.kind, e.version) for e in desk.running.entries()} == {
        ("prediction", 2),
        ("what-if", 2),
        ("explanation", 2),
    }


def later(made: Made, root: Path, weeks: int) -> Made:
    """The same version moved ``weeks`` later: it knows more, and forecasts other weeks."""
    f = made.forecaster
    days = np.timedelta64(7 * weeks, "D")
    moved = replace(f, weeks=f.weeks + days, history_weeks=f.history_weeks + days)
    return saved(made, root, moved)


def saved(made: Made, root: Path, forecaster: Forecaster) -> Made:
    content = ArtifactContent(*to_state(forecaster))
    folder = root / "made"
    digest = ArtifactFolders().save(content, str(folder))
    return Made(made.panel, forecaster, folder, digest)


def test_what_the_challenger_does_not_forecast_the_champion_answers(desk: Desk, tmp_path: Path) -> None:
    """A fresher challenger counts weeks from its own cutoff; a week that it has seen already, and one answer
    that holds such a week, is the champion's. No answer about a series mixes both."""
    newer = replace(desk, challenger=later(desk.challenger, tmp_path, 2))
    names = newer.champion.forecaster.keys.tolist()
    taken = newer.begin(share=1.0)
    assert taken == names
    found = forecast(desk.client, "1")
    assert (found["model"]["version"], found["cutoff"]) == (2, str(newer.challenger.forecaster.cutoff))
    assert found["forecasts"][0]["ds"] == str(newer.challenger.forecaster.weeks[0].astype("datetime64[D]"))
    weeks = [str(w.astype("datetime64[D]")) for w in desk.champion.forecaster.weeks[:4]]
    asked = {"series": "1", "dates": ",".join(weeks)}
    both = desk.client.get("/v1/forecasts", params=asked).json()
    assert both["model"]["version"] == 1
    assert [row["storecast"] for row in both["forecasts"]] == points(desk.champion, "1")
    alone = desk.client.get("/v1/forecasts", params={"series": "1", "dates": weeks[2]}).json()
    assert (alone["model"]["version"], alone["forecasts"][0]["storecast"]) == (
        2,
        points(newer.challenger, "1")[0],
    )


@pytest.mark.parametrize("kind", ["nan", "implausible"])
@pytest.mark.parametrize("trial", ["canary", "shadow"])
def test_a_challenger_with_a_bad_table_never_serves(
    desk: Desk, tmp_path: Path, kind: str, trial: str
) -> None:
    """One whose table holds NaN, or is ten times off, and that was set beside what serves in spite of all
    checks, is refused by the worker, which ends the trial for everybody and says why."""
    f = desk.challenger.forecaster
    point = f.point * 10.0
    if kind == "nan":
        point = f.point.copy()
        point[3, 1] = np.nan
    bad = replace(f, point=point, parts={**f.parts, "limits": point})
    beside(desk.running.home, saved(desk.challenger, tmp_path, bad), 2, kind=trial, share=1.0)
    seen = set()
    while (info := desk.ended()) is None:
        seen.add(forecast(desk.client, "1")["model"]["version"])
    assert seen <= {1}
    last = info.recent[-1]
    assert (last.kind, last.version, last.replaced) == (f"{trial}-breach", 1, 2)
    assert "not finite" in last.why if kind == "nan" else "times what the champion does" in last.why
    kinds = {
        k: desk.metric("storecast_canary_breaches_total", kind=k) for k in ("nan", "implausible", "refused")
    }
    assert sum(v or 0 for v in kinds.values()) == 1
    until(lambda: desk.client.get("/v1/models/trial").json()["trial"] is None)
    assert desk.client.get("/v1/models/trial").json()["active"] is False


class Load:
    """Questions about all series from some threads until it is stopped."""

    def __init__(self, desk: Desk, ask: Callable[[httpx.Client, str], httpx.Response]) -> None:
        self.answers: list[tuple[str, int, int, Any]] = []
        self._end = threading.Event()
        base = str(desk.client.base_url)

        def work() -> None:
            with httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
                while not self._end.is_set():
                    for key in ("1", "2", "3"):
                        found = ask(client, key)
                        body = found.json()
                        version = body.get("model", {}).get("version", 0)
                        self.answers.append((key, found.status_code, version, body))

        self._threads = [threading.Thread(target=work) for _ in range(4)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()


def _poisoned(desk: Desk, how: str) -> None:
    """Let the challenger degrade in the worker's memory, as its table or its code would by an accident."""
    found = desk.running.worker.service.trials.challenger
    assert found is not None
    view = found.version.views["series"]
    if how == "nan":
        found.version._rows.clear()
        view.point[:] = np.nan
    elif how == "implausible":
        found.version._rows.clear()
        view.point[:] *= 10.0
    elif how == "error":
        found.version._rows.clear()
        object.__setattr__(view, "bands", None)


@pytest.mark.parametrize("how", ["nan", "implausible", "error"])
def test_a_challenger_that_degrades_is_rolled_back_without_a_failed_request(desk: Desk, how: str) -> None:
    """Under load the canary goes bad after it took its share: within 30 seconds the pointer says so; every
    request is answered, those outside the share by the champion and to the cent throughout, and none holds
    a number that is none."""
    expected = {key: points(desk.champion, key) for key in ("1", "2", "3")}
    taken = desk.begin()
    ask = lambda client, key: client.get("/v1/forecasts", params={"series": key, "horizon": 4})  # noqa: E731
    with Load(desk, ask) as load:
        until(lambda: any(version == 2 for _, _, version, _ in list(load.answers)))
        began = time.monotonic()
        _poisoned(desk, how)
        until(lambda: desk.ended() is not None)
        assert time.monotonic() - began < 30.0
        count = len(load.answers)
        until(lambda: len(load.answers) > count + 30)
    assert {status for _, status, _, _ in load.answers} == {200}
    for key, _, version, body in load.answers:
        said = [row["storecast"] for row in body["forecasts"]]
        assert all(np.isfinite(said))
        if key not in taken:
            assert (version, said) == (1, expected[key])
    assert {version for key, _, version, _ in load.answers[-12:] if key in taken} == {1}
    info = desk.ended()
    assert info is not None
    assert (info.recent[-1].kind, info.recent[-1].who.startswith("service ")) == ("canary-breach", True)
    assert desk.metric("storecast_canary_breaches_total", kind=how) == 1.0
    assert desk.metric("storecast_canary_active") == 0.0
    assert desk.metric("storecast_canary_share_ratio") is None


def test_a_row_with_inputs_that_the_challenger_cannot_answer_is_the_champions(
    versions: dict[str, Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row with inputs is answered by a challenger that reads them; once its trees fail at that, the
    champion answers the very same request, and the canary ends as a breach."""
    publish(tmp_path, versions["stores"], 1)
    with running(tmp_path) as service:
        desk = Desk(service, versions["stores"], versions["trees"])
        desk.begin(share=1.0)
        day = str(desk.champion.forecaster.weeks[0].astype("datetime64[D]"))
        row = {"store": "1", "date": day}
        asked = {"rows": [row | {"temperature": 31.0}]}
        before = desk.client.post("/v1/predictions", json=asked).json()
        assert (before["model"]["version"], before["unused"]) == (2, [])
        found = service.worker.service.trials.challenger
        assert found is not None

        def fails(*args: Any) -> Any:
            raise ValueError("no such leaf")

        monkeypatch.setattr(found.version.exogenous, "one", fails)
        answer = desk.client.post("/v1/predictions", json=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"]["version"] == 1
        alone = desk.client.post("/v1/predictions", json={"rows": [row]}).json()
        assert alone["predictions"][0]["storecast"] == points(desk.champion, "1")[0]
        until(lambda: desk.ended() is not None)
        info = desk.ended()
        assert info is not None
        assert "no such leaf" in info.recent[-1].why
        assert desk.metric("storecast_canary_breaches_total", kind="error") == 1.0


def test_slow_what_ifs_end_a_canary(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the challenger's what-ifs take far longer than they may, it answers no more; the callers were
    answered all along."""
    (key, *_) = desk.begin(share=1.0)

    def slow(champion: Any, *args: Any) -> Any:
        if champion.info.version == 2:
            time.sleep(0.4)
        return what_if(champion, *args)

    monkeypatch.setattr("storecast.service.modelled.what_if", slow)
    for _ in range(5):
        assert desk.client.post("/v1/what-if", json={"series": key}).status_code == 200
    until(lambda: desk.ended() is not None)
    assert desk.metric("storecast_canary_breaches_total", kind="latency") == 1.0
    assert desk.client.post("/v1/what-if", json={"series": key}).json()["model"]["version"] == 1


def test_actuals_that_prove_the_challenger_wrong_end_a_canary(desk: Desk) -> None:
    """Once sales came that the champion had said and the challenger had not, the canary ends; had they come
    as the challenger said, it goes on."""
    desk.begin()
    trials = desk.running.worker.service.trials
    actuals = desk.running.worker.service.tables.actuals
    f, other = desk.champion.forecaster, desk.challenger.forecaster
    keys = f.keys.tolist()
    days = [str(w.astype("datetime64[D]")) for w in f.weeks[:4]]

    def came(made: Any) -> list[Actual]:
        return [
            Actual(k, d, float(made.points()[i, n])) for n, k in enumerate(keys) for i, d in enumerate(days)
        ]

    actuals.put(came(other), who="Ann")
    trials.judge()
    assert desk.ended() is None
    actuals.put(came(f), who="Ann")
    until(lambda: desk.ended() is not None)
    info = desk.ended()
    assert info is not None
    assert "its error on the 12 actuals" in info.recent[-1].why
    assert desk.metric("storecast_canary_breaches_total", kind="accuracy") == 1.0


def test_in_shadow_nobody_is_answered_by_the_challenger(desk: Desk) -> None:
    """Answers are the champion's to the byte; what was looked up is compared, in metrics alone."""
    before = {key: forecast(desk.client, key)["forecasts"] for key in ("1", "2", "3")}
    beside(desk.running.home, desk.challenger, 2, kind="shadow", share=0.0)
    until(lambda: desk.client.get("/v1/models/trial").json()["active"])
    for key in ("1", "2", "3"):
        found = forecast(desk.client, key)
        assert (found["model"]["version"], found["forecasts"]) == (1, before[key])
    day = str(desk.champion.forecaster.weeks[6].astype("datetime64[D]"))
    desk.client.post("/v1/predictions", json={"rows": [{"store": "1", "date": day}]})
    until(lambda: desk.metric("storecast_shadow_compared_total") == 13.0)
    old, new = desk.champion.forecaster.points(), desk.challenger.forecaster.points()
    asked = [(h, n) for n in range(3) for h in range(4)] + [(6, 0)]
    apart = sum(abs(new[at] - old[at]) for at in asked) / sum(abs(old[at]) for at in asked)
    assert desk.metric("storecast_shadow_difference_ratio") == pytest.approx(apart)
    assert desk.metric("storecast_canary_active") == 0.0
    told = desk.client.get("/v1/models/trial").json()
    assert (told["trial"]["kind"], told["moves"]["series"], told["moves"]["reasons"]) == ("shadow", 3, [])
    moved = {m["unique_id"]: m for m in told["moves"]["most"]}
    assert moved["1"]["challenger"] == pytest.approx(new[:, 0].sum())


def test_a_larger_share_only_adds_series_and_a_promotion_ends_the_trial(desk: Desk, versions) -> None:
    """What the challenger answered it answers still; once something else is published it answers nobody."""
    small = desk.begin(share=desk.share_of(1))
    large = desk.begin(share=desk.share_of(2))
    assert (len(small), len(large)) == (1, 2)
    assert set(small) < set(large)
    for key in large:
        assert forecast(desk.client, key)["model"]["version"] == 2
    publish(desk.running.home, versions["again"], 3)
    until(lambda: forecast(desk.client, "1")["model"]["version"] == 3)
    assert folder_of(desk.running.home).current().trial is None  # type: ignore[union-attr]
    until(lambda: desk.metric("storecast_canary_active") == 0.0)


def test_a_canary_against_the_gate_can_be_promoted(desk: Desk) -> None:
    """Who began it has answered for the version: its promotion overrules the gate as well, which one that
    passed has no need of."""
    asked = {"version": 2, "share": 0.25, "why": "new shops"}
    told = desk.client.post("/v1/models/canary", json={**asked, "overrule": True}).json()
    assert (told["kind"], told["why"]) == ("canary", "against the gate: new shops")

    def shown(why: str) -> bool:
        trial = desk.client.get("/v1/models/trial").json()["trial"]
        return trial is not None and trial["why"] == why

    for why, kind in (("a test", "promote"), (told["why"], "overrule")):
        beside(desk.running.home, desk.challenger, 2, why=why)
        until(partial(shown, why))
        made = desk.client.post("/v1/models/trial/promote", json={"why": "four weeks"}).json()
        assert (made["kind"], made["to_version"]) == (kind, 2)


def test_trials_are_asked_for_in_writing(desk: Desk) -> None:
    """Operators' requests are written down with version, share and reason; without a trial there is none to
    end; and what served on a day is told from what was written down."""
    made = desk.client.post("/v1/models/canary", json={"version": 2, "share": 0.25, "why": "looked well"})
    assert made.status_code == 202
    told = made.json()
    assert (told["kind"], told["to_version"], told["share"], told["why"]) == (
        "canary",
        2,
        0.25,
        "looked well",
    )
    for path in ("/v1/models/trial/stop", "/v1/models/trial/promote"):
        answer = desk.client.post(path, json={"why": "x"})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:storecast:problem:no-trial")
    for share in (0.0, 1.5):
        bad = desk.client.post("/v1/models/canary", json={"version": 2, "share": share, "why": "x"})
        assert bad.status_code == 422
    today = datetime.now(UTC).date().isoformat()
    taken = desk.begin()
    found = desk.client.get("/v1/models/served", params={"on": today, "series": taken[0]}).json()["served"]
    assert [(s["version"], s["challenger"], s["share"], s["answered"]) for s in found] == [
        (1, None, 0.0, 1),
        (1, 2, desk.share_of(1), 2),
    ]
    assert desk.client.get("/v1/models/served", params={"on": "2011-11-11"}).json()["served"] == []
    assert desk.client.get("/v1/models/served", params={"on": "yesterday"}).status_code == 422


def test_an_answer_of_many_series_names_the_version_of_each(desk: Desk) -> None:
    """Rows of the share are the challenger's and say so, others the champion's to the cent; each version has
    an entry in the log with its rows alone; the order is that which was asked for."""
    before = desk.client.get("/v1/forecasts?horizon=4").json()
    assert "challenger" not in before
    taken = desk.begin()
    answer = desk.client.post("/v1/forecasts", json={"series": ["3", "1", "2"], "horizon": 4}).json()
    assert [row["unique_id"] for row in answer["forecasts"]] == [k for k in ("3", "1", "2") for _ in range(4)]
    for key in ("1", "2", "3"):
        rows = [row for row in answer["forecasts"] if row["unique_id"] == key]
        arm, version = (desk.challenger, 2) if key in taken else (desk.champion, 1)
        assert [row["storecast"] for row in rows] == points(arm, key)
        assert {row["version"] for row in rows} == {version}
    assert (answer["model"]["version"], answer["challenger"]["model"]["version"]) == (1, 2)
    entries = {e.id: e for e in desk.running.entries()}
    mine, theirs = entries[answer["id"]], entries[answer["challenger"]["id"]]
    assert (mine.version, mine.rows, theirs.version, theirs.rows) == (
        1,
        4 * (3 - len(taken)),
        2,
        4 * len(taken),
    )
    text = desk.client.get("/v1/forecasts?horizon=1&format=csv").text.splitlines()
    assert text[0].endswith(",version")
    assert [line.rpartition(",")[2] for line in text[1:]] == [
        "2" if key in taken else "1" for key in ("1", "2", "3")
    ]
    desk.begin(share=1.0)
    whole = desk.client.get("/v1/forecasts?horizon=4").json()
    assert (whole["model"]["version"], "challenger" in whole) == (2, False)
    assert [row["storecast"] for row in whole["forecasts"]] == [
        p for key in ("1", "2", "3") for p in points(desk.challenger, key)
    ]


def test_a_batch_of_rows_is_of_one_version(desk: Desk) -> None:
    """Rows of the classic form, several at once, are the champion's, all of them."""
    desk.begin(share=1.0)
    day = str(desk.champion.forecaster.weeks[0].astype("datetime64[D]"))
    rows = [{"store": key, "date": day} for key in ("1", "2", "3")]
    answer = desk.client.post("/v1/predictions", json={"rows": rows}).json()
    assert answer["model"]["version"] == 1
    assert [p["storecast"] for p in answer["predictions"]] == [points(desk.champion, k)[0] for k in "123"]
