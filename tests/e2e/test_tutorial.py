"""The tutorial's commands, as they stand on the page, print what it shows."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.calls import BIN
from tests.mlflow_server import free_port
from tests.needs import ROOT, require

pytestmark = pytest.mark.e2e

_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "-- block {} ends --"


def _blocks() -> list[tuple[str, list[str]]]:
    """Each shell block of the page, with the lines that it shows."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    found: list[tuple[str, list[str]]] = []
    for kind, text in _BLOCK.findall(page):
        if kind == "sh":
            found.append((text, []))
        else:
            found[-1][1].extend(text.splitlines())
    return found


def _pattern(line: str) -> re.Pattern[str]:
    """A line as the page shows it; `...` is anything, and blanks are as many as a table has."""
    words = (re.escape(word) for word in line.split())
    return re.compile(r"\s+".join(words).replace(r"\.\.\.", ".*"))


def _run(folder: Path, sales: str) -> list[str]:
    """What each block printed; one shell runs them all and stops at the first that fails."""
    blocks = _blocks()
    marked = [f"{text}\necho '{_MARK.format(number)}'" for number, (text, _) in enumerate(blocks)]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STORECAST_")}
    given = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200", "SALES": sales}
    process = subprocess.Popen(
        ["bash", "-eo", "pipefail", "-c", "\n".join(marked)],
        cwd=folder,
        env=kept | given | {"PORT": str(free_port())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=540)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a service that a failed block left behind
    assert process.returncode == 0, out[-6000:]
    parts = re.split(r"^-- block \d+ ends --$", out, flags=re.MULTILINE)[:-1]
    assert len(parts) == len(blocks)
    return parts


def _sales(kind: str, request: pytest.FixtureRequest) -> str:
    if kind == "sample":
        return ""
    return str(request.getfixturevalue("real_data") / "Walmart_Sales.csv")


@pytest.mark.parametrize("kind", ["sample", "real"])
def test_the_tutorial_runs_as_it_stands(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every block runs, and prints the lines that the page shows, in their order."""
    require("curl", "curl")
    for (text, shown), printed in zip(_blocks(), _run(tmp_path, _sales(kind, request)), strict=True):
        lines = iter(printed.splitlines())
        for line in shown:
            pattern = _pattern(line)
            assert any(pattern.search(found) for found in lines), (line, pattern.pattern, text, printed)
