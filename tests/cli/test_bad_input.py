"""Bad input: one clear message, exit code 1, no traceback, and nothing half written."""

from __future__ import annotations

import re
import shutil
import socket
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.calls import BIN, call, listing, shell
from tests.jobs.worlds import noisy, write
from tests.mlflow_server import free_port

GOOD = "Store,Date,Weekly_Sales\n" + "".join(
    f"{s},{d}-02-2010,{1000 + s}\n" for s in (1, 2) for d in ("05", "12", "19", "26")
)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("sales.csv", GOOD * 50)
    path.write_bytes(path.read_bytes()[:-30])


def _text(old: str = "", new: str = "") -> Callable[[Path], object]:
    return lambda path: path.write_text(GOOD.replace(old, new) if old else GOOD, encoding="utf-8")


FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "not there": ("none.csv", lambda path: None, "no file or folder"),
    "empty": ("a.csv", lambda path: path.touch(), "empty"),
    "a header alone": ("a.csv", lambda path: path.write_text(GOOD.partition("1,")[0]), "no rows"),
    "one row": ("a.csv", lambda path: path.write_text("\n".join(GOOD.splitlines()[:2])), "same date"),
    "no sales at all": ("a.csv", lambda path: path.write_text(re.sub(r",100\d", ",", GOOD)), "No row has"),
    "a missing column": ("a.csv", _text("Weekly_Sales", "Weather"), "Weekly_Sales"),
    "no number": ("a.csv", _text("12-02-2010,1001", "12-02-2010,12o1"), "3"),
    "infinite": ("a.csv", _text("12-02-2010,1001", "12-02-2010,inf"), "3"),
    "two values of a week": (
        "a.csv",
        lambda path: path.write_text(f"{GOOD}1,05-02-2010,7\n"),
        "stands in several rows",
    ),
    "a cut zip": ("a.csv.zip", _zip, "a.csv.zip"),
    "no file of sales": ("a.csv", lambda path: path.write_bytes(bytes(range(256)) * 20), "a.csv"),
    "an empty folder": ("folder", lambda path: path.mkdir(), "folder"),
}


@pytest.mark.parametrize("command", ["validate", "train", "backtest", "forecast", "explain", "run"])
@pytest.mark.parametrize("name", FILES)
def test_bad_files(tmp_path: Path, home: Path, monkeypatch, command: str, name: str) -> None:
    """Whatever is wrong with the file is told by every command in the same words, and no file is made."""
    monkeypatch.chdir(tmp_path)
    file, make, words = FILES[name]
    make(tmp_path / file)
    before = listing(tmp_path)
    done = call(command, file, *(["1"] if command == "explain" else []))
    told = done.out if command == "validate" else done.err
    assert done.code == 1
    assert words in told
    assert "Traceback" not in done.out + done.err
    if command != "validate":
        assert done.out == ""
        assert told.count("Refused: ") == 1
        assert "remedy: " in told
    assert listing(tmp_path) == before  # not even a registry


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("forecast --horizon 0", "1 to 52 weeks"),
        ("forecast --horizon 500", "1 to 52 weeks"),
        ("train --horizon 0", "1 to 52 weeks"),
        ("train --horizon -1", "1 to 52 weeks"),
        ("explain 99", "99"),
        ("explain 1 --week 0", "1 to 52 weeks"),
        ("explain 1 --week 40 --weeks 40", "1 to 52 weeks"),
        ("forecast --like 1=2", "history of its own"),
        ("forecast --like 46=99", "no series '99'"),
        ("forecast --like 46=1 --by total", "only as a series"),
        ("forecast --model oracle", "no model 'oracle'"),
        ("forecast --name ../up", "no name for a model"),
        ("forecast --out a.xls", ".csv or .parquet"),
        ("forecast --out sales.csv/a.csv", "written"),
        ("forecast --out folder.csv", "a folder of this name"),
        ("run --out sales.csv", "written"),
        ("train --country Utopia", "--calendar FILE"),
        ("train --events none.csv", "no file or folder"),
        ("train --events events.csv", "not in the sales data"),
    ],
)
def test_bad_requests(tmp_path: Path, home: Path, monkeypatch, line: str, words: str) -> None:
    """A request that cannot be met names what was expected; nothing is registered and nothing written."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "sales.csv", noisy(weeks=70, series=2))
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "events.csv").write_text("series,first_week,kind\n99,2011-01-07,closure\n", encoding="utf-8")
    before = listing(tmp_path)
    command, *more = line.split()
    done = call(command, "sales.csv", *more)
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert done.err.count("Refused: ") == 1
    made = listing(tmp_path).keys() - before.keys()
    assert made <= {"home", "home/mlflow.db"}  # a registry that was asked may have been made; no run in it


@pytest.mark.parametrize(
    "line",
    [
        "sample a.xlsx",
        "sample none.csv/a.csv",
        "sample k --shape kaggle",
        "sample a.csv --closed 0.6 --new 0.6",
        "sample a.csv --seed -1",
    ],
)
def test_samples_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """What cannot be written or invented is refused, and no file is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none.csv").touch()
    done = call(*line.split())
    assert (done.code, done.out) == (1, "")
    assert "Refused: " in done.err
    assert listing(tmp_path) == {"none.csv": 0}


