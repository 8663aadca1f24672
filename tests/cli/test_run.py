"""``storecast run``: what it writes, and that the next steps it prints can be typed as they stand."""

from __future__ import annotations

import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.calls import Done, call, listing, shell
from tests.jobs.worlds import noisy, write

FILES = {"backtest.csv", "forecast.csv", "forecast-total.csv", "report.html"}


def commands(done: Done) -> list[str]:
    """The commands that a call printed as next steps, each with its comment."""
    lines = [line.strip() for line in done.out.splitlines()]
    marks = ("Next: ", "or: ", "To let it serve: ", "Back again: ")
    bare = [next((line.removeprefix(m) for m in marks if line.startswith(m)), line) for line in lines]
    return [line for line in bare if line.startswith("storecast ") and " serves as " not in line]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    folder = tmp_path_factory.mktemp("run") / "two blanks  here"
    folder.mkdir()
    write(folder / "my sales.csv", noisy(weeks=100, series=3))
    return folder, shell("storecast run 'my sales.csv' --name toys --model aligned --no-serve", folder)


def test_what_is_written(ran) -> None:
    """Forecasts of 52 weeks, back-test and report lie in ``out``, the models in ``.storecast``, no more."""
    folder, done = ran
    assert (done.code, done.err) == (0, "")
    assert {p.name for p in folder.iterdir()} == {"my sales.csv", "out", ".storecast"}
    assert {p.name for p in (folder / "out").iterdir()} == FILES
    for name in FILES:
        assert f"out/{name}" in done.out
    table = pd.read_csv(folder / "out" / "forecast.csv", dtype={"unique_id": str})
    assert table.groupby("unique_id").size().to_dict() == {"1": 52, "2": 52, "3": 52}
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "my sales.csv" in page


def test_what_a_person_sees(ran) -> None:
    """What was read, how good it is, the gate's verdict, which version serves, and no noise of libraries."""
    _, done = ran
    assert done.out.startswith("300 rows, 3 series, weeks 2010-02-05 to 2011-12-30: ok\n")
    for words in ("Accuracy", "Bands", "Gate: ", "toys version ", " serves as champion.", "Next: "):
        assert words in done.out
    for noise in ("Warning", "INFO", "mlflow", "nan", "{", "Sample"):
        assert noise not in done.out


def test_every_next_step_works_as_printed(ran) -> None:
    """Copied into a shell as they stand, blanks and comments and all, the next steps do what they say."""
    folder, done = ran
    lines = commands(done)
    assert [shlex.split(line, comments=True)[1] for line in lines] == ["explain", "models", "serve"]
    told = [shell(line, folder) for line in lines[:2]]
    assert [(t.code, t.err) for t in told] == [(0, ""), (0, "")]
    assert "champion, version" in told[0].out
    assert "champion" in told[1].out


def test_next_steps_of_the_other_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the sample on, each command's next step leads to the next command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STORECAST_HOME", "home")
    done, seen = call("sample", "my sample.csv", "--stores", 2, "--weeks", 70), ["sample"]
    for _ in range(4):
        assert (done.code, done.err) == (0, ""), done.err
        line = shlex.split(commands(done)[0], comments=True)
        seen.append(line[1])
        done = call(*line[1:])
    assert seen == ["sample", "validate", "backtest", "train", "forecast"]
    assert listing(tmp_path).keys() >= {"my sample.csv", "forecast.csv"}


def test_a_second_run_makes_a_second_version(ran, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same again: as many versions more, the same forecasts to the byte, and the files are replaced; what
    knows nothing new does not take the champion's place."""
    folder, _ = ran
    monkeypatch.chdir(folder)
    monkeypatch.setenv("STORECAST_HOME", ".storecast")
    before = (folder / "out" / "forecast.csv").read_bytes()
    count = len(call("models", "list", "--name", "toys", "--json").json()["versions"])
    told = call("run", "my sales.csv", "--name", "toys", "--model", "aligned", "--json").json()
    versions = call("models", "list", "--name", "toys", "--json").json()
    assert len(versions["versions"]) == 2 * count
    assert (versions["champion"], told["version"], told["promoted"]) == (count, 2 * count, False)
    assert (folder / "out" / "forecast.csv").read_bytes() == before
    assert {Path(path).name for path in told["files"].values()} == FILES
    assert {p.name for p in (folder / "out").iterdir()} == FILES


def test_a_workbook_is_asked_for_by_its_sheet_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that the data needs stand in the next step as well."""
    monkeypatch.chdir(tmp_path)
    frame = pd.read_csv(write(tmp_path / "a.csv", noisy(weeks=60, series=1)))
    with pd.ExcelWriter("book.xlsx") as book:
        pd.DataFrame({"note": ["read the other sheet"]}).to_excel(book, sheet_name="About", index=False)
        frame.to_excel(book, sheet_name="Our sales", index=False)
    done = call("validate", "book.xlsx", "--sheet", "Our sales")
    assert commands(done)[0].startswith("storecast backtest book.xlsx --sheet 'Our sales'")
