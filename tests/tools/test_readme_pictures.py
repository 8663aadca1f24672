"""The pictures of the README come from a command that runs."""

from __future__ import annotations

from pathlib import Path

from storecast.forecasting.sample import SampleSpec
from tests.needs import ROOT
from tools import readme_pictures


def test_every_picture_is_drawn(tmp_path: Path) -> None:
    """The command draws pictures small enough to be kept; docs/pictures holds them all, README shows each."""
    made = readme_pictures.main(tmp_path / "pictures", SampleSpec(stores=3, weeks=130))
    kept = [ROOT / "docs" / "pictures" / path.name for path in made]
    shown = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in kept if f"(docs/pictures/{path.name})" not in shown] == []
    for path in (*made, *kept):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 200_000
