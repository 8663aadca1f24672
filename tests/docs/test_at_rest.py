"""What docs/operations/at-rest.md says is set somewhere stands there."""

from __future__ import annotations

import re

import pytest

from tests.needs import ROOT

PAGE = (ROOT / "docs" / "operations" / "at-rest.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| what |"))
]
_KEEPS = r"^\s+(\w*kms\w*key\w*|sse_algorithm|encryption_type)\s*="
TOLD = [(row[0], row[2]) for row in ROWS if len(row) == 3 and row[2].rstrip("|").strip()]


@pytest.mark.parametrize(("what", "where"), TOLD, ids=[what for what, _ in TOLD])
def test_what_is_encrypted_is_set_where_it_is_said(what: str, where: str) -> None:
    """Each setting is in the file that is named before it, however many blanks it has."""
    path, *settings = re.findall(r"`([^`]+)`", where)
    text = " ".join((ROOT / path).read_text(encoding="utf-8").split())
    assert settings
    assert [setting for setting in settings if setting not in text] == []


def test_what_nobody_encrypts_is_said() -> None:
    """A row without a setting names in bold who must see to it, or says that it is in the clear."""
    silent = [row for row in ROWS if len(row) < 3 or not row[2].rstrip("|").strip()]
    assert len(silent) >= 4
    assert [row for row in silent if "**" not in row[1] and "in the clear" not in row[1]] == []


def test_every_place_of_terraform_that_keeps_something_is_told() -> None:
    """Each module that names a key for what it keeps, or a way to encrypt it, is on the page."""
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "deploy" / "terraform").rglob("main.tf")
        if "examples" not in path.parts and re.search(_KEEPS, path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {path for path in modules if path not in PAGE} <= {"deploy/terraform/infrastructure/main.tf"}
