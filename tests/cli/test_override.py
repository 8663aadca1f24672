"""``storecast override``: said, listed and taken back at the keyboard, against what is published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storecast.ports import ModelVersion
from storecast.stores.releases import ReleaseFolder
from tests.cli.calls import call
from tests.fakes import FakeRegistry
from tests.published import content, fitted


@pytest.fixture
def published(home: Path) -> Path:
    """A home in which a version is published, as ``train`` leaves it."""
    home.mkdir()
    registry = FakeRegistry()
    made = registry.register("storecast", content(fitted()), params={}, metrics={}, tags={}, files={})
    folder = ReleaseFolder(home / "releases" / "storecast", clock=lambda: datetime.now(UTC))
    folder.stage(made.digest, lambda to: registry.export("storecast", 1, to))
    version = ModelVersion("storecast", 1, made.digest, "")
    folder.publish(version, model="naive-growth", kind="promote", who="Ann", why="x", after=None)
    return home


def test_said_listed_undone(published: Path) -> None:
    """A row for each series and week with what the version had said; what is undone is listed with --all."""
    f = fitted()
    keys, weeks = f.keys.tolist()[:2], [str(w) for w in f.weeks[:2].astype("datetime64[D]")]
    days = ["--week", weeks[0], "--week", weeks[1]]
    done = call("override", "set", *keys, *days, "--percent", 10, "--why", "a fair", "--json").json()
    assert [(o["unique_id"], o["ds"], o["mode"], o["value"]) for o in done["overrides"]] == [
        (key, week, "percent", 10.0) for key in keys for week in weeks
    ]
    assert [o["model"] for o in done["overrides"]] == f.point[:2, :2].T.ravel().tolist()
    assert {o["version"] for o in done["overrides"]} == {1}
    soon = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    line = ["--week", weeks[0], "--value", 5, "--why", "closed", "--expires", soon]
    shown = call("override", "set", keys[0], *line)
    assert shown.code == 0
    assert "$5.00" in shown.out
    assert "storecast override undo" in shown.out
    listed = call("override", "list", "--json").json()["overrides"]
    assert [(o["unique_id"], o["ds"], o["mode"]) for o in listed] == [
        (keys[0], weeks[0], "value"), (keys[1], weeks[1], "percent"), (keys[1], weeks[0], "percent"),
        (keys[0], weeks[1], "percent"),
    ]  # fmt: skip
    assert listed[0]["expires"].startswith(soon)
    assert call("override", "undo", listed[0]["id"], "--why", "open after all").code == 0
    again = call("override", "undo", listed[0]["id"], "--why", "x")
    assert (again.code, "undone already" in again.err) == (1, True)
    said = [o["id"] for o in done["overrides"]]
    assert call("override", "undo", said[0], "--why", "x", "--json").json() == {"undone": said[:1]}
    whole = call("override", "undo", said[0], "--whole", "--why", "no fair", "--json").json()
    assert whole == {"undone": said[1:]}
    assert call("override", "list", "--json").json() == {"overrides": []}
    history = call("override", "list", "--all", "--series", keys[0], "--json").json()["overrides"]
    assert sorted(o["state"] for o in history) == ["undo"] * 3 + ["undone"] * 3
    assert "a fair" in call("override", "list", "--all").out


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--value", 1], 0, "Overrides"),
        ([], 2, "give one of them"),
        (["--value", 1, "--percent", 1], 2, "give one of them"),
        (["--value", "nan"], 1, "no sensible value"),
        (["--value", 1, "--week", "1999-01-01"], 1, "did not forecast"),
        (["--value", 1, "--week", "soon"], 1, "no week"),
        (["--value", 1, "--expires", "2020-01-01"], 1, "over before it counts"),
    ],
)
def test_what_cannot_be_said(published: Path, words: list[object], code: int, text: str) -> None:
    """Refused with what to do; nothing is stored."""
    week = str(fitted().weeks[0].astype("datetime64[D]"))
    done = call("override", "set", fitted().keys[0], "--week", week, "--why", "x", *words)
    assert (done.code, text in done.out + done.err) == (code, True), done.out + done.err
    stored = call("override", "list", "--all", "--json").json()["overrides"]
    assert len(stored) == (1 if code == 0 else 0)


def test_unknown_series_ids_and_homes(
    published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Named with the remedy."""
    week = str(fitted().weeks[0].astype("datetime64[D]"))
    done = call("override", "set", "nobody", "--week", week, "--value", 1, "--why", "x")
    assert (done.code, "no series 'nobody'" in done.err) == (1, True)
    assert call("override", "undo", "x", "--why", "x").code == 1
    monkeypatch.setenv("STORECAST_HOME", str(tmp_path / "empty"))
    done = call("override", "set", "1", "--week", week, "--value", 1, "--why", "x")
    assert (done.code, "storecast train" in done.err) == (1, True)
