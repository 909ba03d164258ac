"""The calibration set: real public data go through the whole pipeline, and every outcome is what the raw files say.

What is expected is worked out here from the files, with nothing of the engine: by reading them again, plainly.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from dualtrack.loading import LoadReport, load_files
from dualtrack.settings import Settings
from dualtrack.tools import settle_parts, validate_tools
from predictions.evaluate import PredictionEngine
from predictions.load import SETS, load_definitions
from predictions.standing import Standing
from predictions.store import stored_history
from publishers.sources import eci, epoch, epoch_benchmarks, leaderboards, prices
from publishers.sources.signal import Signal, write_signals
from sinks.duckdb_sink import DuckDBSink

REPOSITORY: Final = Path(__file__).parents[2]
DATA: Final = REPOSITORY.parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the public data lie beside the repository only")

ALL: Final = load_definitions(SETS["calibration"])
READINGS: Final = [(definition.id, reading.id) for definition in ALL for reading in definition.readings]

NIGHTS: Final = tuple(datetime(*day, tzinfo=UTC) for day in ((2026, 1, 21), (2026, 2, 23), (2026, 3, 10), (2026, 7, 3)))
"""What was known by each of these is loaded then: a correction comes after what it corrects, as it did."""

TOP_RANKS: Final = 12
"""Of LMArena's 266 ranks the first are enough for a lead or a gap."""


@dataclass(frozen=True)
class Calibrated:
    """The store after the last night."""

    sink: DuckDBSink
    engine: PredictionEngine
    reports: tuple[LoadReport, ...]

    def history(self, prediction: str, reading: str) -> tuple[Standing, ...]:
        with self.sink.reader() as connection:
            return stored_history(connection, (prediction, reading))

    def backtest(self, prediction: str, reading: str) -> tuple[Standing, ...]:
        with self.sink.reader() as connection:
            return self.engine.history(connection, prediction, reading, NIGHTS[-1], clock="reported_at")


def signals() -> list[Signal]:
    """What decides the set: of the models those that are large, of the benchmarks those that are asked for."""
    models = [one for one in epoch.models(DATA / "epoch_ai") if (one.event.model_extra or {}) and _flop(one) >= 1e25]
    boards = [one for one in epoch_benchmarks.signals(DATA / "epoch_ai") if _benchmark(one) in BENCHMARKS]
    companies = [*epoch.funding(DATA / "epoch_ai"), *epoch.revenue(DATA / "epoch_ai"), *epoch.usage(DATA / "epoch_ai")]
    rest = [*eci.signals(DATA / "epoch_ai"), *leaderboards.aider(DATA), *leaderboards.arena(DATA, top=TOP_RANKS)]
    return sorted([*models, *boards, *companies, *rest, *prices.models_dev(DATA)], key=lambda one: one.known)


BENCHMARKS: Final = ("OSWorld", "SWE-bench Verified", "METR time horizon")


def _flop(signal: Signal) -> float:
    return getattr(signal.event, "training_compute_flop", None) or 0.0


def _benchmark(signal: Signal) -> str:
    return str(getattr(signal.event, "benchmark", ""))


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calibrated]:
    home = tmp_path_factory.mktemp("calibrated")
    parts = settle_parts(Settings(home=home, definitions="calibration"), ("file",))
    parts.open()
    validate = validate_tools()
    validate.checks.open()
    reports, since = [], datetime(1900, 1, 1, tzinfo=UTC)
    everything = signals()
    for night in NIGHTS:
        file = home / f"{night:%Y-%m-%d}.jsonl"
        write_signals((one for one in everything if since <= one.known < night), file)
        clock = _at(night)
        reports.append(load_files([file], replace(validate, clock=clock), replace(parts.tools, clock=clock)))
        since = night
    yield Calibrated(parts.sink, parts.tools.predictions, tuple(reports))
    parts.sink.close()


def _at(night: datetime) -> Any:
    return lambda: night


