"""When a version is not to be trusted: what nobody judged, where a naive is better, which bands do not
hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from storecast.forecasting.cards.card import listed, percent, plain
from storecast.forecasting.cards.scored import Line, Scored
from storecast.forecasting.cards.subject import Subject

__all__ = ["doubts"]

_SHORT_OF = 3.0  # percent points by which a band may hold less than it promises
_FEW = 4  # cutoffs below which luck weighs much
_BIASED = 0.02
_NAMED = {
    "store": ("store", "stores"),
    "series": ("series", "series"),
    "type": ("type of store", "types of store"),
    "horizon": ("span of weeks ahead", "spans of weeks ahead"),
    "holiday": ("kind of week", "kinds of weeks"),
    "level": ("level", "levels"),
}


def doubts(subject: Subject, found: Scored | None) -> list[str]:
    """Sentences in Markdown, the gravest first."""
    return [
        *_gate(subject),
        *_not_judged(subject, found),
        *(_judged(found) if found else ()),
        *_always(subject),
    ]


def _gate(subject: Subject) -> Iterator[str]:
    gate = subject.meta.get("gate", {})
    serves = gate.get("serves", subject.forecaster.config.model)
    if gate.get("decision", "promote") != "promote" or serves != subject.forecaster.config.model:
        yield f"**The gate did not let it pass**: {plain(gate.get('reason', 'no reason is recorded'))}"
    if over := [move for move in subject.served if move.kind == "overrule" and move.after == subject.version]:
        yield f"**It was let serve against the gate**, by {plain(over[-1].who)}: {plain(over[-1].why)}"
    if gate.get("serves") == subject.forecaster.config.model:
        unproven = [s["segment"] for s in gate.get("segments", ()) if s["verdict"] != "better"]
        if names := list(dict.fromkeys(unproven)):
            yield f"**Not proven better than both naive forecasts, beyond chance, in**: {listed(names)}."


def _not_judged(subject: Subject, found: Scored | None) -> Iterator[str]:
    f, meta = subject.forecaster, subject.meta
    if found is None:
        yield (
            "**Nobody knows how good it is.** It was not back-tested: its history is too short to forecast "
            "past weeks from what was known before them, or nothing of that test was kept."
        )
        return
    if "update" in meta:
        update = meta["update"]
        yield (
            f"**It was not back-tested itself.** It goes on with what was learnt from sales up to "
            f"{plain(update.get('trained', 'then'))}, over new weeks; the figures below are of that training."
        )
    if found.judged != f.config.model:
        yield (
            f"**What was tested was {plain(found.judged)}, which did not pass.** This version is a naive "
            "forecast, measured beside it; what its bands hold was not measured."
        )
    if len(f.weeks) > found.horizon:
        yield (
            f"**Weeks {found.horizon + 1} to {len(f.weeks)} ahead were not judged**: the back-test looked "
            f"{found.horizon} weeks ahead. Errors grow with every week."
        )
    if len(found.cutoffs) < _FEW:
        many = f"{len(found.cutoffs)} point{'s' if len(found.cutoffs) != 1 else ''} in time"
        yield f"**It was judged at {many} only**, so that luck weighs much."
    if all(line.segment != "holiday weeks" for line in found.tables.get("holiday", ())):
        yield "**No holiday week was judged.**"
    missing = len(f.keys) - len(found.tables.get("series", found.tables.get("store", ())))
    if missing > 0:
        yield f"**{missing:,} of {len(f.keys):,} series were not judged**: their histories are too short."


def _judged(found: Scored) -> Iterator[str]:
    if (against := found.whole.against) is not None and against >= 0:
        yield f"**It is no better than the better naive forecast in all** ({percent(against, '+')})."
    for name, lines in found.tables.items():
        if name in _NAMED:
            yield from _losers(name, lines)
            yield from _loose(name, lines)
    bias = found.whole.bias
    if bias is not None and abs(bias) >= _BIASED:
        side = "too much" if bias > 0 else "too little"
        yield f"**It forecasts {side} on average**, by {percent(abs(bias))} of sales."


def _losers(name: str, lines: Sequence[Line]) -> Iterator[str]:
    lost = [line for line in lines if (line.against or 0.0) > 0.0]
    lost.sort(key=lambda line: -(line.against or 0.0))
    if lost:
        one, many = _NAMED[name]
        word = one if len(lines) == 1 else many
        worst = listed([f"{line.segment} ({percent(line.against, '+')})" for line in lost])
        yield f"**A naive forecast is better for {len(lost):,} of {len(lines):,} {word}**: {worst}."


def _loose(name: str, lines: Sequence[Line]) -> Iterator[str]:
    if name in ("store", "series"):
        return  # a single one is judged on too few weeks for that
    for line in lines:
        for level, (covered, _) in line.bands.items():
            if covered < level - _SHORT_OF:
                where = f"{plain(line.segment)}{' weeks ahead' if name == 'horizon' else ''}"
                yield f"**Its {level:g} % bands hold {covered:.1f} %** ({where})."


def _always(subject: Subject) -> Iterator[str]:
    f = subject.forecaster
    if f.notes:
        of = f"{len(f.notes):,} of {len(f.keys):,} series"
        yield f"For {of} something is unusual, and told with their forecasts: {listed(sorted(f.notes))}."
    if not subject.meta.get("events"):
        yield "It was told of no promotion, closure or opening: where you know of one, you know better."
    yield (
        "It knows the past of these stores and nothing else: no prices, no competitors, no new store, no "
        "crisis that has no like in its history."
    )
