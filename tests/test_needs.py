"""What tests do where the machine lacks something."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.needs import require, system_packages

PACKAGE = "libgomp1"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_SERVERS", raising=False)


def test_a_program_that_is_there_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    """A present program is returned as its path."""
    library = tmp_path / "library.so"
    library.touch()
    assert require("sh", PACKAGE).name == "sh"
    assert require(library, PACKAGE) == library


def test_a_missing_program_skips_and_names_its_package() -> None:
    """Whoever reads the skip knows what to install."""
    with pytest.raises(pytest.skip.Exception, match=f"apt-get install {PACKAGE}"):
        require("no-such-program", PACKAGE)


def test_a_missing_program_fails_where_all_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a build server nothing is left out silently."""
    monkeypatch.setenv("REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match=PACKAGE):
        require("no-such-program", PACKAGE)


def test_a_package_that_no_build_server_installs_is_an_error() -> None:
    """A skip can only name a package of the one list."""
    with pytest.raises(LookupError, match=r"system-packages\.txt"):
        require("sh", "no-such-package")


def test_every_package_says_what_needs_it() -> None:
    """The list of system packages carries its reasons."""
    assert PACKAGE in system_packages()
    assert all(len(why) > 10 for why in system_packages().values())


def test_no_test_writes_into_the_home_of_the_user() -> None:
    """STORECAST_HOME is a temporary folder in every test."""
    assert "storecast-home" in os.environ["STORECAST_HOME"]
