"""``storecast reproduce``: from the real log and registry, and the version fitted again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from storecast.stores.forecast_log import Database
from tests.cli.calls import call
from tests.cli.conftest import Served
from tests.service.conftest import running


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, sales: Path) -> tuple[Path, list[str], str]:
    """A home with two versions that served, ids of an answer of each and of a bulk one, and the sales."""
    patch, home = pytest.MonkeyPatch(), tmp_path_factory.mktemp("asked") / "home"
    patch.setenv("STORECAST_HOME", str(home))
    data, ids = str(sales / "stores.csv"), []
    try:
        for model in ("naive-growth", "aligned"):
            done = call("train", data, "--model", model, "--horizon", 13, "--no-promote", "--json").json()
            moved = call("models", "promote", done["version"], "--why", "x", "--overrule", "--anyway")
            assert moved.code == 0, moved.err
            with running(home) as service:
                paths = ("/v1/forecasts?series=1&horizon=4", "/v1/forecasts?by=total", "/v1/forecasts")
                ids += [service.client.get(path).json()["id"] for path in paths]
    finally:
        patch.undo()
    return home, ids, data


@pytest.fixture
def own(asked: tuple[Path, list[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that home."""
    shutil.copytree(asked[0], tmp_path / "home")
    monkeypatch.setenv("STORECAST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_answers_of_all_versions_come_out(own: Path, asked: tuple[Path, list[str], str]) -> None:
    """Those of the version that serves and of the one before; all numbers, with the digests they rest on."""
    for key in asked[1]:
        found = call("reproduce", key, "--json").json()
        assert (found["equal"], found["different"], found["faults"]) == (True, 0, [])
        assert found["numbers"] > 0
        assert len(found["data_digest"]) == 64
    done = call("reproduce", asked[1][0])
    assert (done.code, done.err) == (0, "")
    assert "Equal: 20 of 20 numbers, bit for bit." in done.out


def test_a_version_is_fitted_again_from_its_data(own: Path, asked: tuple[Path, list[str], str]) -> None:
    """The same numbers come out of the same data; other data are refused before anything is fitted."""
    done = call("reproduce", asked[1][-1], "--retrain", asked[2])
    assert (done.code, done.err) == (0, "")
    assert "The same version came out of these data" in done.out
    other = own / "other.csv"
    other.write_text("".join(Path(asked[2]).read_text().splitlines(keepends=True)[:-1]))
    refused = call("reproduce", asked[1][-1], "--retrain", other)
    assert refused.code == 1
    assert "not the data that the version was made from" in refused.err


def test_the_very_same_version_comes_out(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blend with its back-test and bands, fitted again from its data, has the same digest."""
    shutil.copytree(served.home, tmp_path / "home")
    monkeypatch.setenv("STORECAST_HOME", str(tmp_path / "home"))
    with running(tmp_path / "home") as service:
        key = service.client.get("/v1/forecasts?series=1").json()["id"]
    found = call("reproduce", key, "--retrain", served.data, "--json").json()
    assert found["retrained"]["different"] == []
    assert found["retrained"]["digest"] == found["digest"] == served.trained["digest"]


def test_a_changed_row_of_the_log_is_not_equal(own: Path, asked: tuple[Path, list[str], str]) -> None:
    """One number in the database itself: where, what is logged, what comes out; and the exit code."""
    database = Database(f"sqlite:///{own}/forecasts.db")
    with database.write() as connection:
        row = connection.execute(text("SELECT forecast FROM forecasts WHERE id = :id"), {"id": asked[1][0]})
        forecast = json.loads(row.scalar_one())
        forecast["storecast"][2] += 0.01
        values = {"id": asked[1][0], "forecast": json.dumps(forecast)}
        connection.execute(text("UPDATE forecasts SET forecast = :forecast WHERE id = :id"), values)
        connection.execute(
            text("UPDATE forecasts SET version = 7 - version WHERE id = :id"), {"id": asked[1][1]}
        )
    database.close()
    done = call("reproduce", asked[1][0])
    assert done.code == 1
    assert "Not equal: 19 of 20 numbers" in done.out
    assert forecast["ds"][2] in done.out
    assert repr(forecast["storecast"][2]) in done.out
    assert call("reproduce", asked[1][1], "--json").code in (0, 1)
    assert call("reproduce", asked[1][2]).code == 0


def test_what_is_gone_is_told_with_the_remedy(
    own: Path, asked: tuple[Path, list[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that is not in the log; a version whose files were deleted, in the registry as well."""
    done = call("reproduce", "01a227af-9567-77c0-a66e-f1e6f906323f")
    assert (done.code, "no answer of this id" in done.err) == (1, True)
    shutil.rmtree(own / "releases")
    assert call("reproduce", asked[1][0]).code == 0  # the registry still has it
    monkeypatch.setenv("STORECAST_TRACKING_URI", f"sqlite:///{own}/empty.db")
    done = call("reproduce", asked[1][0])
    assert done.code == 1
    assert "is gone" in done.err
    assert "remedy: restore the registry" in done.err
