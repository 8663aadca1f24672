"""The gate: a model may serve only if its back-test beats both naives beyond noise, and harms no segment;
and, where a version serves, if it is better than that one, or no worse and fresher.

It reports and decides; moving an alias is somebody else's act.
"""

from storecast.forecasting.promotion.gate import LEAST_WEEKS, judge, serve_naive
from storecast.forecasting.promotion.live import LEAST_ROWS, LIVE_LOSS, live_breach
from storecast.forecasting.promotion.moves import SeriesMove, TableMoves, compare_tables
from storecast.forecasting.promotion.record import Move, Span, set_aside, spans, within
from storecast.forecasting.promotion.report import Check, Decision, GateReport, SegmentVerdict
from storecast.forecasting.promotion.resampling import block_length, gain_deviations, holm
from storecast.forecasting.promotion.rival import COVERAGE_LIMITS, MARGIN, Rival, against
from storecast.forecasting.promotion.rows import BacktestArrays, segment_labels
from storecast.forecasting.promotion.share import in_share

__all__ = [
    "COVERAGE_LIMITS",
    "LEAST_ROWS",
    "LEAST_WEEKS",
    "LIVE_LOSS",
    "MARGIN",
    "BacktestArrays",
    "Check",
    "Decision",
    "GateReport",
    "Move",
    "Rival",
    "SegmentVerdict",
    "SeriesMove",
    "Span",
    "TableMoves",
    "against",
    "block_length",
    "compare_tables",
    "gain_deviations",
    "holm",
    "in_share",
    "judge",
    "live_breach",
    "segment_labels",
    "serve_naive",
    "set_aside",
    "spans",
    "within",
]
