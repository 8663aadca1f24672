"""The model: what serves and why, how good it was, what it looks at; and moving it, for operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from storecast.webapp import address, figures, source
from storecast.webapp.cards import show_cards
from storecast.webapp.frame import Visitor, empty, heading, may
from storecast.webapp.matters import show_effects
from storecast.webapp.moves import show_history, show_moves, show_versions
from storecast.webapp.parts import money_columns, number_columns, show_table
from storecast.webapp.records import Backtests, Models
from storecast.webapp.trials import MARK, show_trial
from storecast.webapp.words import Words

__all__ = ["show"]

_KINDS = {
    "blend": "a blend of calendar-aligned seasonal forecasts, corrected by boosting",
    "aligned": "a blend of calendar-aligned seasonal forecasts",
    "boosting": "gradient boosting on all known inputs",
    "seasonal-naive": "last year's same week",
    "naive-growth": "last year's same week times recent growth",
}
_CUTS = {"store": "Store", "horizon": "Weeks ahead", "holiday": "Holiday", "type": "Type of store"}


def _card(models: Models, judged: Backtests, words: Words) -> None:
    champion = models.champion
    if champion is None:
        empty("Nothing serves yet", "Train a version first: `storecast train DATA`.")
        return
    kind = _KINDS.get(champion.model, champion.model)
    st.markdown(
        f"**Version {champion.version} of {champion.name}** serves: {kind}. It has seen sales up to "
        f"{words.day(judged.cutoff)}. {champion.who or 'Somebody'} let it serve on "
        f"{words.day(champion.published_at)}."
    )
    reason = judged.gate.get("reason")
    if reason:
        st.markdown(f"> {reason}")
    why = MARK.sub("", champion.why)
    if why and why != reason:
        st.markdown(f"Reason given: {why}")
    if models.refused:
        st.warning(f"A newer version was published and refused: {models.refused}", icon=":material/warning:")
    with st.expander("What is recorded"):
        st.table(
            {
                "Model": champion.model,
                "Moved by": champion.kind,
                "Published": words.day(champion.published_at),
                "Digest": champion.digest,
            },
            border="horizontal",
        )


def _naives(scores: Mapping[str, Any]) -> dict[str, float]:
    return {n.removeprefix("wmae:"): v for n, v in scores.items() if n.startswith("wmae:") and v is not None}


def _headline(judged: Backtests, words: Words) -> bool:
    metrics = judged.metrics
    st.header("Back-test", anchor=False)
    if "wmae" not in metrics:
        empty(
            "No back-test",
            "Its history was too short to forecast past weeks from what was known before them, so that it is "
            "not known how good it is.",
        )
        return False
    if judged.cutoffs:
        st.caption(
            f"Forecasts up to {judged.horizon} weeks ahead, made as of {len(judged.cutoffs)} past weeks "
            f"({words.day(judged.cutoffs[0])} to {words.day(judged.cutoffs[-1])}) from what was known then. "
            "In the mean error, holiday weeks count five times."
        )
    with st.container(horizontal=True):
        st.metric("Mean error, a week and series", words.money(metrics["wmae"]), border=True)
        for name, value in _naives(metrics).items():
            st.metric(
                f"Error of {_KINDS.get(name, name)}",
                words.money(value),
                words.delta(metrics["wmae"] / value - 1, "with this model") if value else None,
                delta_color="inverse",
                border=True,
            )
        if metrics.get("wape") is not None:
            st.metric("Error, share of sales", words.percent(metrics["wape"]), border=True)
        if metrics.get("bias") is not None:
            side = "too much" if metrics["bias"] > 0 else "too little"
            st.metric("Bias", f"{words.percent(abs(metrics['bias']))} {side}", border=True)
    return True


def _records(table: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [{n: v[i] for n, v in table.items()} for i in range(len(table.get("segment", ())))]


def _by_week(judged: Backtests, words: Words) -> None:
    rows = _records(judged.tables.get("week", {}))
    if not rows:
        return
    rows.sort(key=lambda r: int(r["segment"]))
    lines = []
    for row in rows:
        errors = {"This model": row["wmae"], **{_short(n): v for n, v in _naives(row).items()}}
        for name, value in errors.items():
            text = words.money(value)
            lines.append({"series": name, "week": int(row["segment"]), "value": value, "text": text})
    figures.by_week(lines, words, "Mean error", alt=_said(rows, words))


def _short(name: str) -> str:
    return {"seasonal-naive": "Last year", "naive-growth": "Naive x growth"}.get(name, name)


def _said(rows: Sequence[Mapping[str, Any]], words: Words) -> str:
    first, last = rows[0], rows[-1]
    return (
        f"Mean error by weeks ahead: {words.money(first['wmae'])} one week ahead, "
        f"{words.money(last['wmae'])} {last['segment']} weeks ahead"
    )


def _coverage(judged: Backtests) -> None:
    rows = _records(judged.tables.get("week", {}))
    if not rows:
        return
    rows.sort(key=lambda r: int(r["segment"]))
    levels = sorted(float(n.removeprefix("coverage-")) for n in rows[0] if n.startswith("coverage-"))
    lines = [
        {"series": f"{x:g} % bands", "week": int(r["segment"]), "value": r[f"coverage-{x:g}"] / 100.0,
         "text": f"{r[f'coverage-{x:g}']:.1f} %"}
        for x in levels
        for r in rows
    ]  # fmt: skip
    told = ", ".join(f"{x:g} % bands held {judged.metrics[f'coverage-{x:g}']:.1f} %" for x in levels)
    figures.by_week(
        lines, None, "Share of weeks within", alt=f"Coverage by weeks ahead: {told}", marks=levels
    )
    st.caption(f"In all: {told}. The thin lines are what they promise.")


def _cut(judged: Backtests, words: Words) -> None:
    known = {name: title for name, title in _CUTS.items() if judged.tables.get(name)}
    if not known:
        return
    cut = address.choose_titled("Against the naive forecasts, by", "by", known)
    rows = []
    for row in _records(judged.tables[cut]):
        naives = _naives(row)
        better = min(naives.values(), default=0.0)
        rows.append(
            {
                known[cut]: row["segment"],
                "Mean error": row["wmae"],
                **{_short(n): v for n, v in naives.items()},
                "Against the better, %": 100.0 * (row["wmae"] / better - 1.0) if better else None,
                "Bias, %": None if row.get("bias") is None else 100.0 * row["bias"],
                "80 % band held, %": row.get("coverage-80"),
                "Forecasts": row["rows"],
            }
        )
    rows.sort(key=lambda r: -(r["Against the better, %"] or 0.0))
    frame = pd.DataFrame(rows)
    dollars = ["Mean error", *(_short(n) for n in _naives(judged.metrics))]
    shares = number_columns([name for name in frame.columns if "%" in name], decimals=1)
    counts = number_columns(("Forecasts",))
    show_table(
        frame,
        column_config={**money_columns(words, dollars), **shares, **counts},
        alt=f"Mean error of this model and the naive forecasts by {known[cut].lower()}, the weakest first",
    )


def show(visitor: Visitor) -> None:
    """Draw the page."""
    client, words = visitor.client, visitor.words
    heading("Model", "Which version serves, how good it was on weeks it had not seen, and who decided that.")
    models, judged = source.models(client), source.backtests(client)
    _card(models, judged, words)
    st.header("Challenger", anchor=False)
    show_trial(client.trial(), models, words)
    if _headline(judged, words):
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**Mean error by weeks ahead**")
            _by_week(judged, words)
        with right:
            st.markdown("**What the bands held, by weeks ahead**")
            _coverage(judged)
        _cut(judged, words)
    show_effects(client, words)
    show_cards(client)
    st.header("Versions", anchor=False)
    versions = client.versions()
    show_versions(versions, models, words)
    if may(visitor, "operator"):
        show_moves(client, models, versions, words)
    else:
        st.caption("Operators can let another version serve here; your key looks on.")
    show_history(client, models, words)
