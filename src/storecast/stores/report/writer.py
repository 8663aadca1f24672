"""The report of a run: one HTML file that needs no other, and its pictures as PNG."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from storecast.forecasting.backtest import Backtest
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.forecaster import Forecaster
from storecast.ports import DriftRun, RunReport
from storecast.stores.frames import write_bytes
from storecast.stores.report.accuracy import measure
from storecast.stores.report.canvas import Size, canvas, png
from storecast.stores.report.figures import coverages, lines, top_level
from storecast.stores.report.pictures import draw_accuracy, draw_backtest, draw_forecast, draw_reasons
from storecast.stores.report.reasons import largest
from storecast.stores.report.words import Words

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["HtmlReport", "accuracy_picture", "backtest_picture", "forecast_picture", "reasons_picture"]

_TEMPLATES = files("storecast.stores.report") / "templates"
_WIDE, _LOW = Size(9.6, 4.4), Size(9.6, 3.2)
_HISTORY = 104  # weeks


def forecast_picture(
    forecaster: Forecaster,
    calendar: Calendar,
    unit: str = "$",
    bands: tuple[float, ...] = (80.0, 95.0),
    *,
    level: str | None = None,
    key: str | None = None,
) -> bytes:
    """PNG of the forecast of ``key`` of a ``level`` (of the sum of everything by default) with its bands."""
    level = level or top_level(forecaster)
    column = 0 if key is None else forecaster.levels[level].keys.tolist().index(key)
    line = lines(forecaster, level, column, bands, _HISTORY)
    with canvas(_WIDE) as figure:
        draw_forecast(figure, line, calendar, Words(unit), forecaster.config.model, narrow=False)
        return png(figure)


def backtest_picture(result: Backtest, unit: str = "$") -> bytes:
    """PNG of the sum of everything as it was forecast at past cutoffs, and what came."""
    with canvas(_WIDE) as figure:
        draw_backtest(figure, result, Words(unit), narrow=False)
        return png(figure)


def accuracy_picture(result: Backtest, unit: str = "$") -> bytes:
    """PNG of the mean error beside both naives, by horizon and in holiday weeks."""
    with canvas(_WIDE) as figure:
        draw_accuracy(figure, measure(result), Words(unit), result.model, narrow=False)
        return png(figure)


def reasons_picture(forecaster: Forecaster, unit: str = "$") -> bytes:
    """PNG of the steps from last year's sales to the forecast of the largest series."""
    with canvas(_LOW) as figure:
        draw_reasons(figure, largest(forecaster).steps, Words(unit), narrow=False)
        return png(figure)


class HtmlReport:
    """The ``ReportWriter`` of ``storecast run``, and the ``DriftWriter``.

    The page holds its style and pictures, asks for nothing from anywhere, and runs no script. The commands it
    names call ``program``.
    """

    def __init__(self, program: str = "storecast") -> None:
        self.program = program

    def pictures(self, report: RunReport) -> dict[str, bytes]:
        """``forecast.png``, ``explanation.png``; with a back-test ``backtest.png`` and ``accuracy.png``."""
        forecaster, result, unit = report.forecaster, report.backtest, report.unit
        bands = coverages(result.levels if result is not None else ())
        out = {
            "forecast.png": forecast_picture(forecaster, report.calendar, unit, bands),
            "explanation.png": reasons_picture(forecaster, unit),
        }
        if result is not None:
            out["backtest.png"] = backtest_picture(result, unit)
            out["accuracy.png"] = accuracy_picture(result, unit)
        return out

    def write(self, report: RunReport, path: str) -> None:
        """Write the page to ``path``, whole or not at all; raises RequestError where it cannot be written."""
        from storecast.stores.report.page import page

        style = Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704  the package's own
        text = _template().render(page(report, style, self.program))
        # A lone surrogate, which a file's name may hold, has no UTF-8 form.
        write_bytes(text.encode("utf-8", "replace"), Path(path))

    def write_drift(self, run: DriftRun, path: str) -> None:
        """Write what has drifted to ``path``, whole or not at all, as ``write`` does."""
        from storecast.stores.report.drift import drift_page

        style = Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704  the package's own
        text = _template("drift.html.j2").render(drift_page(run, style, self.program))
        write_bytes(text.encode("utf-8", "replace"), Path(path))


def _template(name: str = "report.html.j2") -> Template:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(lambda name: (_TEMPLATES / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