# The raw files, read plainly.


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def aider_runs() -> tuple[dict[str, Any], ...]:
    return tuple(YAML(typ="safe").load((DATA / "aider" / "polyglot_leaderboard.yml").read_text("utf-8")))


def benchmark(name: str) -> tuple[dict[str, str], ...]:
    return table(f"epoch_ai/benchmarks/{name}.csv")


def company(name: str) -> tuple[dict[str, str], ...]:
    return table(f"epoch_ai/companies/ai_companies_{name}.csv")


def newest_index() -> list[tuple[date, float, dict[str, str]]]:
    """Epoch's index of March 2026: (release, score, row)."""
    rows = table("epoch_ai/eci/epoch_capabilities_index_2026-03-09.csv")
    return [
        (date.fromisoformat(row["Release date"]), float(row["ECI Score"]), row)
        for row in rows
        if row["ECI Score"] and row["Release date"]
    ]


Outcome = tuple[str, date | None]
"""The state, and the day in the world of what decides it; None where nothing does."""


def first(days: list[date], until: date, otherwise: str = "missed") -> Outcome:
    """Met on the first of these days within the deadline."""
    found = sorted(day for day in days if day <= until)
    return ("met", found[0]) if found else (otherwise, None)


def aider_cheaper_than(usd: float) -> Outcome:
    since = date(2025, 2, 9)
    runs = [run for run in aider_runs() if run["pass_rate_2"] >= 61.7 and 0 < (run.get("total_cost") or 0) <= usd]
    return first([run["date"] for run in runs if run["date"] >= since], date(2026, 2, 9))


def open_above(score: float, since: date, until: date) -> Outcome:
    found = [
        day
        for day, points, row in newest_index()
        if points >= score and row["Model accessibility"].startswith("Open weights") and day >= since
    ]
    return first(found, until)


def chinese_lead(since: date, until: date) -> list[date]:
    """Days on which a Chinese model beat everything that was out, by the index of March 2026."""
    index = newest_index()
    others = [(day, points) for day, points, row in index if "China" not in row["Country"] and row["Country"]]
    return [
        day
        for day, points, row in index
        if "China" in row["Country"]
        and since <= day <= until
        and points > max((other for out, other in others if out <= day), default=1e9)
    ]


def osworld(until: date) -> Outcome:
    rows = [row for row in benchmark("os_world_external") if row["Score"] and float(row["Score"]) >= 65]
    return first([date.fromisoformat(row["Date added"]) for row in rows], until)


def swe_bench() -> Outcome:
    rows = [row for row in benchmark("swe_bench_verified") if row["mean_score"] and float(row["mean_score"]) >= 0.85]
    return first([date.fromisoformat(row["Started at"][:10]) for row in rows], date(2025, 8, 31))


def horizon(minutes: float, until: date) -> Outcome:
    rows = [row for row in benchmark("metr_time_horizons_external") if float(row["Time horizon"]) >= minutes]
    days = [date.fromisoformat(row["Release date"]) for row in rows]
    return first([day for day in days if day >= date(2025, 3, 19)], until)


def large_models(wanted: int, until: date, otherwise: str) -> Outcome:
    rows = [
        row
        for row in table("epoch_ai/models/notable_ai_models.csv")
        if row["Training compute (FLOP)"] and float(row["Training compute (FLOP)"]) > 1e26
    ]
    days = sorted(date.fromisoformat(row["Publication date"]) for row in rows)
    reached = [day for day in days if day <= until]
    return ("met", reached[wanted - 1]) if len(reached) >= wanted else (otherwise, None)


def weekly_users() -> Outcome:
    rows = [row for row in company("usage_reports") if row["Product"] == "ChatGPT" and row["Active users"]]
    weekly = [row for row in rows if row["Active users time period"] == "Weekly" and not row["Exclude from graph view"]]
    newest = max(
        (date.fromisoformat(row["Date"]), float(row["Active users"])) for row in weekly if row["Date"] < "2026"
    )
    return ("met" if newest[1] >= 1e9 else "missed", None)


