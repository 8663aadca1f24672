"""Earlier versions as the release folder keeps them, read when somebody asks what changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storecast.forecasting.lineage import Table, path
from storecast.service.champion import Champion
from storecast.service.problems import Problem

if TYPE_CHECKING:
    from storecast.service.watcher import Holder

__all__ = ["EarlierTables"]

_KEPT = 4  # versions in memory, of a megabyte or two each


class EarlierTables:
    """Tables of versions by digest, the last few kept."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._tables: dict[str, Table] = {}

    def line(self, champion: Champion, version: int, digest: str) -> list[Table]:
        """Tables from the earlier version to ``champion``, by their parents as far as those are there.

        Called in a thread: what is not in memory is read. Raises a 404 problem where the earlier version does
        not lie in the release folder any more.
        """
        before = self._found(champion, version, digest)
        if before is None:
            raise Problem(
                404,
                "not-kept",
                f"Version {version} does not lie in the release folder any more",
                "The folder keeps what serves and some versions that served before.",
                "Ask `storecast explain DATA SERIES --since VERSION`, which asks the registry.",
            )
        numbers = {item.digest: item.version for item in champion.info.earlier}
        numbers |= {item.digest: item.version for item in self._holder.registered()}
        return path(before, champion.table, lambda d: self._found(champion, numbers.get(d, 0), d))

    def _found(self, champion: Champion, version: int, digest: str) -> Table | None:
        if digest == champion.info.digest:
            return champion.table
        if (table := self._tables.get(digest)) is not None:
            return table
        content = self._holder.earlier(version, digest)
        if content is None:
            return None
        made = Table.of(version, digest, content.arrays, content.meta)
        while len(self._tables) >= _KEPT:
            self._tables.pop(next(iter(self._tables)), None)
        self._tables[digest] = made
        return made
