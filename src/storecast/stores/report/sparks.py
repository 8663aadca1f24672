"""Small pictures of one series each, drawn straight as SVG: coloured by the page, thousands of them cheap."""

from __future__ import annotations

import math

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from storecast.stores.report.figures import Lines

__all__ = ["spark", "tile"]

Float = NDArray[np.float64]


class _Frame:
    """Maps weeks and dollars to a ``width`` x ``height`` box with ``pad`` around it."""

    def __init__(self, count: int, values: list[Float], width: float, height: float, pad: float) -> None:
        known = np.concatenate([v[np.isfinite(v)] for v in values] or [np.zeros(1)])
        self.low, self.high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        self.x = pad + np.arange(count) * (width - 2 * pad) / max(count - 1, 1)
        self.width, self.height, self.pad = width, height, pad

    def y(self, values: Float) -> Float:
        """Heights of ``values``; a flat series runs through the middle."""
        span = self.high - self.low
        if span <= 0:
            return np.where(np.isfinite(values), self.height / 2, np.nan)
        scaled: Float = self.pad + (self.high - values) / span * (self.height - 2 * self.pad)
        return scaled

    def path(self, start: int, values: Float) -> str:
        """A line's path data, broken where weeks are missing; a week alone is a dot."""
        out, drawing = [], False
        heights = self.y(values)
        for i, y in enumerate(heights):
            if not math.isfinite(y):
                drawing = False
                continue
            out.append(f"{'L' if drawing else 'M'}{self.x[start + i]:.1f} {y:.1f}")
            if not drawing and (i + 1 == len(heights) or not math.isfinite(heights[i + 1])):
                out.append("h.1")
            drawing = True
        return "".join(out)

    def area(self, start: int, low: Float, high: Float) -> str:
        """A band's path data."""
        x = self.x[start : start + len(low)]
        points = [*zip(x, self.y(high), strict=True), *zip(x[::-1], self.y(low)[::-1], strict=True)]
        return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points) + "Z"


def _svg(frame: _Frame, kind: str, alt: str, parts: list[str]) -> Markup:
    # The parts are numbers of ours and texts that were escaped where they were set in.
    return Markup('<svg class="{}" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">').format(
        kind, frame.width, frame.height, alt
    ) + Markup("".join(parts) + "</svg>")  # noqa: S704


def _line(kind: str, path: str) -> str:
    return f'<path class="{kind}" d="{path}"/>' if path else ""


def spark(line: Lines, alt: str, *, back: int = 52, ahead: int = 13) -> Markup:
    """A year of history and the next ``ahead`` weeks, the size of a word."""
    history, point = line.history[-back:], line.point[:ahead]
    frame = _Frame(len(history) + len(point), [history, point], 150, 30, 2)
    joined = np.concatenate([history[-1:], point])
    return _svg(
        frame,
        "spark",
        alt,
        [_line("was", frame.path(0, history)), _line("will", frame.path(len(history) - 1, joined))],
    )


def tile(line: Lines, alt: str, low_label: str, high_label: str, *, back: int = 52) -> Markup:
    """A year of history and the whole forecast with its bands, over last year's same weeks."""
    history = line.history[-back:]
    bands = [(low, high) for _, (low, high) in sorted(line.bands.items(), reverse=True)]
    start = len(history)
    frame = _Frame(
        start + len(line.point),
        [history, line.point, line.before, *(v for b in bands for v in b)],
        320,
        110,
        4,
    )
    parts = [
        f'<path class="band{i}" d="{frame.area(start, low, high)}"/>' for i, (low, high) in enumerate(bands)
    ]
    parts += [
        _line("before", frame.path(start, line.before)),
        _line("was", frame.path(0, history)),
        _line("will", frame.path(start - 1, np.concatenate([history[-1:], line.point]))),
        f'<path class="edge" d="M{frame.x[start - 1]:.1f} 0V110"/>',
        f'<text x="4" y="12">{escape(high_label)}</text><text x="4" y="106">{escape(low_label)}</text>',
    ]
    return _svg(frame, "tile", alt, parts)
