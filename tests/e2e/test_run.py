"""The main job from the outside: a fresh clone, one command, and the accuracy that is promised."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.cli.calls import Done, shell
from tests.needs import ROOT, require
from tests.stores.report.pages import read_page

pytestmark = pytest.mark.e2e
FIRST = pd.Timestamp("2010-02-05")
STORE_FILES = {"forecast.csv", "forecast-total.csv", "backtest.csv", "report.html"}


def plain_environment() -> dict[str, str]:
    """That of a plain shell."""
    dropped = ("MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH", "STORECAST_", "PYTEST")
    return {k: v for k, v in os.environ.items() if not k.startswith(dropped)}


def make(clone: Path, *words: str) -> Done:
    """``make`` with ``words`` in the clone, without the service at the end of a run."""
    done = subprocess.run(
        ["make", *words, "SERVE=no"],
        cwd=clone,
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what is committed, in a folder with a blank, and nothing set up."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the project is no Git clone")
    folder = tmp_path_factory.mktemp("fresh") / "my store's cast"
    line = ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)]
    subprocess.run(line, check=True, timeout=120)
    return folder


def champion(clone: Path) -> dict[str, Any]:
    """The version that serves, as the clone's own program lists it."""
    found = shell(".venv/bin/storecast models list --json", clone).json()
    served = [version for version in found["versions"] if "champion" in version["aliases"]]
    assert [version["version"] for version in served] == [found["champion"]]
    return dict(served[0])


def next_steps(done: Done) -> list[str]:
    """The commands under "Next:" that a run printed; those that would go on and on are told not to."""
    lines = [line.strip() for line in done.out.partition("\nNext: ")[2].splitlines()]
    found = [line for line in lines if line.startswith(".venv/bin/storecast ")]
    ending = [line.replace(" run ", " run --no-serve ", 1) for line in found]
    return [line for line in ending if " serve " not in line]


