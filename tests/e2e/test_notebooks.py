"""The notebooks run from top to bottom, and are kept without what they printed."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.needs import ROOT

pytestmark = pytest.mark.e2e

BOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, home: Path) -> None:
    """Every cell ends without an error, in a folder that holds nothing."""
    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = [cell for cell in book.cells if cell.cell_type == "code" and cell.outputs]
    assert printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_clean(path: Path) -> None:
    """No outputs, no counts, and no path of anybody's machine."""
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    text = path.read_text(encoding="utf-8")
    assert [word for word in ("/home/", "/Users/", "/root/", "/work/", "/tmp/") if word in text] == []
