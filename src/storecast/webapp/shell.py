"""The page that a browser loads first. It is Streamlit's own, and names the scripts of charts, tables and
choices as well: they come while the app draws the page, not after it, one wave behind the other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from streamlit.file_util import get_static_dir

__all__ = ["preloaded", "shell"]

# What the first page draws, as Streamlit's build calls its scripts; one that it calls otherwise is loaded
# when it is needed, as without us.
_DRAWN = ("Html", "Selectbox", "Metric", "PageLink", "ArrowVegaLiteChart", "embed", "DataFrame")
_NEEDS = re.compile(r"""(?:from|import)["']\./([^"']+\.js)["']""")
_NAMED = re.compile(r"static/js/([^\"']+\.js)")
_TITLE = "<title>Streamlit</title>"


def _with_needs(scripts: Iterable[str], folder: Path) -> set[str]:
    """The scripts and all that they import as they load."""
    found: set[str] = set()
    left = list(scripts)
    while left:
        name = left.pop()
        if name not in found and (folder / name).is_file():
            found.add(name)
            left += _NEEDS.findall((folder / name).read_text(encoding="utf-8"))
    return found


def preloaded(page: str, folder: Path) -> list[str]:
    """Scripts in ``folder`` that the first page needs and ``page`` does not name yet."""
    drawn = [file.name for file in folder.glob("*.js") if file.name.partition(".")[0] in _DRAWN]
    return sorted(_with_needs(drawn, folder) - set(_NAMED.findall(page)))


def shell() -> str:
    """The page as HTML."""
    home = Path(get_static_dir())
    page = (home / "index.html").read_text(encoding="utf-8")
    links = [
        f'<link rel="modulepreload" crossorigin href="./static/js/{name}">'
        for name in preloaded(page, home / "static" / "js")
    ]
    named = page.replace(_TITLE, "<title>Storecast</title>")
    return named.replace("</head>", "\n".join([*links, "</head>"]), 1)
