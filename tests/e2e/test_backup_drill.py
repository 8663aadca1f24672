"""The drill: back up a service under load, lose everything, restore, and answer as before."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.calls import call, shell
from tests.load import Load, Question
from tests.serve_process import Serving

pytestmark = pytest.mark.e2e

PATHS = (
    "/v1/forecasts?horizon=13",
    "/v1/forecasts?series=3&horizon=13",
    "/v1/forecasts?horizon=8",
)


def asked(serving: Serving) -> list[object]:
    """What the service answers, but for what each answer has of its own."""
    found: list[object] = []
    for path in PATHS:
        answer = serving.client.get(path).raise_for_status().json()
        found.append({key: value for key, value in answer.items() if key not in ("id", "request")})
    return found


def logged(home: Path) -> set[str]:
    """Numbers of the requests in the log."""
    with closing(sqlite3.connect(home / "forecasts.db")) as database:
        return {row[0] for row in database.execute("SELECT request FROM forecasts")}


def test_drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a wipe and a restore the forecasts are the same to the byte, the champion is the same version,
    and every answer that was given before the backup began is in the log."""
    home, key = tmp_path / "home", tmp_path / "backup.key"
    monkeypatch.chdir(tmp_path)
    key.write_text("7f" * 32)
    given = {"STORECAST_HOME": str(home), "STORECAST_BACKUP_KEY_FILE": str(key)}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert call("sample", "sales.csv", "--stores", 5).code == 0
    assert call("train", "sales.csv", "--model", "naive-growth", "--horizon", 13).code == 0
    home.mkdir(exist_ok=True)
    with Serving(home, "--no-follow") as serving:
        before = asked(serving)
        champion = serving.models()
        port = int(serving.url.rpartition(":")[2])
        with Load(port, [Question(path) for path in PATHS[1:]], connections=4) as load:
            load.more(200)
            acknowledged, began = set(load.requests), time.monotonic()
            done = shell("storecast backup backups --keep 14 --json", tmp_path, **given)
            backup_seconds = time.monotonic() - began
            assert done.code == 0, done.err
            load.more(100)
        assert load.broken.total() == 0
        assert load.refused == []
        all_answers = set(load.requests)
    shutil.rmtree(home)  # the host is lost
    lost_at = time.monotonic()
    verified = shell("storecast backup verify backups --json", tmp_path, **given)
    assert verified.code == 0, verified.err
    verify_seconds = time.monotonic() - lost_at
    restored_at = time.monotonic()
    restored = shell("storecast restore backups --json", tmp_path, **given)
    assert restored.code == 0, restored.err
    entries = logged(home)
    assert acknowledged <= entries
    with Serving(home, "--no-follow") as serving:
        after = asked(serving)
        recovery_seconds = time.monotonic() - restored_at
        assert json.dumps(after) == json.dumps(before)
        assert serving.models() == champion
    lost = len(all_answers - entries)
    size = json.loads(done.out)["bytes"]
    print(  # noqa: T201 what the drill is for
        f"\nbackup while serving: {backup_seconds:.1f} s, {size:,} bytes, encrypted"
        f"\nverified by a restore into a scratch folder: {verify_seconds:.1f} s"
        f"\nRPO: {len(acknowledged):,} answers given before the backup began, 0 lost; "
        f"{lost:,} of {len(all_answers):,} given after its picture was taken were lost with the host"
        f"\nRTO: {recovery_seconds:.1f} s from `storecast restore` to forecasts, the same to the byte"
    )
