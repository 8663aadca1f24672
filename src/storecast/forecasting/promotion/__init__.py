"""The gate: a model may serve only if its back-test beats both naives beyond noise, and harms no segment.

It reports and decides; moving an alias is somebody else's act.
"""

from storecast.forecasting.promotion.gate import LEAST_WEEKS, judge, serve_naive
from storecast.forecasting.promotion.report import GateReport, SegmentVerdict
from storecast.forecasting.promotion.resampling import block_length, gain_deviations, holm
from storecast.forecasting.promotion.rows import BacktestArrays, segment_labels

__all__ = [
    "LEAST_WEEKS",
    "BacktestArrays",
    "GateReport",
    "SegmentVerdict",
    "block_length",
    "gain_deviations",
    "holm",
    "judge",
    "segment_labels",
    "serve_naive",
]