def assistant_users(*, more_than: bool) -> Outcome:
    rows = [row for row in company("usage_reports") if row["Product"] == "Meta AI assistant" and row["Active users"]]
    monthly = [row for row in rows if row["Active users time period"] == "Monthly"]
    enough = [row for row in monthly if float(row["Active users"]) > 1e9 - (not more_than)]
    return first([date.fromisoformat(row["Date"]) for row in enough], date(2025, 12, 31))


def statements(who: str, *types: str) -> list[tuple[date, float]]:
    """Statements about revenue as (day, USD a year), oldest first."""
    rows = [row for row in company("revenue_reports") if row["Company"] == who and row["Type"] in types and row["Date"]]
    amounts = ((row["Annualized revenue (USD)"] or row["Revenue amount (normalize to annual)"], row) for row in rows)
    return sorted((date.fromisoformat(row["Date"]), float(amount)) for amount, row in amounts if amount)


RUN_RATES: Final = ("Annualized revenue", "Annual recurring revenue", "Other", "Quarterly revenue")


def revenue_of_2025() -> Outcome:
    years = [day for day, _ in statements("OpenAI", "Yearly revenue") if day.year == 2025]
    return ("unresolvable", None) if not years else ("met", years[0])


def run_rate(above: float) -> Outcome:
    days = [day for day, amount in statements("OpenAI", *RUN_RATES) if amount >= above]
    return first([day for day in days if day >= date(2025, 3, 26)], date(2025, 12, 31))


def year_end_run_rate() -> Outcome:
    return ("met" if statements("OpenAI", *RUN_RATES)[-1][1] > 20e9 else "missed", None)


def xai_rate() -> Outcome:
    return ("met" if statements("xAI", "Quarterly revenue")[-1][1] >= 1e9 else "missed", None)


def tranches() -> Outcome:
    rows = [row for row in company("funding_rounds") if row["Company"] == "OpenAI" and "300B" in row["Id"]]
    paid = sorted((date.fromisoformat(row["Close date"]), float(row["Funding (equity)"])) for row in rows)
    total = 0.0
    for day, amount in paid:
        total += amount
        if total >= 40e9:
            return "met", day
    return "missed", None


def price_cuts() -> Outcome:
    """By hand: what the file calls changed, of makers, sums that differ, corrections within two days left out."""
    makers = set(prices.MAKERS)
    changed: dict[tuple[str, str], list[tuple[datetime, float, float]]] = {}
    rows = table("models_dev/price_events_from_git.csv")
    for row in sorted(rows, key=lambda one: datetime.fromisoformat(one["commit_time"])):
        if row["provider"] in makers and row["kind"] in ("added", "changed"):
            old, new = (
                sum(float(row[f"{age}_{side}_usd_mtok"] or 0) for side in ("input", "output")) for age in ("old", "new")
            )
            at = datetime.fromisoformat(row["commit_time"]).astimezone(UTC)
            line = changed.setdefault((row["provider"], row["model_id"]), [])
            if not new:
                continue
            if line and (at - line[-1][0]).total_seconds() <= 2 * 86400:
                old = line.pop()[1]
            line.append((at, old, new))
        elif row["kind"] == "removed":
            changed.setdefault((row["provider"], row["model_id"]), []).append((datetime(1990, 1, 1, tzinfo=UTC), 0, 0))
    within = [
        (old, new)
        for line in changed.values()
        for at, old, new in line
        if old and new and old != new and date(2025, 7, 1) <= at.date() <= date(2026, 6, 30)
    ]
    cuts = sum(new < old for old, new in within)
    assert len(within) >= 10
    return ("met" if cuts / len(within) > 0.5 else "missed", None)


CHINESE: Final = re.compile("Alibaba|DeepSeek|Zhipu|Z.ai|01 AI|Tencent|StepFun|MiniMax|Moonshot|Tsinghua|InternLM")


