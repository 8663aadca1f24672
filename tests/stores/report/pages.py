"""Runs to report on, and a page read back by nothing but the standard library's parser."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from storecast.forecasting.backtest import backtest, rolling_cutoffs
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.promotion import BacktestArrays, GateReport, judge, segment_labels, serve_naive
from storecast.forecasting.quality import Finding, QualityReport
from storecast.forecasting.scores import BUCKETS
from storecast.ports import RunReport
from storecast.stores.report import HtmlReport

__all__ = ["Element", "Page", "make_run", "page_of", "read_page", "rename", "sums_of", "with_gate"]

_VOID = {"meta", "img", "br", "source", "link", "input", "hr"}


def make_run(
    frame: pd.DataFrame,
    *,
    model: str = "aligned",
    horizon: int = 26,
    windows: int = 2,
    step: int = 13,
    test_horizon: int = 13,
    levels: tuple[float, ...] = (80.0, 95.0),
    findings: Sequence[Finding] = (),
    unit: str = "$",
    source: str = "sales.csv",
    files: Mapping[str, str] | None = None,
) -> RunReport:
    """A run as ``storecast run`` makes it, with a real fit, back-test and gate; 0 windows: no back-test."""
    panel = Panel.from_frame(frame)
    result = None
    gate = serve_naive("The history is too short to judge a model.", "seasonal-naive")
    if windows:
        cutoffs = rolling_cutoffs(panel.weeks, test_horizon, windows, step)
        config = ForecasterConfig(model=model, horizon=test_horizon)
        result = backtest(panel, config, cutoffs, US_RETAIL, levels=levels)
        rows = result.rows
        h, weight, y = (rows[name].to_numpy() for name in ("h", "weight", "y"))
        naives = {name: rows[name].to_numpy() for name in ("seasonal-naive", "naive-growth")}
        labels = segment_labels(h, weight, y, buckets=BUCKETS)
        dates = rows["ds"].to_numpy(), rows["cutoff"].to_numpy()
        arrays = BacktestArrays(y, weight, rows["storecast"].to_numpy(), naives, *dates, h, labels)
        gate = judge(arrays, model=model, draws=200, unit=unit)
    forecaster = Forecaster.fit(panel, ForecasterConfig(model=gate.serves, horizon=horizon))
    return RunReport(
        name="storecast",
        created="2012-11-05T06:00:00+00:00",
        source=source,
        unit=unit,
        quality=QualityReport.of(frame, findings),
        panel=panel,
        calendar=US_RETAIL,
        forecaster=forecaster,
        backtest=result,
        gate=gate,
        version=3,
        files=files or {},
    )


def with_gate(report: RunReport, gate: GateReport) -> RunReport:
    """The same run where the gate decided so, and what it says serves does."""
    forecaster = Forecaster.fit(report.panel, replace(report.forecaster.config, model=gate.serves))
    return replace(report, gate=gate, forecaster=forecaster)


def rename(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """The panel with other keys for some of its stores."""
    keys = frame["unique_id"].map(lambda key: names.get(key, key))
    return frame.assign(unique_id=keys, store=keys)


@dataclass
class Element:
    """One element of a page: its tag, attributes, and what is in it, texts and elements in order."""

    tag: str
    attributes: dict[str, str]
    content: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it, blanks made one."""
        parts = [part if isinstance(part, str) else part.text for part in self.content]
        return re.sub(r"\s+", " ", "".join(parts)).strip()

    def all(self, *tags: str) -> list[Element]:
        """Every element in it with one of ``tags`` (any without), in order."""
        out: list[Element] = []
        for part in self.content:
            if isinstance(part, Element):
                if not tags or part.tag in tags:
                    out.append(part)
                out += part.all(*tags)
        return out


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].content.append(element)
        if tag not in _VOID and not self.get_starttag_text().rstrip().endswith("/>"):  # type: ignore[union-attr]
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)


@dataclass(frozen=True)
class Page:
    """A page read back: its bytes, its elements."""

    content: bytes
    root: Element

    @property
    def text(self) -> str:
        """What a reader sees or a screen reader says, without the style."""
        return next(e for e in self.root.all("body")).text

    def table(self, title: str) -> list[dict[str, str]]:
        """The table whose caption begins with ``title``, as rows of heading -> text."""
        for table in self.root.all("table"):
            if table.all("caption")[0].text.startswith(title):
                heads = [th.text for th in table.all("thead")[0].all("th")]
                body = table.all("tbody")[0].all("tr")
                cells = [[cell.text for cell in row.all("th", "td")] for row in body]
                for row in cells:
                    assert len(row) == len(heads)
                # A repeated heading keeps its first column's place by a number.
                names = [
                    f"{h} {heads[:i].count(h) + 1}" if h in heads[:i] else h for i, h in enumerate(heads)
                ]
                return [dict(zip(names, row, strict=True)) for row in cells]
        raise AssertionError(f"no table {title!r}")

    def drawings(self) -> list[str]:
        """The SVG source of every embedded picture."""
        found = []
        for element in self.root.all("img", "source"):
            address = element.attributes.get("src") or element.attributes["srcset"]
            kind, data = address.split(",", 1)
            assert kind == "data:image/svg+xml;base64"
            found.append(base64.b64decode(data, validate=True).decode())
        return found


def read_page(content: bytes) -> Page:
    """Parse a page; its elements must nest and close."""
    reader = _Reader()
    reader.feed(content.decode("utf-8"))
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].tag}> is never closed"
    return Page(content, reader.open[0])


def page_of(report: RunReport, folder: Path) -> Page:
    """The page of ``report``, written into ``folder`` and read back."""
    path = folder / "report.html"
    HtmlReport().write(report, str(path))
    return read_page(path.read_bytes())


def sums_of(frame: pd.DataFrame) -> dict[tuple[str, np.datetime64], float]:
    """(key, week) -> sales, from the long frame."""
    days = frame["ds"].to_numpy(dtype="datetime64[D]")
    return {(str(k), d): float(y) for k, d, y in zip(frame["unique_id"], days, frame["y"], strict=True)}
