"""The model card of a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storecast.forecasting.cards.card import Card, Section, bullets, money, percent, plain, table
from storecast.forecasting.cards.doubts import doubts
from storecast.forecasting.cards.scored import Line, Scored, scored
from storecast.forecasting.cards.subject import Subject
from storecast.forecasting.drivers import Effects, effects

__all__ = ["model_card", "short_description"]

_KINDS = {
    "blend": "a blend of calendar-aligned seasonal forecasts, corrected by boosting",
    "aligned": "a blend of calendar-aligned seasonal forecasts",
    "boosting": "gradient boosting on history, calendar and all known inputs",
    "seasonal-naive": "last year's same week",
    "naive-growth": "last year's same week times recent growth",
}
_TABLES = {
    "level": "By level",
    "horizon": "By weeks ahead",
    "holiday": "Holiday weeks",
    "type": "By type of store",
    "store": "By store, the weakest against the naive first",
}
_SHOWN = 10
_FOR = """\
- Planning and ordering by the week: the point is what sales are expected to be, a band how far off they may
  be. Planners who know more say so in an override.
- Comparing stores, departments and weeks, and asking what a known event or input would change.

Not for:

- Days or hours: a week is the smallest unit.
- Prices, staff or people: nothing of them is in the data, and no step of an explanation proves a cause.
- Stores without history, and decisions that nobody looks at."""


def short_description(subject: Subject) -> str:
    """The card in a few sentences, as a registry shows it."""
    found = scored(subject.meta, subject.forecaster.config.model)
    more = f"`storecast models card {subject.version} --name {subject.name}` tells all of it."
    return f"{_summary(subject, found)}\n\n{doubts(subject, found)[0]}\n\n{more}"


def model_card(subject: Subject) -> Card:
    """All of it, made from what the version records."""
    found = scored(subject.meta, subject.forecaster.config.model)
    matters, doubted = effects(subject.forecaster), doubts(subject, found)
    sections = (
        Section("When not to trust it", bullets(doubted)),
        Section("What it is for", _FOR),
        Section("How good it was", _accuracy(found, subject.unit)),
        Section("What its bands held", _bands(found, subject.unit)),
        Section("What the gate decided", _gate(subject.meta.get("gate", {}), subject.unit)),
        Section("What matters in it", _matters(matters, subject.unit)),
        Section("How it was made", _made(subject)),
        Section("Where it comes from, and when it served", _life(subject)),
    )
    title = f"Model card: {plain(subject.name)} version {subject.version}"
    return Card(title, _summary(subject, found), sections, _facts(subject, found, matters, doubted))


def _summary(subject: Subject, found: Scored | None) -> str:
    f = subject.forecaster
    kind = _KINDS.get(f.config.model, plain(f.config.model))
    stores = len(set(f.stores.tolist()))
    of = f"{len(f.keys):,} series of {stores:,} stores"
    what = f"**{plain(f.config.model)}**: {kind}. It forecasts {of} {len(f.weeks)} weeks ahead"
    parts = [f"{what}, from sales of {f.history_weeks[0]} to {f.cutoff}."]
    if found is not None and found.whole.error is not None:
        against = found.whole.against
        error = money(found.whole.error, subject.unit)
        than = ""
        if against is not None:
            side = "less" if against < 0 else "more"
            than = f", {percent(abs(against))} {side} than the better naive forecast's"
        parts.append(f"Its mean error a week and series was {error}{than}.")
    return " ".join(parts)


def _row(line: Line, unit: str) -> list[str]:
    naives = [money(line.naives.get(name), unit) for name in ("seasonal-naive", "naive-growth")]
    return [
        plain(line.segment),
        money(line.error, unit),
        *naives,
        percent(line.against, "+"),
        percent(line.wape),
        percent(line.bias, "+"),
        f"{line.rows:,}",
    ]


def _weakest(lines: Sequence[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: -(line.against if line.against is not None else 0.0))


def _accuracy(found: Scored | None, unit: str) -> str:
    if found is None:
        return "Not known: see above."
    heads = ["mean error", "last year's week", "x growth", "against the better", "of sales", "bias"]
    heads.append("forecasts")
    head = (
        f"Forecasts up to {found.horizon} weeks ahead, made as of {len(found.cutoffs)} past weeks "
        f"({', '.join(found.cutoffs)}) from what was known then, beside both naive forecasts. In the mean "
        "error holiday weeks count five times; lower is better."
    )
    parts = [head]
    if "level" not in found.tables:
        parts.append(table(["all", *heads], [_row(found.whole, unit)]))
    for name, title in _TABLES.items():
        lines = found.tables.get(name, ())
        if name == "store":
            lines = tuple(_weakest(lines)[:_SHOWN])
        if lines:
            all_of = len(found.tables[name])
            more = f" ({_SHOWN} of {all_of:,})" if all_of > len(lines) else ""
            parts += [f"**{title}{more}**", table([name, *heads], [_row(line, unit) for line in lines])]
    return "\n\n".join(parts)


def _bands(found: Scored | None, unit: str) -> str:
    lines = [] if found is None else list(found.tables.get("level", (found.whole,)))
    lines += [] if found is None else [*found.tables.get("horizon", ()), *found.tables.get("holiday", ())]
    lines = [line for line in lines if line.bands]
    if not lines:
        return "Not measured."
    levels = sorted({level for line in lines for level in line.bands})
    rows = []
    for line in lines:
        cells = [plain(line.segment)]
        for level in levels:
            covered, width = line.bands.get(level, (float("nan"), None))
            cells += [f"{covered:.1f} %", money(width, unit)]
        rows.append(cells)
    columns = ["", *(cell for level in levels for cell in (f"{level:g} % band held", "mean width"))]
    return table(columns, rows) + "\n\nA band that holds more than it promises is wider than it had to be."


def _gate(gate: Mapping[str, Any], unit: str) -> str:
    if "decision" not in gate:
        return "No decision is recorded."
    passed = {True: "passed", False: "not passed", None: "not judged"}
    parts = [f"Decision: **{plain(gate['decision'])}**. {plain(gate['reason'])}"]
    rows = [[plain(c["name"]), passed[c["passed"]], plain(c["text"])] for c in gate.get("checks", ())]
    if rows:
        parts.append(table(["check", "outcome", "what was seen"], rows))
    segments = [
        [
            plain(s["segment"]),
            plain(s["against"]),
            plain(s["verdict"]),
            money(s["gain"], unit),
            money(s["gain_low"], unit),
            f"{s['weeks']:,}",
        ]
        for s in gate.get("segments", ())
    ]
    if segments:
        heads = ["segment", "against", "verdict", "gain", "at least", "weeks"]
        parts.append(table(heads, segments))
    return "\n\n".join(parts)


def _matters(matters: Effects, unit: str) -> str:
    first, last = matters.steps[0].weeks
    steps = [step for step in matters.steps if step.weeks == (first, last)]
    rows = [[step.title, money(step.dollars, unit), percent(step.share)] for step in steps]
    head = f"Mean size of what each step changes in a week's forecast, over all series and {last} weeks."
    parts = [head, table(["step", "a week", "of the forecast"], rows)]
    earned = [[plain(i.title), percent(i.share)] for i in matters.tree_inputs if i.share >= 0.0005][:_SHOWN]
    if earned and matters.tree_weight:
        applied = percent(matters.tree_weight)
        parts.append(f"Of what its trees say {applied} is applied. What their inputs earned:")
        parts.append(table(["input", "share"], earned))
    else:
        parts.append("No trees correct its forecasts.")
    return "\n\n".join(parts)


def _flat(config: Any, prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in config.items():
        out |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return out


def _made(subject: Subject) -> str:
    meta, f = subject.meta, subject.forecaster
    settings = _flat(meta.get("config", {}))
    rows = [
        ["Digest of the version", f"`{plain(subject.digest)}`"],
        ["Digest of the data", f"`{plain(meta.get('data_digest', 'not recorded'))}`"],
        ["Made by", f"storecast {plain(meta.get('code_version', 'not recorded'))}"],
        ["Registered", plain(subject.created or "not known here")],
        ["Signed by", f"key `{plain(subject.signed_by)}`" if subject.signed_by else "nobody"],
        ["Seed", str(f.config.seed)],
        ["Holidays", plain(meta.get("calendar", {}).get("name", "not recorded"))],
        ["Known events", f"{len(meta.get('events', ())):,}"],
    ]
    told = ", ".join(f"`{name}` {plain(value)}" for name, value in sorted(settings.items()))
    return table(["what", "value"], rows) + f"\n\nSettings: {told}."


def _life(subject: Subject) -> str:
    meta, lines = subject.meta, []
    if update := meta.get("update"):
        lines.append(
            f"It is version {update['from']} (digest `{plain(update['digest'])[:12]}`) gone on by "
            f"{update['weeks']} weeks, trained on sales up to {plain(update['trained'])}."
        )
    line = meta.get("lineage")
    if line:
        why = f" What lies between them was not kept: {plain(line['why'])}." if line.get("why") else ""
        before = f"version {line['version']} (digest `{plain(line['digest'])[:12]}`)"
        lines.append(f"When it was trained, {before} served.{why}")
    if not lines:
        lines.append("It came from no earlier version.")
    lines += [
        f"{plain(move.at)[:16]}: {plain(move.kind)}, from {move.before or 'nothing'} to {move.after}, by "
        f"{plain(move.who)}: {plain(move.why)}"
        for move in subject.served
    ]
    return bullets(lines)


def _facts(
    subject: Subject, found: Scored | None, matters: Effects, doubted: Sequence[str]
) -> dict[str, Any]:
    f, meta = subject.forecaster, subject.meta
    tested = None
    if found is not None:
        tables = {n: [line.as_dict() for line in lines] for n, lines in found.tables.items() if n in _TABLES}
        tested = {
            "model": found.judged,
            "horizon": found.horizon,
            "cutoffs": list(found.cutoffs),
            "all": found.whole.as_dict(),
            "tables": tables,
        }
    return {
        "name": subject.name,
        "version": subject.version,
        "digest": subject.digest,
        "created": subject.created,
        "signed_by": subject.signed_by or None,
        "code_version": meta.get("code_version"),
        "data_digest": meta.get("data_digest"),
        "model": f.config.model,
        "unit": subject.unit,
        "first_week": str(f.history_weeks[0]),
        "cutoff": str(f.cutoff),
        "series": len(f.keys),
        "stores": len(set(f.stores.tolist())),
        "horizon": len(f.weeks),
        "settings": _flat(meta.get("config", {})),
        "calendar": meta.get("calendar", {}).get("name"),
        "events": len(meta.get("events", ())),
        "doubts": list(doubted),
        "backtest": tested,
        "gate": dict(meta.get("gate", {})),
        "effects": matters.as_dict(),
        "update": meta.get("update"),
        "lineage": meta.get("lineage"),
        "served": [vars(move) for move in subject.served],
    }
