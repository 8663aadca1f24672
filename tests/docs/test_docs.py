"""What is written is true: paths, links, targets, contracts, versions."""

from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path

import pytest

from tests.needs import ROOT, system_packages

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RECORDS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
PATH = re.compile(r"`([^`]+)`")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _coverage() -> list[tuple[str, str, str]]:
    """(part, built in, planned for) of each row of the coverage page."""
    rows = [
        line.strip("|").split("|")
        for line in _text(ROOT / "docs" / "coverage.md").splitlines()
        if line[:1] == "|"
    ]
    return [(a.strip(), b.strip(), c.strip()) for a, b, c in rows if a.strip() not in ("part", "---")]


def _anchors(page: Path) -> set[str]:
    """The names by which the headings of a page are linked to."""
    headings = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("part", _coverage(), ids=lambda part: part[0])
def test_coverage_says_what_is_there(part: tuple[str, str, str]) -> None:
    """What is called built exists, what is called planned does not, and every part has a place."""
    _, built, planned = part
    assert PATH.findall(built) or PATH.findall(planned)
    assert [path for path in PATH.findall(built) if not (ROOT / path).exists()] == []
    assert [path for path in PATH.findall(planned) if (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_docs_lead_somewhere(page: Path) -> None:
    """Every relative link names a file, and its anchor a heading of that file."""
    links = re.findall(r"\]\((?!https?://|mailto:)([^)\s]+)\)", _text(page))
    for link in links:
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_every_make_target_is_in_the_contributing_page() -> None:
    """A target that is not described there, or a described one that is gone, fails."""
    targets = set(re.findall(r"^([a-z0-9-]+):.* ## ", _text(ROOT / "Makefile"), re.MULTILINE))
    described = set(re.findall(r"^\| `make ([a-z0-9-]+)` \|", _text(ROOT / "CONTRIBUTING.md"), re.MULTILINE))
    assert described == targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_command_of_the_docs_exists(page: Path) -> None:
    """Whoever copies `make something` from a page finds that target."""
    targets = set(re.findall(r"^([a-z0-9-]+):.* ## ", _text(ROOT / "Makefile"), re.MULTILINE))
    named = re.findall(r"(?:`|^)make ((?:[a-z][a-z0-9-]*(?=[ `\n]) ?)+)", _text(page), re.MULTILINE)
    assert {word for words in named for word in words.split()} <= targets


def test_decision_records_are_numbered_listed_and_whole() -> None:
    """Numbers run without a gap; each record is in the list and has its three parts."""
    assert [record.name[:4] for record in RECORDS] == [f"{n:04}" for n in range(1, len(RECORDS) + 1)]
    listed = _text(ROOT / "docs" / "decisions" / "README.md")
    for record in RECORDS:
        text = _text(record)
        assert f"({record.name})" in listed
        assert text.startswith(f"# {record.name[:4]} · ")
        for heading in ("\n## Context\n", "\n## Decision", "\n## Rejected\n"):
            assert heading in text, record.name


def test_every_dependency_is_argued_for() -> None:
    """A package that is installed for users stands in the record of dependencies, and no other does."""
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    needed = {re.split(r"[<>=~! \[]", line)[0] for line in (*project["dependencies"], *extras)}
    table = re.findall(
        r"^\| ([a-z][^|]*) \|", _text(ROOT / "docs/decisions/0003-dependencies.md"), re.MULTILINE
    )
    assert {name for row in table for name in row.split(", ")} - {"package"} == needed


def test_the_version_is_in_the_changelog() -> None:
    """A release says what changed in it; the newest entry is the version of the project."""
    version = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]["version"]
    newest = re.search(r"^## (\S+)", _text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


def test_the_architecture_page_names_every_ring() -> None:
    """The drawing and the contracts speak of the same rings."""
    contracts = configparser.ConfigParser()
    contracts.read_string(_text(ROOT / ".importlinter"))
    rings = re.findall(r"\w+", contracts["importlinter:contract:rings"]["layers"])
    page = _text(ROOT / "docs" / "architecture.md")
    assert [ring for ring in rings if not re.search(rf"\b{ring}\b", page)] == []


def test_the_supported_pythons_agree() -> None:
    """The project, the check before the setup and the finder mean the same Pythons."""
    from tools.preflight import NEWEST, OLDEST

    requires = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]["requires-python"]
    assert requires == f">={OLDEST[0]}.{OLDEST[1]},<{NEWEST[0]}.{NEWEST[1] + 1}"
    finder = _text(ROOT / "tools" / "find-python")
    assert f"{OLDEST} <= sys.version_info[:2] < {(NEWEST[0], NEWEST[1] + 1)}" in finder
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        assert f"python3.{minor}" in _text(ROOT / "Makefile")


def test_system_packages_are_named_by_the_check_before_the_setup() -> None:
    """What the build server installs for the setup is what a person without it is told to install."""
    from tools.preflight import INSTALL

    told = " ".join(commands["apt"] for commands in INSTALL.values())
    for name in ("python3-venv", "libgomp1"):
        assert name in system_packages()
        assert name in told


def test_the_licence_is_the_one_that_is_declared() -> None:
    """The full text of the licence lies in the root."""
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]
    licence = _text(ROOT / "LICENSE")
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
