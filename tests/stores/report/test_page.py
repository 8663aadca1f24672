"""The page: every figure against plain loops, every variant, and nothing that a key could break."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.forecasting.panel import Panel
from storecast.forecasting.promotion import GateReport, SegmentVerdict
from storecast.forecasting.quality import Finding
from storecast.forecasting.sample import SampleSpec, make_sample
from storecast.ports import ReportWriter, RunReport
from storecast.stores.report import HtmlReport
from tests.stores.report.pages import Page, make_run, page_of, read_page, rename, sums_of, with_gate

STORES = SampleSpec(stores=14, weeks=143, seed=3)
PASSED = GateReport(
    True,
    "aligned",
    "aligned beats both naives on 26 weeks.",
    (
        SegmentVerdict("all", "naive-growth", 900.0, 150.0, 0.01, 0.01, 26, "better"),
        SegmentVerdict("holiday weeks", "naive-growth", -70.0, -90.0, 0.02, 0.0004, 5, "worse"),
        SegmentVerdict(
            "type C", "naive-growth", 5.0, float("nan"), float("nan"), float("nan"), 3, "not judged"
        ),
    ),
)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Stores, one of which opened this spring: it has no last year to compare with."""
    sample = make_sample(STORES)
    return sample[(sample["unique_id"] != "3") | (sample["ds"] >= "2012-03-02")].reset_index(drop=True)


@pytest.fixture(scope="module")
def run(frame: pd.DataFrame) -> RunReport:
    return with_gate(make_run(frame, files={"Forecasts": "out/forecast.csv"}), PASSED)


