"""Which version answered when: what serves over time, from the moves that were written down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from storecast.forecasting.promotion.share import in_share

__all__ = ["Move", "Span", "set_aside", "spans", "within"]

_MOVES = ("promote", "overrule", "update", "rollback", "moved", "fallback")
_TRIALS = ("shadow", "canary")
_ENDS = ("shadow-stopped", "shadow-breach", "canary-stopped", "canary-breach")


@dataclass(frozen=True)
class Move:
    """One change of what serves, at ``at`` (ISO 8601, UTC): ``version`` and ``digest`` of what it is about,
    the challenger where ``kind`` is a trial; ``share`` of the series that a canary answers."""

    at: str
    kind: str
    version: int
    digest: str
    who: str
    why: str
    share: float | None = None


@dataclass(frozen=True)
class Span:
    """From ``first`` until ``until`` (ISO, "" for still) ``version`` served; beside it the ``challenger``, if
    any, answered a ``share`` of the series, none in shadow. ``kind``, ``who``, ``why``: of the move that
    began it."""

    first: str
    until: str
    version: int
    digest: str
    kind: str
    who: str
    why: str
    challenger: int | None = None
    challenger_digest: str = ""
    share: float = 0.0

    def answers(self, series: str) -> int:
        """The version that answers ``series``, which the challenger forecasts too."""
        if self.challenger is not None and in_share(self.challenger_digest, [series], self.share)[0]:
            return self.challenger
        return self.version


def spans(moves: Iterable[Move]) -> list[Span]:
    """What served from one move to the next, oldest first; a promotion or roll-back ends a trial."""
    out: list[Span] = []
    for move in sorted(moves, key=lambda move: move.at):
        last = out[-1] if out else None
        begun = Span(move.at, "", move.version, move.digest, move.kind, move.who, move.why)
        if move.kind in _MOVES:
            made = begun
        elif last is None:
            continue  # what served before is not known
        elif move.kind in _TRIALS:
            made = replace(
                begun,
                version=last.version,
                digest=last.digest,
                challenger=move.version,
                challenger_digest=move.digest,
                share=move.share or 0.0,
            )
        elif move.kind in _ENDS:
            made = replace(begun, version=last.version, digest=last.digest)
        else:
            continue
        if last is not None:
            out[-1] = replace(last, until=move.at)
        out.append(made)
    return out


def within(found: Iterable[Span], first: str, until: str) -> list[Span]:
    """Those that lasted at any moment from ``first`` on and before ``until``, both as ``at`` is written."""
    return [span for span in found if span.first < until and (not span.until or span.until > first)]


def set_aside(found: Sequence[Span]) -> frozenset[int]:
    """Versions that do not speak for what serves at the end of ``found``, oldest first: those that were taken
    back, and challengers that answered a share and never came to serve. One that is not told of stands."""
    aside: set[int] = set()
    served: set[int] = set()
    for before, span in zip((None, *found), found, strict=False):
        if span.kind == "rollback" and before is not None:
            aside.add(before.version)
        served.add(span.version)
        aside.discard(span.version)
        if span.challenger is not None and span.share and span.challenger not in served:
            aside.add(span.challenger)
    return frozenset(aside)
