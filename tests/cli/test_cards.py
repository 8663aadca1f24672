"""``storecast models card``, and the same card from the service."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.cli.conftest import Served
from tests.service.conftest import running


def test_a_card_for_people_and_for_programs(served: Served, tmp_path: Path) -> None:
    """Of the champion without a number; as Markdown, as a file, as JSON; signed by the key of this home."""
    number = served.trained["version"]
    text = call("models", "card").out
    assert text.startswith(f"# Model card: storecast version {number}\n")
    assert "\n## When not to trust it\n- " in text
    out = tmp_path / "card.md"
    done = call("models", "card", number, "--out", out)
    assert (done.code, done.out, out.read_text()) == (0, f"Wrote {out}\n", text)
    found = call("models", "card", "--json").json()
    assert found["markdown"] == text
    facts = found["facts"]
    assert facts["signed_by"] == call("signing", "list", "--json").json()["signs"]
    assert (facts["digest"], facts["version"]) == (served.trained["digest"], number)
    assert facts["backtest"]["all"]["error"] == served.trained["backtest"]["all"]["wmae"]
    data = call("models", "card", "--data", "--json").json()
    assert data["facts"]["read"]["rows"] == served.trained["quality"]["rows"]
    assert data["facts"]["data_digest"] == facts["data_digest"]
    refused = call("models", "card", "--out", tmp_path / "card.exe")
    assert (refused.code, (tmp_path / "card.exe").exists()) == (1, False)
    assert call("models", "card", 99).code == 1


def test_the_service_tells_the_same(served: Served, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Section by section of what serves, but for what only the registry knows: when it was registered, and
    the moves of long ago."""
    shutil.copytree(served.home, home)
    monkeypatch.setenv("STORECAST_HOME", str(home))
    with running(home) as service:
        answer = service.client.get("/v1/models/card").json()
    for name, words in (("model", ()), ("data", ("--data",))):
        mine = call("models", "card", *words, "--json").json()
        assert answer[name]["title"] == mine["title"]
        own = {s["title"]: s["text"] for s in mine["sections"]}
        told = {s["title"]: s["text"] for s in answer[name]["sections"]}
        assert list(told) == list(own)
        differ = {title for title in own if own[title] != told[title]}
        assert differ <= {"How it was made", "Where it comes from, and when it served"}
    assert answer["model"]["facts"]["signed_by"] == call("signing", "list", "--json").json()["signs"]
