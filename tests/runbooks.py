"""Runbooks as tests read them: their parts, and the commands in their blocks.

Each ``sh`` block is run by ``tests/e2e/test_runbooks_run.py``, one marked ``sh run`` as it stands, in others
ids and the like are examples. Of each line is looked up that there is such a command with its options, or
target of make.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import typer

from storecast.cli.app import app
from tests.needs import ROOT

__all__ = ["PARTS", "blocks", "check_line", "runbooks"]

PARTS = ["Symptom", "First look", "Commands", "Check", "Afterwards"]
_TARGETS = re.compile(r"^([a-z0-9-]+):.*## ", re.MULTILINE)


def runbooks() -> list[Path]:
    """All of them; the list itself is none."""
    return sorted(path for path in (ROOT / "docs" / "runbooks").rglob("*.md") if path.name != "README.md")


def blocks(path: Path) -> list[str]:
    """The commands of a runbook, block by block."""
    found = re.findall(
        r"^```sh( run)?\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return [text for _, text in found]


def check_line(line: str) -> None:
    """Raise where a line names a command, option or target that is not there."""
    words = shlex.split(line, comments=True)
    if words[:1] == ["storecast"] and words[1:] != ["--version"]:
        command: Any = typer.main.get_command(app)
        words = words[1:]
        while hasattr(command, "commands"):
            assert words[0] in command.commands, line
            command, words = command.commands[words[0]], words[1:]
        command.make_context("storecast", words)
    elif words[:1] == ["make"]:
        targets = _TARGETS.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
        assert [word for word in words[1:] if "=" not in word and word not in targets] == [], line
