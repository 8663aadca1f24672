"""One verb each: take ports and a config, call ``forecasting``, return a result."""
