"""What `make setup-ci` asks of the package manager."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.needs import ROOT, system_packages

TOOLS = {
    "dpkg-query": 'case " $PRESENT " in *" $3 "*) printf "install ok installed" ;; *) exit 1 ;; esac',
    "apt-get": 'echo "apt-get $*" >> "$NOTES"; test "$1" != "$FAILING"',
    "sudo": 'echo "sudo" >> "$NOTES"; shift; exec "$@"',
    "id": 'echo "$USER_ID"',
}


def install(
    folder: Path, *, present: str = "", user: int = 0, failing: str = "", without: tuple[str, ...] = ()
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the installer where the tools above stand for the system's; (process, notes of the tools)."""
    for name, body in TOOLS.items():
        if name not in without:
            (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
            (folder / name).chmod(0o755)
    for name in ("sed", "awk", "dirname", "env"):
        (folder / name).symlink_to(Path("/usr/bin") / name)
    notes = folder / "notes"
    values = {
        "PRESENT": present,
        "USER_ID": str(user),
        "FAILING": failing,
        "NOTES": str(notes),
        "PATH": str(folder),
    }
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "install-system-packages")],
        env=values,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done, notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []


@pytest.fixture(autouse=True)
def _plain_tools() -> None:
    if not os.path.exists("/usr/bin/awk"):
        pytest.skip("needs /usr/bin/awk, as Debian has it")


def test_nothing_is_asked_where_all_is_there(tmp_path: Path) -> None:
    """A second run needs neither network nor root."""
    done, notes = install(tmp_path, present=" ".join(system_packages()), user=1000)
    assert (done.returncode, notes) == (0, [])


def test_only_what_is_missing_is_installed_after_one_update(tmp_path: Path) -> None:
    """One update of the lists, one installation, no question asked."""
    there = [name for name in system_packages() if name != "libgomp1"]
    done, notes = install(tmp_path, present=" ".join(there))
    assert done.returncode == 0
    assert [note.split()[1] for note in notes] == ["update", "install"]
    assert " -y " in notes[1]
    assert notes[1].endswith(" libgomp1")


def test_a_user_goes_through_sudo(tmp_path: Path) -> None:
    """Both calls are made as root; without sudo the script says so."""
    _, notes = install(tmp_path, user=1000)
    assert notes[0::2] == ["sudo", "sudo"]
    (tmp_path / "bare").mkdir()
    done, notes = install(tmp_path / "bare", user=1000, without=("sudo",))
    assert done.returncode == 1
    assert notes == []
    assert "needs root" in done.stderr


def test_a_failing_update_is_not_hidden(tmp_path: Path) -> None:
    """Nothing is installed from lists that could not be read."""
    done, notes = install(tmp_path, failing="update")
    assert done.returncode != 0
    assert len(notes) == 1


def test_a_system_without_apt_is_told_what_is_missing(tmp_path: Path) -> None:
    """Other distributions install the same things under their own names."""
    done, _ = install(tmp_path, without=("apt-get",))
    assert done.returncode == 1
    assert "libgomp1" in done.stderr
