"""docs/model-card.md and docs/data-card.md come from a command that runs, and are what it makes."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from tests.needs import ROOT
from tools import cards

_OF_THE_RUN = re.compile(
    r"`[0-9a-f]{12,64}`|\d{4}-\d\d-\d\dT[\d:+]+"  # digests, keys and times
)
_NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def _outline(text: str) -> tuple[list[str], set[str]]:
    """Headings in their order, and heads of tables."""
    lines = text.splitlines()
    heads = {lines[i - 1] for i, line in enumerate(lines) if re.match(r"\| -", line)}
    return [line for line in lines if line.startswith("#")], heads


def test_the_command_makes_both_cards(tmp_path: Path) -> None:
    """Of a smaller sample: the headings of the pages that are kept, in their order, and tables that those
    have too."""
    for path in cards.main(tmp_path, ["--stores", "3", "--weeks", "130"]):
        kept, kept_heads = _outline((ROOT / "docs" / path.name).read_text("utf-8"))
        made, heads = _outline(path.read_text("utf-8"))
        assert made == kept
        assert heads <= kept_heads
        assert len(made) > 5
        assert len(heads) > 1


@pytest.mark.e2e
def test_the_pages_are_up_to_date(tmp_path: Path) -> None:
    """Made anew, they say the same but for digests and times; figures agree to a thousandth, since another
    processor may round elsewhere."""
    for path in cards.main(tmp_path):
        old, new = (_OF_THE_RUN.sub("", p.read_text("utf-8")) for p in (ROOT / "docs" / path.name, path))
        assert _NUMBER.sub("", new) == _NUMBER.sub("", old), "run make cards"
        pairs = zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=True)
        numbers = [[float(n.replace(",", "").rstrip(".")) for n in pair] for pair in pairs]
        assert all(math.isclose(a, b, rel_tol=1e-3, abs_tol=0.11) for a, b in numbers), "run make cards"
