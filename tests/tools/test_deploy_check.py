"""`make deploy-check`: what it says of a check that passed, failed, or could not be run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.deploy import check, jenkins, kubernetes, outcome, terraform
from tools.deploy.outcome import Outcome, absent


def _parts(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome) -> None:
    def some() -> Iterator[Outcome]:
        yield from outcomes

    monkeypatch.setattr(check, "PARTS", {"some": some})


def test_each_check_is_a_line_and_a_failure_shows_its_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What passed is one line; what failed is shown, and is the exit status; what was left out is said."""
    _parts(
        monkeypatch,
        Outcome("a", "passed"),
        Outcome("b", "skipped", "needs c"),
        Outcome("d", "nothing", "no e"),
    )
    assert check.main([]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "a: passed",
        "b: SKIPPED: needs c",
        "d: nothing: no e",
    ]
    _parts(monkeypatch, Outcome("a", "failed", "line 3: open to all"), Outcome("b", "passed"))
    assert check.main(["some"]) == 1
    shown = capsys.readouterr().out
    assert "a: FAILED\n  | line 3: open to all\nb: passed\n" in shown
    assert shown.endswith("1 failed\n")


def test_an_unknown_part_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of the pen does not pass for a successful check."""
    assert check.main(["teraform"]) == 2
    assert "terraform" in capsys.readouterr().err


@pytest.mark.parametrize(("everything", "result"), [("", "skipped"), ("1", "failed")])
def test_a_missing_program_that_the_project_brings_fails_a_build(
    monkeypatch: pytest.MonkeyPatch, everything: str, result: str
) -> None:
    """A person may go without; a build server may not, unless no installation of ours brings the program."""
    monkeypatch.setenv("REQUIRE_SERVERS", everything)
    missing = absent("lint", "no-such-program", "make setup-deploy", installable=True)
    assert missing is not None
    assert (missing.result, missing.detail) == (result, "needs no-such-program: make setup-deploy")
    elsewhere = absent("lint", "no-such-program", "install it", installable=False)
    assert elsewhere is not None
    assert elsewhere.result == "skipped"
    assert absent("lint", "sh", "install it", installable=True) is None


def test_a_tree_without_a_part_has_nothing_to_check(tmp_path: Path) -> None:
    """What is not there is said to be not there, never passed."""
    for part in (terraform, kubernetes, jenkins):
        assert [outcome.result for outcome in part.checks(tmp_path)] == ["nothing"]


def test_the_status_of_a_program_is_the_outcome() -> None:
    """Output is kept for a failure alone; both streams of it."""
    assert outcome.passed("ok", outcome.run(["sh", "-c", "echo fine"])) == Outcome("ok", "passed")
    failed = outcome.passed("no", outcome.run(["sh", "-c", "echo one; echo two >&2; exit 3"]))
    assert failed == Outcome("no", "failed", "one\ntwo")
