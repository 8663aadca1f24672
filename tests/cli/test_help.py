"""Help, usage and exit codes: a newcomer finds examples that are right."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from storecast import __version__
from storecast.cli.app import app
from tests.cli.calls import call
from tests.needs import ROOT

GROUP: Any = typer.main.get_command(app)
GROUPS = {name: group for name, group in GROUP.commands.items() if hasattr(group, "commands")}
COMMANDS = {name: command for name, command in GROUP.commands.items() if name not in GROUPS}
COMMANDS |= {
    f"{name} {verb}": item for name, group in GROUPS.items() for verb, item in group.commands.items()
}
TRUST = ROOT / "docs" / "trust.md"
LASTING = ("serve", "follow", "web")  # their log is JSON


def examples(name: str) -> list[str]:
    return re.findall(r"^\s*(storecast .+?)\s*$", COMMANDS[name].help or "", re.MULTILINE)


def test_all_commands_are_there() -> None:
    """The commands of the main job, of the service, and those that move the champion."""
    assert {"run", "sample", "validate", "train", "backtest", "forecast", "explain"} <= set(COMMANDS)
    assert {"serve", "follow", "web", "migrate", "keys issue", "keys list", "keys revoke"} <= set(COMMANDS)
    assert {f"models {verb}" for verb in ("list", "show", "compare", "promote", "rollback")} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples(name: str) -> None:
    """Help exits with 0, and shows an example of this very command."""
    done = call(*name.split(), "--help")
    assert (done.code, done.err) == (0, "")
    assert f"storecast {name}" in done.out.partition("Examples:")[2]


@pytest.mark.parametrize(("name", "line"), [(n, line) for n in COMMANDS for line in examples(n)])
def test_examples_can_be_typed(name: str, line: str) -> None:
    """Every example names options and values that the command takes."""
    words = shlex.split(line)[1:]
    assert words[: len(name.split())] == name.split()
    COMMANDS[name].make_context(name, words[len(name.split()) :])


@pytest.mark.parametrize("line", re.findall(r"^storecast .+$", TRUST.read_text("utf-8"), re.MULTILINE))
def test_commands_of_the_page_on_trust_can_be_typed(line: str) -> None:
    """Whoever copies a line finds that the command takes it."""
    words = shlex.split(line)[1:]
    count = 2 if words[0] in GROUPS else 1
    name = " ".join(words[:count])
    COMMANDS[name].make_context(name, words[count:])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    """No option and no argument stands without a word of help."""
    parameters = [p for p in COMMANDS[name].params if p.name != "help"]
    assert [p.name for p in parameters if not getattr(p, "help", None)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_json(name: str) -> None:
    """Each has --json, but those that go on and on."""
    assert ("as_json" in [p.name for p in COMMANDS[name].params]) == (name not in LASTING)


def test_the_program_itself() -> None:
    """It tells its version, its commands and its exit codes."""
    assert call("--version").out == f"{__version__}\n"
    done = call("--help")
    assert done.code == 0
    assert "0 done, 1" in " ".join(done.out.split())
    for name in ("backtest", "models"):
        assert name in done.out
    assert call().code == 2  # nothing was asked for: help, and wrong usage


@pytest.mark.parametrize(
    "line",
    [
        "oracle",
        "validate",
        "validate a.csv --oracle",
        "sample a.csv --shape round",
        "sample a.csv --closed 2",
        "sample a.csv --stores none",
        "backtest a.csv --cutoff 27.01.2012",
        "backtest a.csv --windows 0",
        "backtest a.csv --levels eighty",
        "backtest a.csv --levels 80,100",
        "backtest a.csv --levels nan",
        "backtest a.csv --by region",
        "forecast a.csv --by dept",
        "forecast a.csv --like 46",
        "forecast a.csv --like =12",
        "forecast a.csv --horizon many",
        "explain a.csv",
        "explain a.csv 1 --weeks 0",
        "models promote 1",
        "models show one",
        "models",
    ],
)
def test_wrong_usage(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It exits with 2, says what is wrong on standard error, and neither prints results nor touches files."""
    monkeypatch.chdir(tmp_path)
    done = call(*line.split())
    assert done.code == 2
    assert line == "models" or done.out == ""
    assert line == "models" or "Usage: storecast" in done.err
    assert list(tmp_path.iterdir()) == []
