"""Draw the pictures of README and docs from the sample: ``.venv/bin/python tools/readme_pictures.py``."""

from __future__ import annotations

import sys
from pathlib import Path

from storecast.forecasting.backtest import backtest, rolling_cutoffs
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import SampleSpec, make_sample
from storecast.stores.frames import write_bytes
from storecast.stores.report import backtest_picture, forecast_picture, reasons_picture

__all__ = ["main"]

_FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"


def main(folder: Path = _FOLDER, spec: SampleSpec | None = None) -> list[Path]:
    """Draw all pictures into ``folder``; ``forecast.png`` is of one store, the median one."""
    panel = Panel.from_frame(make_sample(spec or SampleSpec()))
    forecaster = Forecaster.fit(panel, ForecasterConfig())
    cutoffs = rolling_cutoffs(panel.weeks, 13, windows=4, step=13)
    result = backtest(panel, ForecasterConfig(horizon=13), cutoffs, US_RETAIL)
    sizes = forecaster.point.sum(axis=0)
    median = str(panel.keys[sizes.argsort()[len(sizes) // 2]])
    drawn = {
        "forecast.png": forecast_picture(forecaster, US_RETAIL, level="series", key=median),
        "backtest.png": backtest_picture(result),
        "explanation.png": reasons_picture(forecaster),
    }
    for name, content in drawn.items():
        write_bytes(content, folder / name)
        print(f"{folder / name}: {len(content):,} bytes")
    return [folder / name for name in drawn]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER)
