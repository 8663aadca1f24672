"""Cards of versions: what they tell is what was measured, and what was not measured is told first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from storecast.forecasting.backtest import Backtest, backtest, rolling_cutoffs
from storecast.forecasting.calendar import US_RETAIL, calendar_state
from storecast.forecasting.cards import Card, Served, Subject, data_card, model_card, short_description
from storecast.forecasting.cards.card import table
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.scores import scores
from storecast.forecasting.state import to_state
from storecast.jobs.keepsakes import keepsakes
from tests.service.conftest import make_panel

HORIZON = 12


@pytest.fixture(scope="module")
def world() -> tuple[Panel, Forecaster, Backtest]:
    """Departments, one of them young, a forecaster of them, and its back-test of 8 weeks ahead."""
    panel = make_panel(departments=True)
    fitted = Forecaster.fit(panel, ForecasterConfig(model="aligned", horizon=HORIZON))
    config = ForecasterConfig(model="aligned", horizon=8)
    return panel, fitted, backtest(panel, config, rolling_cutoffs(panel.weeks, 8, 3, 8), US_RETAIL)


def _subject(world: tuple[Panel, Forecaster, Backtest], **more: Any) -> Subject:
    panel, fitted, judged = world
    meta = to_state(fitted)[2] | {"calendar": calendar_state(US_RETAIL), "code_version": "9.9"}
    found = scores(judged)["all"]
    assert isinstance(found, dict)
    meta |= {"planning": keepsakes(panel, judged), "metrics": found, "events": [], "gate": {}}
    meta = {k: v for k, v in (meta | more).items() if v is not None}
    return Subject("shops", 4, "ab" * 32, fitted, meta, "2026-01-01T12:00:00+00:00", "0123456789abcdef")


def _section(card: Card, title: str) -> str:
    return next(section.text for section in card.sections if section.title == title)


def _doubts(subject: Subject) -> str:
    card = model_card(subject)
    assert card.sections[0].title == "When not to trust it"
    return card.sections[0].text


def test_figures_are_those_of_the_back_test(world: tuple[Panel, Forecaster, Backtest]) -> None:
    """By a plain count over its rows: errors beside both naives, and coverage beside width, at each level."""
    card = model_card(_subject(world))
    judged = world[2]
    for level, rows in {"series": judged.rows, **judged.higher}.items():
        error = float(np.average((rows["y"] - rows["storecast"]).abs(), weights=rows["weight"]))
        naive = float(np.average((rows["y"] - rows["naive-growth"]).abs(), weights=rows["weight"]))
        held = rows["y"].between(rows["storecast-lo-80"], rows["storecast-hi-80"]).mean()
        (line,) = [x for x in card.facts["backtest"]["tables"]["level"] if x["segment"] == level]
        assert line["error"] == pytest.approx(error, abs=0.01)
        assert line["naives"]["naive-growth"] == pytest.approx(naive, abs=0.01)
        assert line["bands"]["80"]["coverage"] == pytest.approx(100 * held, abs=0.01)
        shown = f"${error:,.0f}" if error >= 100 else f"${error:.2f}"
        assert f"| {level} | {shown} |" in _section(card, "How good it was")
        assert f"| {level} | {100 * held:.1f} % |" in _section(card, "What its bands held")
    assert card.facts["digest"] == "ab" * 32
    assert "key `0123456789abcdef`" in _section(card, "How it was made")


def test_losers_and_weeks_that_were_not_judged_come_first(world: tuple[Panel, Forecaster, Backtest]) -> None:
    """Segments in which a naive is better, by name; the weeks beyond the back-test's; the young series."""
    subject = _subject(world)
    told = _doubts(subject)
    tables = subject.meta["planning"]["backtest"]["tables"]["store"]
    lost = [
        name
        for name, mine, a, b in zip(
            *(tables[n] for n in ("segment", "wmae", "wmae:seasonal-naive", "wmae:naive-growth")), strict=True
        )
        if mine > min(a, b)
    ]
    assert (f"better for {len(lost)} of 3 stores" in told) == bool(lost)
    assert "**Weeks 9 to 12 ahead were not judged**" in told
    assert "judged at 3 points in time only" in told
    worse = dict(tables) | {"wmae": [v * 100 for v in tables["wmae"]]}
    planning = keepsakes(world[0], world[2])
    planning["backtest"]["tables"]["store"] = worse
    assert "better for 3 of 3 stores" in _doubts(_subject(world, planning=planning))
    planning["backtest"]["tables"]["level"]["coverage-80"] = [71.0, 81.0, 79.0]
    assert "**Its 80 % bands hold 71.0 %** (series)" in _doubts(_subject(world, planning=planning))


