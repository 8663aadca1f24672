"""Weekly retail sales forecasts with honest back-tests, and the life of the models that make them."""

__version__ = "0.1.0"