def arena_gap(most: float) -> Outcome:
    best: dict[str, float] = {}
    chinese: dict[str, float] = {}
    for row in table("lmarena/arena_history.csv"):
        score, day = float(row["arena_score"]), row["snapshot_date"]
        best[day] = max(best.get(day, 0), score)
        if CHINESE.fullmatch(row["organization"]) or row["organization"] in ("DeepSeek AI", "Zhipu AI"):
            chinese[day] = max(chinese.get(day, 0), score)
    near = [date.fromisoformat(day) for day in chinese if best[day] - chinese[day] <= most]
    return first([day for day in near if day >= date(2025, 1, 20)], date(2025, 8, 6))


def gpt_4_5() -> Outcome:
    rows = [
        row
        for row in table("models_dev/price_events_from_git.csv")
        if (row["provider"], row["model_id"]) == ("openai", "gpt-4.5-preview")
    ]
    assert [row["kind"] for row in rows] == ["added", "removed"], "it was never made cheaper, and then withdrawn"
    return "annulled", None


EXPECTED: Final[dict[tuple[str, str], Any]] = {
    # R1 of May 2025 solved more than o1 for 4.80 USD; V3.2 in October for a tenth of the cheapest run of February.
    ("altman-cost-tenfold", "literal"): lambda: aider_cheaper_than(18.65),
    ("altman-cost-tenfold", "strict"): lambda: aider_cheaper_than(1.329),
    # DeepSeek R1 came three months later; the o1 that came in December was passed by a Chinese model in July.
    ("soai-2024-open-o1", "literal"): lambda: open_above(136, date(2024, 10, 10), date(2025, 10, 10)),
    ("soai-2024-open-o1", "strict"): lambda: open_above(143, date(2024, 10, 10), date(2025, 10, 10)),
    # Ten points behind in March 2026, and the deadline is ahead of the data.
    ("soai-2025-china-leads", "literal"): lambda: first(
        chinese_lead(date(2025, 10, 9), date(2026, 10, 9)), date(2026, 10, 9), otherwise="open"
    ),
    ("ai-2027-osworld", "literal"): lambda: osworld(date(2025, 8, 31)),
    ("ai-2027-osworld", "same-year"): lambda: osworld(date(2025, 12, 31)),
    ("ai-2027-swe-bench", "literal"): swe_bench,
    ("openai-billion-users", "literal"): weekly_users,
    # Rounded to a billion, which is not more than a billion.
    ("zuckerberg-billion-assistant", "literal"): lambda: assistant_users(more_than=False),
    ("zuckerberg-billion-assistant", "strict"): lambda: assistant_users(more_than=True),
    ("openai-revenue-2025", "literal"): revenue_of_2025,
    ("openai-revenue-2025", "run-rate"): lambda: run_rate(12.7e9),
    # A miss of the data, not of the engine: they end at 19 billion on 18 December 2025.
    ("openai-run-rate-2025", "literal"): year_end_run_rate,
    ("openai-40bn-round", "literal"): tranches,
    ("xai-billion-revenue", "literal"): xai_rate,
    # No file has a series of this, and none could be waited for.
    ("amodei-code", "literal"): lambda: ("unresolvable", None),
    ("amodei-code", "twelve-months"): lambda: ("unresolvable", None),
    ("epoch-models-1e26", "literal"): lambda: large_models(10, date(2025, 12, 31), "missed"),
    ("epoch-models-1e26", "thirty"): lambda: large_models(30, date(2026, 12, 31), "open"),
    ("metr-doubling", "once"): lambda: horizon(118, date(2025, 10, 19)),
    ("metr-doubling", "twice"): lambda: horizon(236, date(2026, 5, 19)),
    # Declared after its deadline; what the world did is in the verdict.
    ("test-open-weights-145", "literal"): lambda: (
        "late",
        open_above(145, date(1990, 1, 1), date(2025, 12, 31))[1],
    ),
    ("test-gpt-4-5-price", "literal"): gpt_4_5,
    ("test-china-led-2024", "literal"): lambda: first(
        chinese_lead(date(2024, 1, 1), date(2024, 12, 31)), date(2024, 12, 31)
    ),
    ("test-price-cuts", "literal"): price_cuts,
    ("test-arena-gap", "literal"): lambda: arena_gap(25),
    ("test-arena-gap", "first"): lambda: arena_gap(0),
}


