"""Studies: searches that remember what was tried, and go on where they stopped, in one process or many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # types only: light processes import the ports
    from storecast.forecasting.tuning import Knob, Tried

__all__ = ["Objective", "Studies", "Tracker"]

# values by path, and what is told the score so far after each cutoff and says whether to give up
# -> score and losses, None where it was given up
Objective = Callable[
    [Mapping[str, float], Callable[[int, float], bool]], tuple[float, tuple[float, ...]] | None
]


class Studies(Protocol):
    """Searches by name; all raise ``SetupError`` where what keeps them cannot be opened, read or written."""

    def search(
        self,
        name: str,
        knobs: Sequence[Knob],
        objective: Objective,
        *,
        facts: Mapping[str, str],
        first: Mapping[str, float],
        trials: int,
        seconds: float | None,
        seed: int,
        told: Callable[[int, float], None],
    ) -> None:
        """Try until the study has ``trials`` finished trials, or for ``seconds``.

        Trial 0 has the values ``first``. Others may work on the same study at the same time; what one that
        was killed had begun is tried again. ``facts`` say what is searched on: raises ``ConflictError``
        where the study is of others. ``told``: number of finished trials and the best score, after each.
        """
        ...

    def tried(self, name: str) -> list[Tried]:
        """All trials that were carried through, in order; empty where there is no such study."""
        ...

    def facts(self, name: str) -> dict[str, str] | None:
        """What the study was searched on; None where there is no such study."""
        ...


class Tracker(Protocol):
    """Keeps what a run came to, beside the runs that make versions."""

    def track(
        self,
        name: str,
        run: str,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> None:
        """Record a run of the model ``name``; raises ``RegistryError`` where that cannot be done."""
        ...
