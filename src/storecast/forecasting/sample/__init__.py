"""Seeded sample panels: the seed data set's own schema, other retailers' worlds, and large panels."""

from storecast.forecasting.sample.frames import to_kaggle_files, to_long, to_store_file
from storecast.forecasting.sample.generator import SampleSpec, make_sample
from storecast.forecasting.sample.large import SERIES_A_CHUNK, make_large
from storecast.forecasting.sample.worlds import WORLDS, World

__all__ = [
    "SERIES_A_CHUNK",
    "WORLDS",
    "SampleSpec",
    "World",
    "make_large",
    "make_sample",
    "to_kaggle_files",
    "to_long",
    "to_store_file",
]
