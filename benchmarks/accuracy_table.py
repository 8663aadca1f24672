"""The accuracy figures as text for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.tables import facts, markdown_table

__all__ = ["accuracy_text"]

_NONE = "-"
_ERROR = """## Error

WMAE (holiday weeks weigh 5), lower is better: dollars at store level, the ratio to the seasonal naive's at
department level; the mean over the cutoffs. All methods are scored on the same rows, those of the series that
had sales by the cutoff."""
_BANDS = """## Bands

How many percent of the actuals the 80 and the 95 % bands cover, and the mean width of the 80 % bands in
thousands of dollars. A method without a row gives no bands for so short a history."""
_LOSERS = """## Series that lose

How many series are more than 5 % worse than the better of both naives on that series."""
_SECONDS = """## CPU seconds

Fitting and forecasting on one thread. The rivals' without imports and reading; ours is the whole command with
start, reading, bands, scoring and writing."""


def _error(result: Mapping[str, Any], level: str) -> str:
    return f"{result['ratio']:.3f}" if level == "dept" else f"{result['wmae']:,.0f}"


def _band(result: Mapping[str, Any]) -> str:
    bands = result["bands"]
    if not bands:
        return _NONE
    covered = " / ".join(f"{bands[level]['coverage']:.0f}" for level in sorted(bands))
    return f"{covered} ({bands[80]['width'] / 1000:,.1f}k)"


def _seconds(result: Mapping[str, Any]) -> str:
    return _NONE if result["seconds"] is None else f"{result['seconds']:,.1f}"


def accuracy_text(figures: Mapping[str, Any]) -> str:
    """Four tables and how to read them, from the figures that ``accuracy.run`` gathers."""
    splits, rivals = figures["splits"], figures["rivals"]

    def table(cell: Callable[[Mapping[str, Any], str], str]) -> str:
        rows = []
        for method, by in figures["results"].items():
            cells = [
                cell(by[name], split["level"]) if name in by else _NONE for name, split in splits.items()
            ]
            if set(cells) != {_NONE}:
                rows.append([method, *cells])
        return markdown_table(["method", *splits], rows)

    windows = [
        f"- **{name}**: {split['about']} (after {', '.join(map(str, split['known']))} weeks, "
        f"{split['horizon']} ahead)"
        for name, split in splits.items()
    ]
    data = "; ".join(f"{level} level: {label}" for level, label in figures["data"].items())
    parts = [
        "# Accuracy",
        facts(figures["date"], figures["machine"], figures["versions"]),
        data[0].upper() + data[1:] + ".",
        "\n".join(windows),
        _ERROR,
        table(_error),
        _BANDS,
        table(lambda result, _: _band(result)),
        _LOSERS,
        table(lambda result, _: str(result["losers"])),
        _SECONDS,
        table(lambda result, _: _seconds(result)),
    ]
    if rivals["settings"]:
        versions = ", ".join(f"{name} {number}" for name, number in rivals["versions"].items())
        settings = "\n".join(f"- {name}: {text}" for name, text in rivals["settings"].items())
        parts += [f"## Rivals\n\nIn an environment of their own: {versions}.", settings]
    if figures["left_out"]:
        left_out = ", ".join(f"{method} on {split}" for method, split in figures["left_out"])
        parts.append(f"Left out as too slow for thousands of series (`--slow` runs them): {left_out}.")
    stood_in = [
        f"{method} on {name} {result['stood_in']:.1f} %"
        for method, by in figures["results"].items()
        for name, result in by.items()
        if result["stood_in"]
    ]
    if stood_in:
        parts.append(
            "For rows without an answer (the series is too young for the method) the seasonal naive "
            f"stands in: {', '.join(stood_in)}."
        )
    return "\n\n".join(parts)
