"""The direct forecaster: one gradient boosting over classic features for all series and horizons."""

from storecast.forecasting.direct.origins import roll_direct
from storecast.forecasting.direct.state import DirectConfig, DirectState, importance, predict_direct

__all__ = ["DirectConfig", "DirectState", "importance", "predict_direct", "roll_direct"]
