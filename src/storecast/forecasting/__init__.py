"""Pure forecasting: frames and arrays in, frames and arrays out; no file, clock, network or environment."""
