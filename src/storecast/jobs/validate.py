"""Check sales data and report; nothing is changed."""

from __future__ import annotations

from storecast.forecasting.quality import QualityReport, SalesRefusedError, SalesSource

__all__ = ["validate"]


def validate(source: SalesSource, path: str) -> QualityReport:
    """The report on the sales at ``path``; refused data give a report too, its status ``refused``."""
    try:
        return source.read(path).report
    except SalesRefusedError as refused:
        return QualityReport.of(None, refused.findings)
