"""No secret lies in the repository: every file that git knows is looked through."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.needs import ROOT

_B = r"(?<![A-Za-z0-9])"
_MIXED = r"""(?=[^"'@\s/]*\d)(?=[^"'@\s/]*[A-Za-z])"""  # letters and digits: no word that an example uses
PATTERNS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}"),
    "an access key of AWS": re.compile(_B + r"(?:AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[A-Z0-9]{16}(?![A-Z0-9])"),
    "an API key of Storecast": re.compile(_B + r"sc_[0-9a-f]{12}_[A-Za-z0-9_-]{30,}"),
    "a token of a code host": re.compile(_B + r"(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20})"),
    "a token of a chat": re.compile(_B + r"xox[abprs]-[A-Za-z0-9-]{12,}"),
    "a secret key of AWS": re.compile(r"(?i)aws_secret_access_key\W{1,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"),
    "a password in an address": re.compile(rf"://[\w.-]*:{_MIXED}[A-Za-z0-9_+/=.~-]{{12,}}@"),
    "a password in quotes": re.compile(
        rf"""(?i)(?:passw(?:or)?d|secret|token|api_?key)["']?\s*[:=]\s*["']{_MIXED}(?!0123456789abcdef)"""
        r"""[A-Za-z0-9+/_=!#&^-]{16,}["']"""
    ),
    "a signed token": re.compile(_B + r"eyJ[A-Za-z0-9_-]{12,}\.eyJ[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{12,}"),
}
PLANTED = {
    "a private key": "-----BEGIN EC PRIVATE " + "KEY-----\nMHcCAQEEIDx0000000000000000",
    "an access key of AWS": "key = AKI" + "A0123456789ABCDEF",
    "an API key of Storecast": "sc" + "_0123456789ab_" + "x" * 40,
    "a token of a code host": "gh" + "p_" + "a" * 36,
    "a token of a chat": "xox" + "b-123456789012-abc",
    "a secret key of AWS": "aws_secret_" + "access_key = " + "aB3/" * 10,
    "a password in an address": "postgresql" + "://storecast:" + "k3J9xW2pQ7vT@db/log",
    "a password in quotes": "pass" + 'word = "k3J9xW2pQ7vTz81m"',
    "a signed token": "ey" + "J" + "a" * 12 + ".ey" + "J" + "b" * 12 + "." + "c" * 12,
}


def found_in(path: Path) -> list[str]:
    """What secrets a file seems to hold."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    return [what for what, pattern in PATTERNS.items() if pattern.search(text)]


def test_no_secret_is_committed() -> None:
    """In no file of the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone: git does not list its files")
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    assert len(files) > 100
    assert {str(path): found for path in files if path.is_file() and (found := found_in(path))} == {}


@pytest.mark.parametrize("what", PATTERNS)
def test_a_planted_secret_is_found(tmp_path: Path, what: str) -> None:
    """Each pattern bites."""
    (tmp_path / "notes.txt").write_text(f"remember\n{PLANTED[what]}\n")
    assert found_in(tmp_path / "notes.txt") == [what]
