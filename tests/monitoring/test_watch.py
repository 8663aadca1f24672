"""What the tests with a real Prometheus change of the repository's rules: waits, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.monitoring.watch import hastened
from tests.needs import ROOT

MONITORING = ROOT / "monitoring"
WINDOW = re.compile(r"\[\w+\]")
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "ms": 0.001}


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", text).groups()  # type: ignore[union-attr]
    return int(number) * SECONDS[unit]


def leaves(thing: Any, path: str = "") -> dict[str, Any]:
    if isinstance(thing, dict):
        return {k: v for name in thing for k, v in leaves(thing[name], f"{path}/{name}").items()}
    if isinstance(thing, list):
        return {k: v for i, one in enumerate(thing) for k, v in leaves(one, f"{path}/{i}").items()}
    return {path: thing}


@pytest.mark.parametrize(
    "path",
    [*(MONITORING / "prometheus" / "rules").glob("*.yml"), MONITORING / "alertmanager" / "alertmanager.yml"],
    ids=lambda path: path.stem,
)
def test_a_minute_becomes_a_second_and_nothing_else_changes(path: Any) -> None:
    """Every wait and window is 60 times shorter; names, conditions, limits, words and routes are the same."""
    before, after = (leaves(yaml.safe_load(text)) for text in (path.read_text(), hastened(path.read_text())))
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed
    for name in before:
        if name.endswith(("/for", "_wait", "_interval")):
            assert seconds(after[name]) == pytest.approx(seconds(before[name]) / 60, abs=1e-3)
        elif name in changed:
            assert name.endswith("/expr")
            assert WINDOW.sub("", after[name]) == WINDOW.sub("", before[name])
            pairs = zip(WINDOW.findall(before[name]), WINDOW.findall(after[name]), strict=True)
            assert all(seconds(new[1:-1]) == seconds(old[1:-1]) / 60 for old, new in pairs)
        if name.endswith("/expr"):
            assert WINDOW.findall(before[name]) == [] or name in changed