@pytest.fixture(scope="module")
def page(run: RunReport, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(run, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def departments() -> RunReport:
    spec = SampleSpec(stores=5, departments=6, weeks=120, gap_share=0.02, seed=1)
    return with_gate(make_run(make_sample(spec), windows=1, horizon=13), PASSED)


def near_sums(frame: pd.DataFrame, run: RunReport, weeks: int) -> dict[str, tuple[float, float, float]]:
    """Key -> forecast in all, forecast of the weeks that sold last year, and those sales, by plain loops."""
    sold, forecaster = sums_of(frame), run.forecaster
    out = {}
    for j, key in enumerate(forecaster.keys.tolist()):
        total = comparable = before = 0.0
        for i in range(weeks):
            year_ago = np.datetime64(forecaster.weeks[i] - np.timedelta64(364, "D"), "D")
            total += float(forecaster.point[i, j])
            if (key, year_ago) in sold:
                comparable += float(forecaster.point[i, j])
                before += sold[key, year_ago]
        out[key] = total, comparable, before
    return out


def dollars(x: float, sign: bool = False) -> str:
    mark = "−" if round(x) < 0 else "+" if sign and round(x) > 0 else ""
    return f"{mark}${abs(round(x)):,}"


@pytest.mark.parametrize("weeks", [13, 26])
def test_totals_are_the_sums_of_the_data(frame: pd.DataFrame, run: RunReport, page: Page, weeks: int) -> None:
    """The headline's totals are the sums of all forecasts, and of last year's sales in the file."""
    sums = near_sums(frame, run, weeks).values()
    total, comparable, before = (sum(s[i] for s in sums) for i in range(3))
    assert total > comparable
    text = page.text
    assert f"The next {weeks} weeks (Fri 2 Nov 2012 to" in text
    assert f"bring {dollars(total)}." in text
    assert f"Of this, {dollars(total - comparable)} have nothing to compare with" in text
    assert f"{dollars(comparable - before)} more than the {dollars(before)} of then" in text
    assert f"(+{100 * (comparable / before - 1):.1f} %)" in text
    tile = next(d.text for d in page.root.all("div") if d.text.startswith(f"Next {weeks} weeks"))
    assert f"${total / 1e6:.0f}M" in tile


def test_movers_are_those_that_move_most(frame: pd.DataFrame, run: RunReport, page: Page) -> None:
    """Rising and falling stores are listed by dollars, like for like, with last year's sales beside them."""
    moves = {k: (c - b, c, b) for k, (_, c, b) in near_sums(frame, run, 13).items() if b > 0}
    for title, sign in (("Rising most", 1), ("Falling most", -1)):
        chosen = sorted((k for k in moves if sign * moves[k][0] > 0), key=lambda k: -sign * moves[k][0])[:10]
        assert chosen
        rows = page.table(title)
        assert [row["Store"] for row in rows] == chosen
        for row in rows:
            change, comparable, before = moves[row["Store"]]
            assert row["Change"] == dollars(change, sign=True)
            assert row["Forecast"] == dollars(comparable)
            assert row["Last year"] == dollars(before)
            assert row["%"].replace("−", "-") == f"{100 * change / before:+.1f} %"


def test_errors_stand_beside_both_naives(run: RunReport, page: Page) -> None:
    """The mean error, the naives' and the value added are those of the back-test's rows."""
    assert run.backtest is not None
    errors: dict[str, float] = {}
    rows = run.backtest.rows.to_dict("records")
    weight = sum(r["weight"] for r in rows)
    for name in ("storecast", "seasonal-naive", "naive-growth"):
        errors[name] = sum(r["weight"] * abs(r["y"] - r[name]) for r in rows) / weight
    text = page.text
    assert f"aligned was off by {dollars(errors['storecast'])} a week and store" in text
    for name in ("seasonal-naive", "naive-growth"):
        added = errors[name] - errors["storecast"]
        assert f"{name} {dollars(errors[name])} (value added {dollars(added, sign=True)}" in text
    alt = next(i.attributes["alt"] for i in page.root.all("img") if "WMAE" in i.attributes["alt"])
    assert f"all weeks: {dollars(errors['storecast'])}, naive-growth {dollars(errors['naive-growth'])}" in alt


def test_coverage_is_counted_at_every_level(run: RunReport, page: Page) -> None:
    """Promised, measured and width of each band are those of the back-test's rows, for stores and total."""
    assert run.backtest is not None
    table = page.table("Do the bands hold?")
    frames = {"store": run.backtest.rows, "all together": run.backtest.higher["total"]}
    assert len(table) == 4
    for row in table:
        level, rows = row["Promised"].removesuffix(" %"), frames[row["Level"]].to_dict("records")
        low, high = f"storecast-lo-{level}", f"storecast-hi-{level}"
        held = sum(r[low] <= r["y"] <= r[high] for r in rows) / len(rows)
        assert row["Measured"] == f"{100 * held:.1f} %"
        assert row["Mean width"] == dollars(sum(r[high] - r[low] for r in rows) / len(rows))
        assert row["Weeks"] == str(len({r["ds"] for r in rows}))


def test_losers_come_first(run: RunReport, page: Page) -> None:
    """Stores that a naive serves better are listed with the worst first, and no other store is."""
    assert run.backtest is not None
    worse = {}
    for key, rows in run.backtest.rows.groupby("store"):
        weight = rows["weight"].sum()
        error = {
            name: float((rows["weight"] * (rows["y"] - rows[name]).abs()).sum() / weight)
            for name in ("storecast", "seasonal-naive", "naive-growth")
        }
        better = min(error["seasonal-naive"], error["naive-growth"])
        if error["storecast"] > better:
            worse[str(key)] = error["storecast"] / better - 1
    assert worse  # or this world shows nothing
    listed = page.table(f"Better off with a naive than with aligned ({len(worse)}")
    assert [r["Store"] for r in listed] == sorted(worse, key=lambda k: -worse[k])[:10]
    assert [r["Worse by"] for r in listed] == [f"{100 * worse[r['Store']]:.1f} %" for r in listed]


def test_stores_outside_their_band_are_found(run: RunReport, tmp_path: Path) -> None:
    """A store whose last weeks sold far above the band is listed with its weeks, its side and its sales."""
    assert run.backtest is not None
    rows = run.backtest.rows.copy()
    last = np.sort(rows["ds"].unique())[-4:]
    inside = rows["ds"].isin(last) & (rows["cutoff"] == rows["cutoff"].max())
    rows.loc[inside, "y"] = rows.loc[inside, "storecast"]
    struck = inside & (rows["unique_id"] == "5") & (rows["ds"] > last[0])
    rows.loc[struck, "y"] = rows.loc[struck, "storecast-hi-80"] + 1000.0
    page = page_of(replace(run, backtest=replace(run.backtest, rows=rows)), tmp_path)
    (row,) = page.table("Most of the last 4 weeks outside the 80 % band (1)")
    concerned = rows[inside & (rows["unique_id"] == "5")]
    assert row["Store"] == "5"
    assert row["Weeks outside"] == "3 of 4"
    assert row["Sold"] == "above"
    assert row["Sales"] == dollars(concerned["y"].sum())
    assert row["Forecast"] == dollars(concerned["storecast"].sum())
    assert "Store 5: 3 of its last 4 weeks outside the band" in page.text


def test_every_store_is_in_the_table(frame: pd.DataFrame, run: RunReport, page: Page) -> None:
    """The table of all has each store once, the largest first, with its sums and its note."""
    sums = near_sums(frame, run, 13)
    rows = page.table("All 14 stores")
    assert [r["Store"] for r in rows] == sorted(sums, key=lambda k: -sums[k][0])
    assert all(r["Next 13 weeks"] == dollars(sums[r["Store"]][0]) for r in rows)
    assert {r["Store"]: r["Note"] for r in rows if r["Note"]} == run.forecaster.notes


def test_the_reasons_add_up(run: RunReport, page: Page) -> None:
    """The explained series is the largest, and its steps add up to its forecast."""
    sums = run.forecaster.point[:13].sum(axis=0)
    largest = run.forecaster.keys[int(np.argmax(sums))]
    assert f"The largest series, {largest}, over the next 13 weeks" in page.text
    alt = next(
        i.attributes["alt"] for i in page.root.all("img") if "Same date last year" in i.attributes["alt"]
    )
    amounts = [
        float(a.replace("−", "-").replace("$", "").replace(",", ""))
        for a in re.findall(r"[+−]?\$[\d,.]*\d", alt)
    ]
    assert amounts[-1] == pytest.approx(float(sums.max()), abs=0.5)
    assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=0.5 * len(amounts))
    assert len(amounts) == 7


def test_the_gate_is_shown_by_segment(run: RunReport, page: Page) -> None:
    """Which model serves and why, and each segment's verdict; unknown figures are dashes."""
    assert "gate passed" in page.text
    assert "aligned serves (version 3 of storecast). Why: aligned beats both naives on 26 weeks." in page.text
    first, second, third = page.table("The gate")
    assert (first["Segment"], first["Gain"], first["at least"]) == ("all weeks and series", "+$900", "+$150")
    assert (second["Verdict"], second["Gain"], second["Chance"]) == ("worse", "−$70.0", "< 0.001")
    assert (third["Verdict"], third["at least"], third["Chance"]) == ("not judged", "–", "–")


def test_a_gate_that_did_not_pass_says_so(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Where a naive serves, the page says so, why, and whose figures stand where."""
    tried = make_run(frame)
    assert tried.backtest is not None
    gate = GateReport(False, "seasonal-naive", "aligned is worse than seasonal-naive; seasonal-naive serves.")
    page = page_of(with_gate(tried, gate), tmp_path)
    assert "gate not passed" in page.text
    assert "The naive forecast seasonal-naive serves (version 3 of storecast): no model passed" in page.text
    assert gate.reason in page.text
    assert (
        "judges aligned, which did not pass; the forecasts and their bands are those of seasonal-naive"
        in page.text
    )
    tile = next(d.text for d in page.root.all("div") if d.text.startswith("Mean error"))
    assert "of seasonal-naive; aligned, which did not pass:" in tile
    assert "band of aligned held" in page.text
    assert "Every store is forecast to sell in the next 13 weeks what it sold" in page.text


def test_a_history_too_short_for_a_back_test(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Without a back-test the page claims no accuracy, and still has forecasts, reasons and commands."""
    first = frame["ds"].min()
    young = frame[frame["ds"] < first + pd.Timedelta(weeks=40)]
    report = make_run(young, windows=0, horizon=8)
    page = page_of(report, tmp_path)
    assert "too short for a back-test" in page.text
    assert "no sales of a year before" in page.text
    assert "Nothing can be compared with last year" in page.text
    assert "band held" not in page.text.lower()
    assert set(HtmlReport().pictures(report)) == {"forecast.png", "explanation.png"}
    check_sound(page)


@pytest.mark.parametrize("horizon", [1, 52])
def test_one_series_alone(frame: pd.DataFrame, tmp_path: Path, horizon: int) -> None:
    """A panel of one flat series of another unit, at the shortest and the longest horizon."""
    weeks = np.arange("2010-02-06", "2012-10-20", 7, dtype="datetime64[D]")
    flat = pd.DataFrame({"unique_id": "only", "ds": weeks.astype("datetime64[ns]"), "y": 250.0})
    report = make_run(flat, horizon=horizon, unit="EUR")
    page = page_of(report, tmp_path)
    check_sound(page)
    total = f"{250 * horizon:,} EUR"
    assert f"{total}, as much as the {total} of the same weeks last year" in page.text
    assert "Series only" in page.text
    assert "$" not in page.text
    HtmlReport().pictures(report)


def test_departments_add_a_level(departments: RunReport, tmp_path: Path) -> None:
    """A panel with departments shows stores first, departments too, and bands of all three levels."""
    page = page_of(departments, tmp_path)
    check_sound(page)
    assert {row["Level"] for row in page.table("Do the bands hold?")} == {
        "department",
        "store",
        "all together",
    }
    assert page.table("Departments rising most")
    assert len(page.table("All 5 stores")) == 5
    count = len(departments.forecaster.keys)
    assert len(page.table(f"All {count} departments")) == count


def test_many_series_are_cut_and_said_to_be(tmp_path: Path) -> None:
    """Beyond 200 series the table has the largest, says how many there are, and the page stays small."""
    spec = SampleSpec(stores=15, departments=18, weeks=110)
    report = make_run(make_sample(spec), windows=0, horizon=13)
    count = len(report.forecaster.keys)
    assert count > 200
    page = page_of(report, tmp_path)
    rows = page.table(f"The 200 largest of {count:,} departments")
    assert len(rows) == 200
    assert f"The {count - 200:,} smaller ones are in the forecast file." in page.text
    assert len(page.content) < 1_000_000


HOSTILE = {
    "1": "<script>alert(1)</script>",
    "2": '"><img src=x onerror=alert(1)>',
    "3": "{{ 7 * 7 }}{% raw %}",
    "4": "a$b$c & 'd' \\sum_{i}",
    "5": "</title></style><svg onload=alert(1)>",
    "6": "\u202ekcehc\u202c",
    "7": "店舗七" + "x" * 300,
    "8": "javascript:alert(1)//",
    "9": "</svg><svg/onload=alert(1)>",
}


def test_hostile_keys_are_text(frame: pd.DataFrame, page: Page, tmp_path: Path) -> None:
    """Keys, file names and findings that are markup come out as the text they are, wherever shown."""
    nasty = "<script>alert('file')</script>.csv"
    finding = Finding.at("warned", "odd", [5], "<b>Sales</b>", "<img src=x onerror=alert(2)>", "</table>")
    report = make_run(
        rename(frame, HOSTILE), source=nasty, findings=[finding], unit="<u>", files={"<i>": "<script>"}
    )
    shown = page_of(replace(report, name="</html>", created="<now>"), tmp_path)
    check_sound(shown)
    tags = {e.tag for e in shown.root.all()}
    assert tags <= {e.tag for e in page.root.all()} | {"dl", "table"}
    assert not tags & {"script", "b", "u", "i", "iframe", "object", "link", "form"}
    for element in shown.root.all():
        assert not [name for name in element.attributes if name.startswith("on")]
    keys = {row["Store"] for row in shown.table("All 14 stores")}
    assert set(HOSTILE.values()) <= keys
    for text in (nasty, "<img src=x onerror=alert(2)>", "</html>", "<now>"):
        assert text in shown.text
    HtmlReport().pictures(report)


def test_a_name_that_is_no_text_is_written(run: RunReport, tmp_path: Path) -> None:
    """A file name with bytes that are no UTF-8 does not stop the report."""
    page = page_of(replace(run, source="sales\udcff.csv"), tmp_path)
    assert "sales?.csv" in page.text


def check_sound(page: Page) -> None:
    """What holds of every page: accessible, self-contained, no figure that is none."""
    ids = [e.attributes["id"] for e in page.root.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for image in page.root.all("img"):
        assert len(image.attributes["alt"]) > 20
    for svg in page.root.all("svg"):
        assert svg.attributes["role"] == "img"
        assert svg.attributes["aria-label"]
    for table in page.root.all("table"):
        assert all(th.attributes["scope"] in ("col", "row") for th in table.all("th"))
        widths = {len(row.all("th", "td")) for row in table.all("tr")}
        assert len(widths) == 1
    for link in page.root.all("a"):
        assert link.attributes["href"].startswith("#")
        assert link.attributes["href"][1:] in ids
    assert not re.search(r"\b(nan|inf|None|NaT)\b", page.text)
    for path in page.root.all("path"):
        assert "nan" not in path.attributes["d"]


def test_the_page_is_sound(page: Page) -> None:
    """Pictures have texts, tables have headings, links lead somewhere, no figure is missing."""
    check_sound(page)
    assert page.root.all("html")[0].attributes["lang"] == "en"
    assert len(page.root.all("picture")) == 4


def test_nothing_is_asked_for_from_outside(page: Page) -> None:
    """The page and its pictures name no address but their own, run no script, and forbid both."""
    outside = re.compile(rb"""(https?:)?//|url\(|@import|<script|<link|srcdoc""")
    assert not outside.search(re.sub(rb"base64,[A-Za-z0-9+/=]+", b"", page.content))
    for drawing in page.drawings():
        assert set(re.findall(r"https?://[^\"' <]+", drawing)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }
        assert not re.search(r"<script|<image|@import|href=\"(?!#)|url\((?!#)", drawing)
    policy = page.root.all("meta")[1].attributes
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'; img-src data:;")


def test_findings_are_listed_with_their_rows(frame: pd.DataFrame, tmp_path: Path) -> None:
    """What the check of the data found stands in the page, the gravest first, with rows and remedies."""
    found = [
        Finding.at("info", "extra", [], "Notes", "The column Notes is not used.", "nothing"),
        Finding.at(
            "repaired", "swap", [4, 5, 6], "Date", "Day and month were swapped in {rows}.", "look at them"
        ),
    ]
    page = page_of(make_run(frame, windows=0, findings=found), tmp_path)
    first, second = page.table("What the check of the data found")
    assert (first["Finding"], first["Rows"], first["What to do"]) == ("repaired", "3", "look at them")
    assert first["What"] == "Day and month were swapped in rows 4 to 6."
    assert "column Date" in first["Where"]
    assert second["Finding"] == "good to know"
    assert f"{len(frame):,} rows, 14 series" in page.text


def test_commands_can_be_pasted(run: RunReport, tmp_path: Path) -> None:
    """The commands quote names a shell would take apart, and name the model where it is not the default."""
    page = page_of(replace(run, source="my sales; rm -rf x.csv", name="north"), tmp_path)
    commands = [e.text for e in page.root.all("pre")]
    assert any("'my sales; rm -rf x.csv' --horizon 13 --out forecast.csv --name north" in c for c in commands)
    assert any(c.startswith("storecast models rollback") and c.endswith("--name north") for c in commands)
    assert "out/forecast.csv" in page.text
    HtmlReport(".venv/bin/storecast").write(run, str(tmp_path / "elsewhere.html"))
    elsewhere = read_page((tmp_path / "elsewhere.html").read_bytes())
    assert all(e.text.startswith(".venv/bin/storecast ") for e in elsewhere.root.all("pre"))


def test_same_run_same_bytes(run: RunReport, page: Page, tmp_path: Path) -> None:
    """A run gives the same bytes again, whatever matplotlib is set to, and leaves those settings alone."""
    import matplotlib as mpl

    pictures = HtmlReport().pictures(run)
    with mpl.rc_context({"lines.linewidth": 9.0, "font.size": 30.0, "svg.hashsalt": "other"}):
        assert page_of(run, tmp_path).content == page.content
        assert HtmlReport().pictures(run) == pictures
        assert mpl.rcParams["lines.linewidth"] == 9.0


def test_written_whole_or_not_at_all(run: RunReport, tmp_path: Path) -> None:
    """A report that cannot be made or written leaves the old one, and nothing beside it."""
    writer: ReportWriter = HtmlReport()
    path = tmp_path / "deep" / "report.html"
    writer.write(run, str(path))
    before = path.read_bytes()
    broken = replace(run, panel=Panel.from_frame(make_sample(SampleSpec(stores=1))), quality=None)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        writer.write(broken, str(path))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(RequestError, match="cannot be written"):
        writer.write(run, str(tmp_path / "folder"))
    with pytest.raises(RequestError, match="cannot be written"):
        writer.write(run, str(path / "report.html"))
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_page_of_real_sales(real_data: Path, tmp_path: Path) -> None:
    """The real stores give a sound page whose total is the file's."""
    from storecast.stores.sales_files import read_sales

    data = read_sales(real_data / "Walmart_Sales.csv")
    page = page_of(make_run(data.panel, horizon=13, windows=1), tmp_path)
    check_sound(page)
    total = sum(float(v) for v in data.panel["y"])
    assert f"45 series from Fri 5 Feb 2010 to Fri 26 Oct 2012, ${total:,.0f} of sales in all." in page.text
    assert read_page(page.content).table("All 45 stores")
