"""The gate: a model may serve only if its back-test beats both naives beyond noise, and harms no segment;
and, where a version serves, if it is better than that one, or no worse and fresher.

It reports and decides; moving an alias is somebody else's act.
"""

from storecast.forecasting.promotion.gate import LEAST_WEEKS, judge, serve_naive
from storecast.forecasting.promotion.report import Check, Decision, GateReport, SegmentVerdict
from storecast.forecasting.promotion.resampling import block_length, gain_deviations, holm
from storecast.forecasting.promotion.rival import COVERAGE_LIMITS, MARGIN, Rival, against
from storecast.forecasting.promotion.rows import BacktestArrays, segment_labels

__all__ = [
    "COVERAGE_LIMITS",
    "LEAST_WEEKS",
    "MARGIN",
    "BacktestArrays",
    "Check",
    "Decision",
    "GateReport",
    "Rival",
    "SegmentVerdict",
    "against",
    "block_length",
    "gain_deviations",
    "holm",
    "judge",
    "segment_labels",
    "serve_naive",
]
