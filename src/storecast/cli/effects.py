"""What matters in a model, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storecast.cli.output import money, percent, screen, table

if TYPE_CHECKING:
    from storecast.forecasting.drivers import Effects

__all__ = ["show_effects"]

_SHOWN = 12  # inputs of trees


def show_effects(found: Effects, unit: str) -> None:
    """Two tables: dollars and share by step and weeks ahead; what the trees' inputs earned."""
    spans = list(dict.fromkeys(step.weeks for step in found.steps))
    names = [f"weeks {a} to {b}" if (a, b) != spans[0] else f"all {b} weeks" for a, b in spans]
    rows: dict[str, list[str]] = {}
    for step in found.steps:
        cells = rows.setdefault(step.title, [step.title])
        cells.append(f"{money(step.dollars, unit)} ({percent(step.share)})")
    title = f"What matters: a week's dollars that each step changes, mean size over {found.series:,} series"
    table(f"{title} (share of the forecast)", ["step", *dict.fromkeys(names)], list(rows.values()))
    if not found.tree_inputs or not found.tree_weight:
        screen.print("No trees correct its forecasts.")
        return
    earned = [[item.title, item.name, percent(item.share)] for item in found.tree_inputs[:_SHOWN]]
    more = len(found.tree_inputs) - len(earned)
    rest = f" ({_SHOWN} of {len(found.tree_inputs)}; all with --json)" if more > 0 else ""
    table(
        f"Its trees: {percent(found.tree_weight)} of what they say is applied; what each input earned{rest}",
        ["input", "name", "share"],
        earned,
    )
