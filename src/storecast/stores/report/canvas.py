"""Where pictures are drawn: matplotlib without its global state, saved to the same bytes every time.

Matplotlib is imported when the first picture is drawn. Colours are Okabe and Ito's, which people who see few
colours can tell apart; in SVG each becomes a variable, so that a picture follows the reader's dark mode.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FORECAST", "GRID", "GROWTH", "INK", "MISS", "MUTED", "PAPER", "Size", "canvas", "png", "svg"]

INK, MUTED, GRID, PAPER = "#1b2430", "#6a7380", "#e3e6ea", "#fefefe"
FORECAST, GROWTH, MISS = "#0072b2", "#c77700", "#d5500a"
_DARK = {
    INK: "#e6e9ee",
    MUTED: "#9aa5b3",
    GRID: "#2e3743",
    PAPER: "#171c23",
    FORECAST: "#56b4e9",
    GROWTH: "#f0ab3c",
    MISS: "#ff8a55",
}
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
_SALT = "storecast"


@dataclass(frozen=True)
class Size:
    """``width`` and ``height`` in inches; ``narrow``: for a phone, less history and fewer labels."""

    width: float
    height: float
    narrow: bool = False


def _settings(size: Size) -> dict[Any, Any]:
    points = 9.0 if size.narrow else 10.0
    return {
        "font.family": "DejaVu Sans",
        "font.size": points,
        "text.color": INK,
        "text.parse_math": False,  # a dollar sign is a dollar sign
        "axes.edgecolor": GRID,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.8,
        "axes.axisbelow": True,
        "axes.facecolor": PAPER,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.titlesize": points,
        "axes.titlelocation": "left",
        "axes.unicode_minus": True,
        "figure.facecolor": PAPER,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "legend.fontsize": points - 1,
        "legend.frameon": False,
        "legend.handlelength": 1.6,
        "lines.solid_capstyle": "round",
        "svg.fonttype": "none",
        "svg.hashsalt": _SALT,
        "xtick.color": MUTED,
        "xtick.labelsize": points - 1,
        "xtick.major.size": 3,
        "ytick.color": MUTED,
        "ytick.labelsize": points - 1,
        "ytick.major.size": 0,
    }


@contextmanager
def canvas(size: Size) -> Iterator[Figure]:
    """An empty figure; draw and save it inside the block, where the house's settings hold."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A holiday's name in a script that the built-in font lacks: the page's text has it all the same.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_settings(size))
        figure = Figure(figsize=(size.width, size.height), dpi=130)
        FigureCanvasAgg(figure)
        yield figure


def place(figure: Figure, *, left: float, right: float, top: float, bottom: float) -> None:
    """Margins in inches."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left=left / width, right=1.0 - right / width, top=1.0 - top / height, bottom=bottom / height
    )


def legend(figure: Figure, axes: Axes, columns: int) -> None:
    """What each line and area is, below the picture."""
    handles, labels = axes.get_legend_handles_labels()
    width, height = figure.get_size_inches()
    figure.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.08 / width, 0.02 / height),
        ncols=columns,
        columnspacing=1.4,
        borderaxespad=0.2,
    )


def png(figure: Figure) -> bytes:
    """The figure as PNG, on light paper, without a word of when or by what it was made."""
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as one SVG element in the reader's light or dark colours and fonts."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"(font: [^;\"']*?px )[^;\"]*", rf"\1{_FONT}", text)
    names = {colour: f"--c{i}" for i, colour in enumerate(_DARK)}
    for colour, name in names.items():
        text = text.replace(colour, f"var({name})")
    light = ";".join(f"{name}:{colour}" for colour, name in names.items())
    dark = ";".join(f"{names[colour]}:{other}" for colour, other in _DARK.items())
    style = f"<style>:root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    at = text.index(">") + 1
    return re.sub(r">\s+<", "><", text[:at] + style + text[at:]).encode()