def test_what_nobody_judged_is_said_plainly(world: tuple[Panel, Forecaster, Backtest]) -> None:
    """No back-test; one of another version, of another model; a gate that refused, and one overruled."""
    bare = _subject(world, planning=None, metrics=None)
    assert _doubts(bare).startswith("- **Nobody knows how good it is.**")
    assert "Not known" in _section(model_card(bare), "How good it was")
    assert _section(model_card(bare), "What its bands held") == "Not measured."
    assert "Nobody knows" in short_description(bare)
    update = {"from": 3, "digest": "cd" * 32, "weeks": 2, "trained": "2012-01-06"}
    updated = _subject(world, update=update)
    assert "not back-tested itself" in _doubts(updated)
    assert "version 3 (digest `cdcdcdcdcdcd`)" in model_card(updated).markdown()
    gate = {"decision": "refuse", "reason": "worse <b>by</b> $5", "segments": [], "checks": []}
    over = Served("2026-01-02T00:00:00", "overrule", 3, 4, "Ann", "new shops matter")
    refused = replace(_subject(world, gate=gate), served=(over,))
    told = _doubts(refused)
    assert told.startswith(r"- **The gate did not let it pass**: worse \<b\>by\</b\> $5")
    assert "let serve against the gate**, by Ann: new shops matter" in told


def test_a_naive_that_serves_is_told_as_what_it_is(world: tuple[Panel, Forecaster, Backtest]) -> None:
    """What was tested is another model; its own errors are those of the naive beside it, and no bands."""
    panel, _, judged = world
    naive = Forecaster.fit(panel, ForecasterConfig(model="naive-growth", horizon=HORIZON))
    subject = _subject((panel, naive, judged), metrics={"wmae": 321.0, "rows": 10.0})
    told = _doubts(subject)
    assert "What was tested was aligned, which did not pass" in told
    card = model_card(subject)
    lines = card.facts["backtest"]["tables"]["store"]
    assert [line["error"] for line in lines] == [line["naives"]["naive-growth"] for line in lines]
    assert all(line["bands"] == {} for line in lines)


def test_the_data_card_counts_what_the_history_holds(world: tuple[Panel, Forecaster, Backtest]) -> None:
    """By plain loops: sales, their total, gaps, late and short series; what was read, or that nobody wrote it
    down."""
    _, fitted, _ = world
    history = fitted.history.copy()
    history[5:8, 0] = np.nan  # a gap
    history[-1, 1] = np.nan  # ended
    history[3, 2], history[4, 2] = -5.0, 0.0
    subject = replace(_subject(world), forecaster=replace(fitted, history=history))
    facts = data_card(subject).facts
    known = [[v for v in column if np.isfinite(v)] for column in history.T]
    assert facts["sales"] == sum(map(len, known))
    assert facts["sales_total"] == pytest.approx(sum(map(sum, known)), abs=0.01)
    assert (facts["missing_weeks"], facts["series_with_gaps"]) == (3, 1)
    assert (facts["series_begun_later"], facts["series_under_a_year"]) == (1, 1)
    assert (facts["series_ended_before"], facts["negative"], facts["zero"]) == (1, 1, 1)
    assert (facts["series"], facts["stores"], facts["departments"]) == (6, 3, 2)
    assert facts["holidays"]["Easter"] == 3
    assert "Not recorded" in data_card(subject).markdown()
    read = {
        "shape": "long",
        "status": "repaired",
        "rows": 690,
        "findings": [{"severity": "repaired", "kind": "x", "count": 2, "what": "2 dates | swapped"}],
        "exogenous": {"cpi": {"known": 0.5, "ahead": 3}},
        "static": ["size"],
    }
    text = data_card(replace(subject, meta={**subject.meta, "data": read})).markdown()
    assert r"| repaired | 2 dates \| swapped |" in text
    assert "| cpi | 50.0 % | 3 weeks | not read by this model |" in text
    event = ["closure", "2012-01-06", "2012-02-03", "1_1", ""]
    told = data_card(replace(subject, meta={**subject.meta, "events": [event]})).markdown()
    assert "| closure | 2012-01-06 | 2012-02-03 | 1\\_1 |" in told


def test_a_card_is_one_document(world: tuple[Panel, Forecaster, Backtest]) -> None:
    """All sections in their order, each table whole."""
    card = model_card(_subject(world))
    text = card.markdown()
    assert text.startswith("# Model card: shops version 4\n\n**aligned**: ")
    places = [text.index(f"\n## {section.title}\n") for section in card.sections]
    assert places == sorted(places)
    assert card.as_dict()["markdown"] == text
    for block in text.split("\n\n"):
        widths = {line.replace(r"\|", "").count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) <= 1, block
    assert table(["a", "b"], [["x", "1.5 %"]]) == "| a | b |\n| --- | ---: |\n| x | 1.5 % |"