@pytest.fixture
def copied(served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home with a champion, whose registry may be damaged."""
    home = tmp_path / "home"
    shutil.copytree(served.home, home)
    monkeypatch.setenv("STORECAST_HOME", str(home))
    return home


def test_a_damaged_registry(copied: Path, sales: Path) -> None:
    """A database that is none is told as such, quickly, by whoever needs it, and stays as it is."""
    database = copied / "mlflow.db"
    database.write_bytes(b"no database" * 1000)
    begun = time.monotonic()
    for line in (("models", "list"), ("forecast", sales / "stores.csv"), ("train", sales / "stores.csv")):
        done = call(*line)
        assert (done.code, done.out) == (1, "")
        assert "database cannot be opened" in done.err
        assert "mlflow.db" in done.err
    assert time.monotonic() - begun < 30
    assert database.read_bytes() == b"no database" * 1000


def test_a_tampered_artifact(home: Path, sales: Path) -> None:
    """A champion whose files were changed answers no more, and training makes a sound one."""
    assert call("train", sales / "short.csv").code == 0
    assert call("forecast", sales / "short.csv", "--json").json()["version"] == 1
    files = [p for p in home.rglob("*") if p.is_file() and "model" in p.parts]
    arrays = max(files, key=lambda p: p.stat().st_size)
    changed = bytearray(arrays.read_bytes())
    changed[len(changed) // 2] ^= 1
    arrays.write_bytes(bytes(changed))
    for line in (("forecast", sales / "short.csv"), ("explain", sales / "short.csv", "1")):
        done = call(*line)
        assert (done.code, done.out) == (1, "")
        assert done.err.count("Refused: ") == 1
        assert "remedy: " in done.err
    assert call("train", sales / "short.csv").code == 0
    assert call("forecast", sales / "short.csv", "--json").json()["version"] == 2


def test_a_tracking_server_that_does_not_answer(home: Path, sales: Path, monkeypatch) -> None:
    """Refused before the back-test, within seconds, whether the port is closed or silent."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        for port in (free_port(), silent.getsockname()[1]):
            monkeypatch.setenv("STORECAST_TRACKING_URI", f"http://127.0.0.1:{port}")
            begun = time.monotonic()
            done = call("train", sales / "stores.csv")
            assert time.monotonic() - begun < 15
            assert (done.code, done.out) == (1, "")
            assert "does not answer" in done.err
            assert f":{port}" in done.err


def test_a_home_that_cannot_be_made(tmp_path: Path, sales: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where the home should be is told before the work."""
    (tmp_path / "home").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("STORECAST_HOME", str(tmp_path / "home"))
    for line in (("train", sales / "stores.csv"), ("run",), ("forecast", sales / "stores.csv")):
        done = call(*line)
        assert (done.code, done.out) == (1, "")
        assert "home" in done.err


def test_settings_that_cannot_be(home: Path, sales: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that a setting cannot have is named with the variable, without a traceback."""
    monkeypatch.setenv("STORECAST_DEBUG", "perhaps")
    done = call("forecast", sales / "stores.csv")
    assert (done.code, done.out) == (1, "")
    assert "STORECAST_DEBUG" in done.err
    assert "perhaps" in done.err


def test_debugging_shows_the_traceback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for it gets the error itself."""
    from storecast.errors import DataError

    monkeypatch.setenv("STORECAST_DEBUG", "true")
    with pytest.raises(DataError):
        call("forecast", "none.csv")


def test_the_installed_program(tmp_path: Path, sales: Path) -> None:
    """As a user starts it: exit codes 0, 1 and 2, messages on standard error, JSON alone on standard output,
    never a traceback."""
    assert (BIN / "storecast").exists()
    good = shell(f"storecast backtest '{sales}/stores.csv' --windows 1 --model aligned --json", tmp_path)
    assert good.json()["model"] == "aligned"
    refused = shell("storecast forecast none.csv --json", tmp_path)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("Refused: ")
    wrong = shell("storecast forecast --oracle", tmp_path)
    assert (wrong.code, wrong.out) == (2, "")
    assert "Traceback" not in refused.err + wrong.err
    assert listing(tmp_path) == {}
    piped = shell(f"storecast validate '{sales}/stores.csv' --json | head -n 1", tmp_path)
    assert (piped.code, piped.out, piped.err) == (0, "{\n", "")


def test_a_terminal_that_knows_ascii_only(tmp_path: Path) -> None:
    """Names and signs that its encoding lacks are shown escaped and end no command; JSON stays readable."""
    write(tmp_path / "köln.csv", noisy(weeks=20, series=1), keys=["Köln"])
    plain = {"PYTHONIOENCODING": "ascii"}
    shown = shell("storecast backtest köln.csv --model aligned --horizon 2 --windows 1", tmp_path, **plain)
    assert (shown.code, shown.err) == (0, "")
    assert "k\\xf6ln.csv" in shown.out
    told = shell("storecast forecast köln.csv --model aligned --horizon 1 --json", tmp_path, **plain).json()
    assert told["forecasts"][0]["unique_id"] == "Köln"