def api_lines() -> list[str]:
    """The calls in the README's section on the API, each to print the status of its answer alone."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The API in ten lines")[2]
    first, *lines = section.partition("```sh\n")[2].partition("```")[0].splitlines()
    quiet = "curl --silent --output /dev/null --write-out '%{http_code}'"
    assert first.startswith("URL=")
    return [f"{first.split('  ', 1)[1]}; {line.replace('curl', quiet, 1)}" for line in lines]


@pytest.fixture(scope="module")
def sample_run(clone: Path) -> Done:
    return make(clone, "run")


def test_make_run_alone(clone: Path, sample_run: Done) -> None:
    """From nothing: sets up, makes sample data, and ends with forecasts, a report and a champion."""
    assert sample_run.code == 0, sample_run.out + sample_run.err
    assert "Traceback" not in sample_run.err
    assert {p.name for p in (clone / "out").iterdir()} == STORE_FILES
    assert champion(clone)["tags"]["model"] in ("blend", "seasonal-naive", "naive-growth")
    table = pd.read_csv(clone / "out" / "forecast.csv", dtype={"unique_id": str})
    assert table.groupby("unique_id").size().tolist() == [52] * 45
    tracked = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert tracked.stdout == ""  # what a run makes is nobody's change


def test_every_command_of_the_report(clone: Path, sample_run: Done) -> None:
    """They work where the run was made, as they stand; the last, which would roll back, is there."""
    page = read_page((clone / "out" / "report.html").read_bytes())
    lines = [element.text for element in page.root.all("pre")]
    verbs = [shlex.split(line)[:2] for line in lines]
    assert [verb for _, verb in verbs] == ["forecast", "explain", "backtest", "validate", "models", "models"]
    assert {program for program, _ in verbs} == {".venv/bin/storecast"}
    for line in lines[:-1]:
        done = shell(line, clone)
        assert (done.code, done.err) == (0, ""), line
    (clone / "forecast.csv").unlink()
    assert "rollback" in lines[-1]


def test_every_next_step_of_a_sample_run(clone: Path, sample_run: Done) -> None:
    """Typed as printed, once the file that one of them names is there."""
    lines = next_steps(sample_run)
    assert [shlex.split(line, comments=True)[1] for line in lines] == ["explain", "models", "run"]
    sales = clone / ".storecast" / "sample" / "sales.csv"
    (clone / "your-sales.csv").write_bytes(sales.read_bytes())
    for line in lines:
        done = shell(line, clone)
        assert (done.code, done.err) == (0, ""), line
    (clone / "your-sales.csv").unlink()


def test_make_run_ends_with_a_service(clone: Path, sample_run: Done) -> None:
    """It prints a curl line that works as it stands, as do the calls of the README, and the address of the
    web app, which comes up in front of that service; Ctrl-C ends both."""
    require("curl", "curl")
    lines: list[str] = []
    with subprocess.Popen(
        ["make", "run"],
        cwd=clone,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        try:
            lines += iter(running.stdout.readline, "Ctrl-C ends it.\n")
            line = next(line for line in lines if line.startswith("Try:  ")).removeprefix("Try:  ")
            told = shell(line.replace("curl", "curl --silent --show-error", 1), clone).json()
            served = champion(clone)["version"]  # before README's lines move it
            url = re.search(r"http://[^/]+", line)
            assert url is not None
            ready = shell(f"curl --silent {url[0]}/readyz", clone).json()
            (clone / "your-sales.csv").write_bytes((clone / ".storecast/sample/sales.csv").read_bytes())
            statuses = [shell(asked, clone, URL=url[0]).out for asked in api_lines()]
            (clone / "your-sales.csv").unlink()
            app = next(re.findall(r"http://\S+", line)[0] for line in lines if line.startswith("Open "))
            wait = "--retry 60 --retry-delay 1 --retry-connrefused"
            page = shell(f"curl --silent {wait} --output /dev/null --write-out '%{{http_code}}' {app}", clone)
        finally:
            os.killpg(running.pid, signal.SIGINT)
            running.wait(60)
    assert ready["status"] == "ready"
    assert page.out == "200"
    assert shell(f"curl --silent --max-time 5 {app}", clone).code == 7, "refused: it ended with the service"
    assert len(statuses) == 9
    assert set(statuses) == {"200", "202"}, list(zip(api_lines(), statuses, strict=True))
    assert told["model"]["version"] == served
    table = pd.read_csv(clone / "out" / "forecast.csv", dtype={"unique_id": str})
    expected = table[table["unique_id"] == told["forecasts"][0]["unique_id"]].head(len(told["forecasts"]))
    assert [row["ds"] for row in told["forecasts"]] == expected["ds"].tolist()
    for name in ("storecast", "storecast-lo-80", "storecast-hi-95"):
        assert [row[name] for row in told["forecasts"]] == expected[name].tolist()


def test_make_run_again_makes_a_second_version(clone: Path, sample_run: Done) -> None:
    """Nothing is set up twice, the same data gives the same forecasts, and a version that knows nothing new
    does not take the champion's place."""
    before, version = (clone / "out" / "forecast.csv").read_bytes(), champion(clone)["version"]
    again = make(clone, "run")
    assert again.code == 0, again.err
    assert "Installing" not in again.out
    assert champion(clone)["version"] == version
    assert f"version {version} serves on" in again.out
    assert (clone / "out" / "forecast.csv").read_bytes() == before


def test_make_run_on_a_file_of_stores(clone: Path, sample_run: Done, real_data: Path) -> None:
    """The model beats both naives on the real stores and serves."""
    done = make(clone, "run", f"DATA={real_data}/Walmart_Sales.csv")
    assert done.code == 0, done.err
    assert {p.name for p in (clone / "out").iterdir()} == STORE_FILES
    served = champion(clone)
    assert (served["tags"]["model"], served["tags"]["gate"]) == ("blend", "passed")
    assert served["metrics"]["wmae"] < 0.8 * served["metrics"]["wmae:naive-growth"]
    table = pd.read_csv(clone / "out" / "forecast.csv")
    assert table["ds"].min() == "2012-11-02"
    for line in next_steps(done):
        assert shell(line, clone).code == 0, line