def test_every_reading_is_expected_to_end_somehow() -> None:
    assert set(EXPECTED) == set(READINGS)
    states = {EXPECTED[key]()[0] for key in READINGS}
    assert states == {"met", "missed", "open", "unresolvable", "late", "annulled"}


def test_each_names_its_source_and_test_claims_call_themselves_that() -> None:
    for definition in ALL:
        assert "calibration" in definition.tags
        assert (
            "test claim" in definition.source if definition.id.startswith("test-") else "https://" in definition.source
        )
    assert sum(not definition.id.startswith("test-") for definition in ALL) >= 10


def test_all_lines_land(calibrated: Calibrated) -> None:
    landed = [(report.landed.landed, report.landed.duplicate, report.landed.rejected) for report in calibrated.reports]
    assert all(count > 50 and (duplicate, rejected) == (0, 0) for count, duplicate, rejected in landed), landed


@pytest.mark.parametrize("key", READINGS, ids="-".join)
def test_the_outcome_is_what_the_raw_files_say(calibrated: Calibrated, key: tuple[str, str]) -> None:
    state, day = EXPECTED[key]()
    now = calibrated.history(*key)[-1]
    assert now.state == state, now.detail
    if day is not None:
        rows = sorted(now.evidence, key=lambda row: str(row["occurred_on"]))
        decisive = rows[-1] if key[0] in ("openai-40bn-round", "epoch-models-1e26") else rows[0]
        assert decisive["occurred_on"] == day.isoformat()
    else:
        assert state != "met" or key[0] == "test-price-cuts"


def test_the_late_one_was_right_about_the_world(calibrated: Calibrated) -> None:
    now = calibrated.history("test-open-weights-145", "literal")[-1]
    assert (now.state, now.verdict) == ("late", "met")


def test_a_lead_that_a_slip_of_the_pen_made_was_told_and_then_taken_back(calibrated: Calibrated) -> None:
    """Epoch's file of January 2026 dates a model of September 2025 a year too early."""
    history = calibrated.history("test-china-led-2024", "literal")
    assert [state for state, _ in groupby(one.state for one in history)] == ["open", "met", "open", "missed"]
    met = [one for one in history if one.state == "met"]
    assert (str(met[0].known_at.date()), met[0].evidence[0]["id"]) == ("2026-01-21", "Kimi-K2-Instruct-0905")
    taken_back = history[history.index(met[-1]) + 1]
    assert str(taken_back.known_at.date()) == "2026-02-23"
    assert taken_back.cause is not None
    assert taken_back.cause["id"] == "Kimi-K2-Instruct-0905@2026-02-22"


@pytest.mark.parametrize(
    ("key", "day"),
    [
        (("altman-cost-tenfold", "literal"), "2025-06-06"),
        (("openai-40bn-round", "literal"), "2025-12-30"),
        (("zuckerberg-billion-assistant", "literal"), "2025-05-28"),
        (("ai-2027-osworld", "same-year"), "2025-11-16"),
        (("test-arena-gap", "literal"), "2025-01-24"),
        (("openai-revenue-2025", "run-rate"), "2025-08-01"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_a_backtest_dates_it_by_when_it_could_be_known(calibrated: Calibrated, key: tuple[str, str], day: str) -> None:
    met = next(one for one in calibrated.backtest(*key) if one.state == "met")
    assert str(met.known_at.date()) == day


def test_the_table_in_the_docs_is_what_the_engine_says(calibrated: Calibrated) -> None:
    text = (REPOSITORY / "docs" / "calibration.md").read_text("utf-8")
    told = {(row[0], row[1]): row[2] for row in re.findall(r"^\| `([\w-]+)` \| ([\w-]+) \| ([\w ]+?) \|", text, re.M)}
    assert told == {key: calibrated.history(*key)[-1].state for key in READINGS}
