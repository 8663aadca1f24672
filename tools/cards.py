"""Make docs/model-card.md and docs/data-card.md of a version trained on the sample: ``make cards``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

_FOLDER = Path(__file__).resolve().parent.parent / "docs"
_PROGRAM = (sys.executable, "-c", "from storecast.cli import main; main()")
_NOTE = (
    "> Made by `make cards` from the sample (`storecast sample`, then `storecast train`), as "
    "`storecast models card` shows it of any version. The sample is made up: its figures say nothing of your "
    "stores."
)


def main(folder: Path = _FOLDER, sample: Sequence[str] = ()) -> list[Path]:
    """Write both cards into ``folder``; ``sample``: options of the command of that name."""
    with tempfile.TemporaryDirectory(prefix="storecast-") as place:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STORECAST_")}
        environment = {**kept, "STORECAST_HOME": f"{place}/home", "LOGNAME": "maintainer"}

        def run(*words: str) -> None:
            subprocess.run([*_PROGRAM, *words], env=environment, check=True, stdout=subprocess.DEVNULL)

        run("sample", f"{place}/sample.csv", *sample)
        run("train", f"{place}/sample.csv")
        made = []
        for name, more in (("model-card.md", ()), ("data-card.md", ("--data",))):
            run("models", "card", *more, "--out", f"{place}/{name}")
            title, _, rest = Path(place, name).read_text("utf-8").partition("\n")
            target = folder / name
            target.write_text(f"{title}\n\n{_NOTE}\n{rest}", "utf-8")
            made.append(target)
        return made


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER)