def test_make_run_on_a_folder_of_departments(clone: Path, sample_run: Done, real_data: Path) -> None:
    """Departments, stores and the total are written, and add up to the cent."""
    done = make(clone, "run", f"DATA={real_data}/kaggle")
    assert done.code == 0, done.err
    assert {p.name for p in (clone / "out").iterdir()} == STORE_FILES | {"forecast-store.csv"}
    assert champion(clone)["tags"]["model"] == "blend"
    cents = {}
    for name in ("forecast", "forecast-store", "forecast-total"):
        table = pd.read_csv(clone / "out" / f"{name}.csv", dtype={"unique_id": str})
        cents[name] = table.assign(cents=(table["storecast"] * 100).round().astype("int64"))
    selling = cents["forecast"][~cents["forecast"]["note"].str.endswith("left out of the sums", na=False)]
    assert len(selling) < len(cents["forecast"])
    bottom = selling.assign(store=selling["unique_id"].str.split("_").str[0])
    stores = cents["forecast-store"].set_index(["unique_id", "ds"])["cents"]
    assert bottom.groupby(["store", "ds"])["cents"].sum().to_dict() == stores.to_dict()
    total = cents["forecast-total"].set_index("ds")["cents"].to_dict()
    assert stores.groupby("ds").sum().to_dict() == total
    for line in next_steps(done):
        assert shell(line, clone).code == 0, line


def backtest(data: Path, horizon: int, known: tuple[int, ...], folder: Path) -> dict[str, Any]:
    """``storecast backtest`` at the cutoffs after so many weeks of the real data."""
    cutoffs = [str((FIRST + pd.Timedelta(weeks=weeks - 1)).date()) for weeks in known]
    options = " ".join(f"--cutoff {cutoff}" for cutoff in cutoffs)
    line = f"storecast backtest {shlex.quote(str(data))} --horizon {horizon} {options} --json"
    told = shell(line, folder).json()
    assert told["cutoffs"] == cutoffs
    return dict(told)


# Promised of the real data; the bands' windows in percent. Known weeks are counted from 2010-02-05.
USUAL = {80: (78, 86), 95: (93, 98)}
CHRISTMAS = {80: (74, 88), 95: (91, 98)}


@pytest.mark.parametrize(
    ("horizon", "known", "most", "covers"),
    [
        pytest.param(39, (104,), 40_300, USUAL, id="S1"),
        pytest.param(8, (111, 119, 127, 135), 33_200, USUAL, id="S2"),
        pytest.param(13, (104, 117, 130), 35_200, USUAL, id="S3"),
        pytest.param(39, (91,), 43_500, CHRISTMAS, id="Christmas"),
    ],
)
def test_accuracy_on_stores(
    real_data: Path, tmp_path: Path, horizon: int, known, most: float, covers
) -> None:
    """The holiday-weighted error stays under its promise, and bands cover what they say."""
    told = backtest(real_data / "Walmart_Sales.csv", horizon, known, tmp_path)
    assert told["all"]["wmae"] <= most
    for level, (low, high) in covers.items():
        assert low <= told["all"][f"coverage-{level}"] <= high
    if known == (104,):
        assert told["all"]["width-80"] <= 142_000
    if len(known) == 3:
        worse = [line["store"] for line in told["by_store"] if line["against-better-naive"] > 0.05]
        assert len(told["by_store"]) == 45
        assert len(worse) <= 8, worse


@pytest.mark.parametrize(
    ("horizon", "known", "most"),
    [pytest.param(39, (104,), 0.80, id="D1"), pytest.param(26, (117,), 0.78, id="D3")],
)
def test_accuracy_on_departments(real_data: Path, tmp_path: Path, horizon: int, known, most: float) -> None:
    """The error is this share of the seasonal naive's on the same rows, bands cover what they say, and no
    wide ones hide among them."""
    told = backtest(real_data / "kaggle", horizon, known, tmp_path)
    assert told["all"]["wmae"] <= most * told["all"]["wmae:seasonal-naive"]
    for level, (low, high) in USUAL.items():
        assert low <= told["all"][f"coverage-{level}"] <= high
    assert told["all"]["width-80"] < 5 * told["all"]["wmae"]  # of normal errors: 2.56 / 0.8 = 3.2
