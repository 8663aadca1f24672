"""The direct forecaster: one gradient boosting over classic features for all series and horizons."""

from storecast.forecasting.direct.origins import go_on_direct, roll_direct
from storecast.forecasting.direct.state import DirectConfig, DirectState, importance, predict_direct

__all__ = ["DirectConfig", "DirectState", "go_on_direct", "importance", "predict_direct", "roll_direct"]
