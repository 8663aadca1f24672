"""Trials and what served when, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.jobs.worlds import noisy, write


def test_from_a_challenger_to_the_champion(home: Path, tmp_path: Path) -> None:
    """Trained on four weeks more beside what serves: compared in shadow, a share, another share, promoted;
    and the day's record shows each step with who and why."""
    now = write(tmp_path / "now.csv", noisy(150, 12)[:140])
    later = write(tmp_path / "later.csv", noisy(150, 12)[:144])
    assert call("train", now, "--model", "aligned").code == 0
    assert call("train", later, "--model", "aligned", "--no-promote").code == 0
    shadow = call("models", "shadow", 2)
    assert shadow.code == 0, shadow.err
    assert "12 series and 48 weeks that both forecast" in shadow.out
    assert "Version 2 answers unseen beside version 1." in shadow.out
    begun = call("models", "canary", 2, "--share", 0.25, "--why", "looked well", "--json").json()
    assert (begun["trial"]["kind"], begun["trial"]["share"], begun["moves"]["reasons"]) == (
        "canary",
        0.25,
        [],
    )
    assert "Version 1 answers alone again." in call("models", "canary", "--stop", "--why", "questions").out
    refused = call("models", "canary", "--stop", "--why", "questions")
    assert (refused.code, "no challenger is on trial" in refused.err) == (1, True)
    assert call("models", "canary", 2, "--why", "answered").code == 0
    done = call("models", "canary", "--promote", "--why", "no breach")
    assert done.out == "Champion is version 2; before: 1.\n"
    today = datetime.now(UTC).date().isoformat()
    told = call("models", "served", "--on", today, "--series", 3, "--json").json()["served"]
    assert [(s["version"], s["challenger"], s["share"], s["kind"]) for s in told] == [
        (1, None, 0.0, "promote"),
        (1, 2, 0.0, "shadow"),
        (1, 2, 0.25, "canary"),
        (1, None, 0.0, "canary-stopped"),
        (1, 2, 0.1, "canary"),
        (2, None, 0.0, "promote"),
    ]
    assert [s["why"] for s in told[2:4]] == ["looked well", "questions"]
    assert {s["answered"] for s in told} <= {1, 2}
    assert "canary-stopped" in call("models", "served", "--on", today).out
    assert "Nothing served on 2011-01-01" in call("models", "served", "--on", "2011-01-01").out
    assert call("models", "served", "--on", "monday").code == 1


@pytest.mark.parametrize("given", [(), (2, "--stop"), ("--stop", "--promote")])
def test_a_canary_is_begun_or_ended(home: Path, given: tuple[object, ...]) -> None:
    """Not both, and not neither."""
    assert call("models", "canary", *given, "--why", "x").code == 2
