"""Runbooks: each has its parts, is in the list, and names commands that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.needs import ROOT
from tests.runbooks import PARTS, blocks, check_line, runbooks


@pytest.mark.parametrize("path", runbooks(), ids=lambda path: path.stem)
def test_a_runbook_is_whole(path: Path) -> None:
    """Five parts in one order, in the list, and short."""
    text = path.read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == PARTS
    assert f"]({path.relative_to(ROOT / 'docs' / 'runbooks')})" in (
        ROOT / "docs" / "runbooks" / "README.md"
    ).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 90


@pytest.mark.parametrize("path", runbooks(), ids=lambda path: path.stem)
def test_its_commands_exist(path: Path) -> None:
    """With their options, and targets of make."""
    lines = [line for text in blocks(path) for line in text.splitlines()]
    assert lines
    for line in lines:
        check_line(line)


@pytest.mark.parametrize("line", ["storecast oracle", "storecast backup create --oracle", "make oracle"])
def test_a_command_that_is_none_is_noticed(line: str) -> None:
    """The check can fail."""
    with pytest.raises(Exception, match=r"oracle|No such option"):
        check_line(line)
