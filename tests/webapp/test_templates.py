"""Templates are files that Storecast takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from storecast.stores.sales_files import SalesFiles
from storecast.webapp.templates import TEMPLATES, Template


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
def test_a_template_is_read_without_objection(template: Template, ending: str, tmp_path: Path) -> None:
    """The check that uploads pass finds nothing wrong in it, and every row arrives."""
    path = tmp_path / f"template.{ending}"
    path.write_bytes(getattr(template, ending)())
    data = SalesFiles().read(str(path))
    assert data.report.status == "ok"
    assert data.report.rows == len(template.rows)
