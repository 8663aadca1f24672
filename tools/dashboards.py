"""Make Grafana's dashboards, and the alert rules for Kubernetes: ``make dashboards``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

from tools.panels import DASHBOARDS, Panel, Row

__all__ = ["made", "main"]

_ROOT = Path(__file__).resolve().parent.parent
_SOURCE = DataSourceRef(
    type_val="prometheus", uid="prometheus"
)  # as monitoring/grafana/provisioning names it
_WIDTH = 24  # of Grafana's grid
_RULES = "monitoring/prometheus/rules"
_HEAD = "# Made of monitoring/prometheus/rules by `make dashboards`: change them there.\n"


def _colours(drawn: stat.Panel, panel: Panel) -> None:
    """Green, yellow and red from where the panel says, and words instead of 0 and 1."""
    limits = [
        (limit, colour) for limit, colour in ((panel.warn, "yellow"), (panel.bad, "red")) if limit is not None
    ]
    if panel.falling:  # the worst first: each colour reaches up to the next limit
        colours = [colour for _, colour in reversed(limits)] + ["green"]
        steps = [Threshold(None, colours[0])]
        steps += [Threshold(limit, c) for (limit, _), c in zip(reversed(limits), colours[1:], strict=True)]
    else:
        steps = [Threshold(None, "green" if limits else "text"), *(Threshold(at, c) for at, c in limits)]
    drawn.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    if panel.says is not None:
        words = {str(value): ValueMappingResult(text=text) for value, text in enumerate(panel.says)}
        drawn.mappings([ValueMap(options=words)])


def _panel(panel: Panel, row: Row) -> stat.Panel | timeseries.Panel:
    drawn = stat.Panel() if panel.single else timeseries.Panel()
    drawn.title(panel.title).description(panel.description).datasource(_SOURCE).unit(panel.unit)
    if isinstance(drawn, stat.Panel):
        _colours(drawn, panel)
    drawn.height(4 if panel.single else 8).span(_WIDTH // len(row.panels)).no_value("unknown")
    for i, (query, legend) in enumerate(panel.queries):
        ask = prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + i))
        drawn.with_target(ask.instant() if panel.single else ask.range())
    return drawn


def _dashboard(uid: str, title: str, rows: tuple[Row, ...]) -> str:
    board = dashboard.Dashboard(title).uid(uid).tags(["storecast"]).readonly().timezone("utc")
    board.refresh("30s").time("now-6h" if uid == "storecast-service" else "now-7d", "now")
    for row in rows:
        board.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            board.with_panel(_panel(panel, row))
    return json.dumps(board.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _kubernetes() -> str:
    """The groups of all rule files as one object of the Prometheus operator."""
    paths = sorted((_ROOT / _RULES).glob("*.yml"))
    groups = [group for path in paths for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    thing: dict[str, Any] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "storecast"},
        "spec": {"groups": groups},
    }
    text: str = yaml.safe_dump(thing, sort_keys=False, width=110)
    return _HEAD + text


def made() -> dict[str, str]:
    """Path below the root -> content of each file that is made."""
    out = {"deploy/kubernetes/base/monitoring/prometheusrule.yaml": _kubernetes()}
    for name, (title, rows) in DASHBOARDS.items():
        out[f"monitoring/grafana/dashboards/{name}.json"] = _dashboard(f"storecast-{name}", title, rows)
    return out


def main() -> None:
    """Write them."""
    for name, text in made().items():
        (_ROOT / name).write_text(text, encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
