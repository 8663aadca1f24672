"""The pictures show the very numbers of the run, with holidays where they fall."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread

from storecast.forecasting.backtest import backtest
from storecast.forecasting.calendar import US_RETAIL, Calendar
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.sample import SampleSpec, make_sample
from storecast.ports import RunReport
from storecast.stores.report import HtmlReport, backtest_picture, forecast_picture
from storecast.stores.report.accuracy import overlapping
from storecast.stores.report.canvas import FORECAST, GRID, INK, Size, canvas, png, svg
from storecast.stores.report.figures import lines
from storecast.stores.report.pictures import draw_backtest, draw_forecast, shown_cutoffs
from storecast.stores.report.words import Words
from tests.stores.report.pages import make_run, page_of

WORDS = Words("$")


@pytest.fixture(scope="module")
def run() -> RunReport:
    return make_run(make_sample(SampleSpec(stores=4, weeks=143)), horizon=30)


def test_the_forecast_is_drawn_as_it_is(run: RunReport) -> None:
    """Sales, forecast, limits and last year's weeks are drawn at their weeks with their values."""
    forecaster = run.forecaster
    line = lines(forecaster, "total", 0, (80.0, 95.0), 104)
    with canvas(Size(8, 4)) as figure:
        draw_forecast(figure, line, US_RETAIL, WORDS, "aligned", narrow=False)
        axes = figure.axes[0]
        drawn = {entry.get_label(): entry for entry in axes.lines}
        sales, forecast = drawn["sales"], drawn["forecast (aligned)"]
        history = run.panel.values[-104:].sum(axis=1)
        assert np.asarray(sales.get_ydata()) == pytest.approx(history)
        assert np.asarray(forecast.get_ydata())[1:] == pytest.approx(forecaster.point.sum(axis=1))
        weeks = forecaster.weeks.astype("datetime64[D]").astype(float)
        assert np.array_equal(np.asarray(forecast.get_xdata())[1:], weeks)
        before = np.asarray(drawn["same weeks last year"].get_ydata())
        assert before == pytest.approx(run.panel.values[143 - 52 : 143 - 52 + 30].sum(axis=1))
        low, high = forecaster.limits(95.0, "total")
        band = next(c for c in axes.collections if c.get_label() == "95 % band")
        heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
        assert heights.min() == pytest.approx(low.min())
        assert heights.max() == pytest.approx(high.max())


def test_holidays_are_marked(run: RunReport, tmp_path: Path) -> None:
    """Each holiday week has its line, those ahead their names, and the page's text lists them with dates."""
    line = lines(run.forecaster, "total", 0, (80.0, 95.0), 104)
    weeks = np.concatenate([line.history_weeks, line.weeks])
    expected = [w for w, name in zip(weeks, US_RETAIL.holidays_in(weeks), strict=True) if name]
    with canvas(Size(8, 4)) as figure:
        draw_forecast(figure, line, US_RETAIL, WORDS, "aligned", narrow=False)
        marks = next(
            c for c in figure.axes[0].collections if to_hex(tuple(np.ravel(c.get_edgecolor())[:3])) == GRID
        )
        at = [segment[0][0] for segment in marks.get_segments()]  # type: ignore[attr-defined]
        assert at == [float(w.astype(int)) for w in expected]
        text = svg(figure).decode()
    assert ">Thanksgiving<" in text
    assert ">Christmas<" in text
    alt = page_of(run, tmp_path).root.all("img")[0].attributes["alt"]
    assert "Thanksgiving (23 Nov 2012)" in alt
    assert "Christmas (28 Dec 2012)" in alt


def test_the_back_test_is_drawn_as_it_was(run: RunReport) -> None:
    """Each cutoff has its forecast and its sales; sales outside the wide band are marked, all of them."""
    assert run.backtest is not None
    rows = run.backtest.higher["total"]
    with canvas(Size(8, 4)) as figure:
        draw_backtest(figure, run.backtest, WORDS, narrow=False)
        axes = figure.axes[0]
        forecasts = [e for e in axes.lines if e.get_color() == FORECAST]
        sales = [e for e in axes.lines if e.get_color() == INK]
        assert len(forecasts) == len(sales) == len(run.backtest.cutoffs)
        for entry, name in ((forecasts, "storecast"), (sales, "y")):
            drawn = np.concatenate([np.asarray(e.get_ydata()) for e in entry])
            assert drawn == pytest.approx(rows.sort_values(["cutoff", "ds"])[name].to_numpy())
        marked = sum(len(np.asarray(e.get_xdata())) for e in axes.lines if e.get_marker() == "o")
        out = (rows["y"] < rows["storecast-lo-95"]) | (rows["y"] > rows["storecast-hi-95"])
        assert marked == out.sum()


def test_overlapping_cutoffs_stand_below_each_other(run: RunReport) -> None:
    """Where weeks were forecast from several cutoffs, each has a panel of its own, four at most."""
    cutoffs = [np.datetime64(run.panel.weeks[i], "D") for i in (100, 104, 108, 112, 116, 120)]
    result = backtest(run.panel, ForecasterConfig("seasonal-naive", 13), cutoffs, US_RETAIL)
    assert overlapping(result)
    assert shown_cutoffs(result) == [cutoffs[0], cutoffs[2], cutoffs[3], cutoffs[5]]
    with canvas(Size(8, 8)) as figure:
        draw_backtest(figure, result, WORDS, narrow=True)
        assert [a.get_title(loc="left") for a in figure.axes][-1].startswith("seen up to")
        assert len(figure.axes) == 4
    assert backtest_picture(result).startswith(b"\x89PNG")


def test_pictures_are_png_of_some_size(run: RunReport) -> None:
    """What is tracked with a version is PNG that opens, wide enough to read, with something on it."""
    pictures = HtmlReport().pictures(run)
    assert set(pictures) == {"forecast.png", "backtest.png", "accuracy.png", "explanation.png"}
    for content in pictures.values():
        image = imread(io.BytesIO(content))
        assert image.shape[1] >= 1000
        assert image.std() > 0.01
        assert len(content) < 200_000


def test_one_store_can_be_drawn(run: RunReport) -> None:
    """A key's own picture is another than that of the total."""
    total = forecast_picture(run.forecaster, US_RETAIL)
    assert forecast_picture(run.forecaster, US_RETAIL, level="series", key="2") != total


def test_dark_readers_get_dark_pictures() -> None:
    """Every colour of an SVG is a variable with a light and a dark value, so that text stays readable."""
    with canvas(Size(4, 3)) as figure:
        figure.subplots().plot([0, 1], [1, 2], color=INK)
        text = svg(figure).decode()
    style = text[text.index("<style>") : text.index("</style>")]
    assert INK in style.split("@media")[0]
    assert "prefers-color-scheme:dark" in style
    assert INK not in text.replace(style, "")
    assert "var(--c0)" in text


def test_names_no_font_has_do_not_stop_a_picture(run: RunReport) -> None:
    """A calendar in another script is drawn in SVG as it is, without a warning."""
    names = {"感謝祭の日": np.array(["2012-11-23", "2011-11-23"], dtype="datetime64[D]")}
    calendar = Calendar.from_dates("jp", names)
    line = lines(run.forecaster, "total", 0, (80.0,), 20)
    with canvas(Size(8, 4)) as figure:
        draw_forecast(figure, line, calendar, Words("¥"), "$x$ & <b>", narrow=True)
        text = svg(figure).decode()
        assert png(figure).startswith(b"\x89PNG")
    assert ">感謝祭の日<" in text
    assert "$x$ &amp; &lt;b&gt;" in text
