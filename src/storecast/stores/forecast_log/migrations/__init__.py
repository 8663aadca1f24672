"""Alembic migrations of the forecast log's database: modules of the package, so that a wheel has them."""
