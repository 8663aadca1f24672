"""What the dashboards show, by the question that a person has."""

from __future__ import annotations

from tools.panels.business import BUSINESS
from tools.panels.infrastructure import INFRASTRUCTURE
from tools.panels.model import MODEL
from tools.panels.service import SERVICE
from tools.panels.shapes import Panel, Row

__all__ = ["DASHBOARDS", "Panel", "Row"]

DASHBOARDS = {
    "service": ("Storecast: service", SERVICE),
    "model": ("Storecast: model", MODEL),
    "business": ("Storecast: business", BUSINESS),
    "infrastructure": ("Storecast: infrastructure", INFRASTRUCTURE),
}
