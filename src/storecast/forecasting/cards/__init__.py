"""Cards of a version, for people and as facts: of the model, and of the data that it was made from."""

from __future__ import annotations

from storecast.forecasting.cards.card import Card, Section
from storecast.forecasting.cards.data import data_card
from storecast.forecasting.cards.model import model_card, short_description
from storecast.forecasting.cards.subject import Served, Subject

__all__ = ["Card", "Section", "Served", "Subject", "data_card", "model_card", "short_description"]
