"""The runner: exact counts, order, warnings, what cannot be evaluated, threads, memory."""

import gc
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from checks.engine import BrokenRule
from checks.rule import REJECT, WARN, Expect, Rule, at_least
from checks.runner import MOST_UNKNOWN_ROWS, CheckResult, CheckRunner, WrongThread
from schemas.faults import TerminalFault
from schemas.outcomes import Classified, Finding, Stage
from tests.checks.flaky import UNLUCKY
from tests.factories import FIELDS, classify, make_classified, make_enriched, make_event, make_parsed, usd

ROOT = Path(__file__).parents[2]
TYPES = tuple(FIELDS)
LUCKY = Rule(
    "test.lucky", REJECT, "title_length", Expect("tests.checks.flaky:ExpectColumnValuesToBeLucky"), "title is unlucky"
)
LONG = Rule("test.long", REJECT, "title_length", at_least(2), "title is short")


@pytest.fixture(scope="module")
def flaky() -> CheckRunner:
    """Two rules, one of which raises where a title has 13 letters."""
    runner = CheckRunner(rules=(LUCKY, LONG))
    runner.open()
    return runner


def titled(*lengths: int) -> list[Classified]:
    return [make_classified("headline", title="x" * length, offset=i) for i, length in enumerate(lengths)]


def offsets(result: CheckResult) -> tuple[list[int], list[int]]:
    passed = [checked.classified.parsed.record.offset for checked in result.passed]
    return passed, [rejected.record.offset for rejected in result.rejected]


def test_of_5000_events_exactly_the_three_bad_ones_are_rejected(runner: CheckRunner) -> None:
    batch = [make_classified(TYPES[i % len(TYPES)], offset=i) for i in range(5_000)]
    batch[7] = make_classified("policy", occurred_on="1875-03-01", offset=7)
    batch[2_500] = make_classified("funding", amount=usd(-3), valuation=None, offset=2_500)
    batch[4_999] = make_classified("benchmark", score=885, offset=4_999)

    result = runner.run(batch)

    assert [(rejected.record.offset, rejected.rule) for rejected in result.rejected] == [
        (7, "common.occurred-too-early"),
        (2_500, "common.money-negative"),
        (4_999, "benchmark.percent-out-of-range"),
    ]
    assert [checked.classified for checked in result.passed] == [
        item for i, item in enumerate(batch) if i not in {7, 2_500, 4_999}
    ]
    assert not [checked for checked in result.passed if checked.warnings]


def test_a_rejection_holds_the_record_the_stage_and_every_reason(runner: CheckRunner) -> None:
    item = make_classified("funding", title=" ", occurred_on="1875-03-01", amount=usd(-5e6, "ZZZ"), valuation=None)
    [rejected] = runner.run([item]).rejected
    assert rejected.record is item.parsed.record
    assert rejected.stage is Stage.CHECK
    assert rejected.rule == "common.title-blank"
    assert rejected.reason == (
        "common.title-blank: title is blank; "
        "common.occurred-too-early: occurred_on 1875-03-01 is before 1950-01-01; check the century; "
        "common.money-negative: amount -5,000,000 ZZZ is negative; "
        "common.currency-unknown: ZZZ (in amount) is no ISO 4217 currency code"
    )


def test_warnings_of_all_stages_are_collected_in_order(runner: CheckRunner) -> None:
    early, late = Finding("parse.odd", "odd"), Finding("enrich.org-unknown", "who?")
    parsed = make_parsed(make_event("metric", value=None), warnings=[early])
    [checked] = runner.run([classify(make_enriched(parsed, warnings=[late]))]).passed
    assert checked.warnings == (early, late, Finding("metric.no-quantity", "it states no value, range or amount"))


