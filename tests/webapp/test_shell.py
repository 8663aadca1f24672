"""The page that browsers load first names what they need next."""

from __future__ import annotations

import re
from pathlib import Path

from streamlit.file_util import get_static_dir

from storecast.webapp.shell import preloaded, shell

LINK = re.compile(r'<link rel="modulepreload" crossorigin href="\./static/js/([^"]+)">')


def test_it_names_scripts_that_are_there_once_each() -> None:
    """Every named script is a file of Streamlit's, none is named twice, charts and tables are among them."""
    page = shell()
    named = LINK.findall(page)
    folder = Path(get_static_dir()) / "static" / "js"
    assert len(named) == len(set(named))
    assert all((folder / name).is_file() for name in named)
    kinds = {name.partition(".")[0] for name in named}
    assert {"ArrowVegaLiteChart", "embed", "DataFrame", "Metric", "Selectbox"} <= kinds
    assert "<title>Storecast</title>" in page


def test_what_a_script_imports_is_named_with_it(tmp_path: Path) -> None:
    """Imports are followed, in circles too; what is imported later, or not there, or named by the page
    already is left out."""
    scripts = {
        "Metric.a1.js": 'import{x}from"./one.b2.js";import"./known.c3.js";export{x};',
        "one.b2.js": 'import{y}from"./Metric.a1.js";import{z}from"./two.d4.js";import("./later.e5.js");',
        "two.d4.js": 'import{q}from"./gone.f6.js";',
        "known.c3.js": "",
        "later.e5.js": "",
        "MetricOfOthers.g7.js": "",
    }
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
    page = '<script type="module" src="./static/js/known.c3.js"></script>'
    assert preloaded(page, tmp_path) == ["Metric.a1.js", "one.b2.js", "two.d4.js"]