def test_an_empty_batch_needs_no_great_expectations(runner: CheckRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_problems", lambda *_: pytest.fail("it was called"))
    assert runner.run([]) == CheckResult((), ())


def test_a_row_that_cannot_be_evaluated_is_rejected_and_the_others_are_still_checked(flaky: CheckRunner) -> None:
    result = flaky.run(titled(5, 5, UNLUCKY, 5, 1, 5, UNLUCKY, 5, 5))
    assert offsets(result) == ([0, 1, 3, 5, 7, 8], [2, 4, 6])
    assert [rejected.rule for rejected in result.rejected] == ["test.lucky", "test.long", "test.lucky"]
    assert "could not be evaluated" in result.rejected[0].reason
    assert "13 is unlucky" in result.rejected[0].reason


def test_failures_that_an_exception_hid_are_found_again(flaky: CheckRunner) -> None:
    batch = titled(5, UNLUCKY, 5)
    batch.insert(0, make_classified("headline", title=" ", offset=99))
    result = flaky.run(batch)
    assert [(rejected.record.offset, rejected.rule) for rejected in result.rejected] == [
        (99, "test.lucky"),
        (1, "test.lucky"),
    ]
    assert result.rejected[0].reason == "test.lucky: title is unlucky; test.long: title is short"


def test_a_warning_that_cannot_be_evaluated_does_not_pass_either() -> None:
    runner = CheckRunner(rules=(replace(LUCKY, severity=WARN),))
    runner.open()
    assert offsets(runner.run(titled(5, UNLUCKY))) == ([0], [1])


def test_one_bad_row_alone_is_rejected_it_does_not_stop_the_worker(flaky: CheckRunner) -> None:
    assert offsets(flaky.run(titled(UNLUCKY))) == ([], [0])


@pytest.mark.parametrize("batch", [[UNLUCKY] * 2, [UNLUCKY] * (MOST_UNKNOWN_ROWS + 1) + [5] * 2_000])
def test_a_rule_that_raises_for_all_or_too_many_rows_stops_the_worker(flaky: CheckRunner, batch: list[int]) -> None:
    with pytest.raises(BrokenRule, match=r"test\.lucky.*13 is unlucky") as caught:
        flaky.run(titled(*batch))
    assert isinstance(caught.value, TerminalFault)
    assert caught.value.rule == "test.lucky"


@pytest.mark.parametrize(
    "broken",
    [
        replace(LONG, column="no_such_column"),
        replace(LONG, expect=Expect("ExpectNoSuchThing")),
        replace(LONG, expect=Expect("no.such.module:Expectation")),
        replace(LONG, expect=Expect("ExpectColumnValuesToBeBetween", {"min_value": "a", "max_value": object()})),
        replace(LONG, expect=Expect("ExpectColumnMaxToBeBetween", {"max_value": 1})),
    ],
    ids=["column", "class", "module", "arguments", "gives no rows"],
)
def test_a_broken_rule_is_found_when_the_runner_is_opened(broken: Rule) -> None:
    runner = CheckRunner(rules=(broken,))
    with pytest.raises(BrokenRule, match=r"test\.long"):
        runner.open()


def test_two_rules_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same id: \['test.long'\]"):
        CheckRunner(rules=(LONG, LUCKY, LONG))


def test_another_thread_is_refused_and_so_is_a_runner_that_is_not_open(runner: CheckRunner) -> None:
    caught: list[BaseException] = []

    def use() -> None:
        try:
            runner.run(titled(5))
        except WrongThread as error:
            caught.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert "one thread" in str(caught[0])
    with pytest.raises(WrongThread, match="open\\(\\) comes first"):
        CheckRunner().run(titled(5))


def test_memory_stays_flat(flaky: CheckRunner) -> None:
    process = psutil.Process()

    def work(batches: int) -> int:
        for number in range(batches):
            flaky.run(titled(5, 6, 1 + number % 2))
        gc.collect()
        return int(process.memory_info().rss)

    before, objects = work(50), len(gc.get_objects())
    after = work(200)
    assert after - before < 8 * 2**20
    assert len(gc.get_objects()) - objects < 2_000


def test_importing_checks_does_not_import_great_expectations() -> None:
    code = "import sys, checks.runner; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_opening_is_quiet_and_writes_no_files(tmp_path: Path) -> None:
    code = (
        "import warnings; before = warnings.showwarning; from checks.runner import CheckRunner; "
        "CheckRunner().open(); assert warnings.showwarning is before"
    )
    places = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **places, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.rglob("*")) == []
