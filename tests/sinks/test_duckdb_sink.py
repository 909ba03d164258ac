"""Exactly once: what lands, what does not, and what is left when something breaks."""

import math
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settling import ArrivedDecision, ArrivedRejection, ArrivedSignal, Landed, SettleBatch
from sinks import duckdb_sink
from sinks.base import Sink, StoreBroken, StoreLocked
from sinks.duckdb_sink import DuckDBSink, memory_limit
from tests.sinks.builders import (
    LANDED_AT,
    alert,
    arrived,
    at,
    batch,
    decision,
    identity,
    money,
    name,
    rejection,
    via,
)

Item = ArrivedSignal | ArrivedRejection | ArrivedDecision

TABLES = ("events", "outcomes", "rejections", "duplicates", "decisions", "offsets", "outbox")


def land(sink: DuckDBSink, landing: SettleBatch) -> Landed:
    with sink.transaction() as transaction:
        return transaction.land(landing, LANDED_AT)


def rows(sink: DuckDBSink, sql: str) -> list[tuple[Any, ...]]:
    with sink.reader() as connection:
        return connection.execute(sql).fetchall()


def counts(sink: DuckDBSink) -> dict[str, int]:
    return {table: rows(sink, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def test_every_input_gets_one_outcome(sink: DuckDBSink) -> None:
    landing = batch(arrived(1), arrived(2, id="e1"), rejection(3), decision(4), offsets={("signals.validated", 0): 7})
    assert land(sink, landing) == Landed(2, 1, 1, 0, frozenset({"deal"}), 1)
    assert counts(sink) == {
        "events": 1,
        "outcomes": 4,
        "rejections": 1,
        "duplicates": 1,
        "decisions": 1,
        "offsets": 1,
        "outbox": 0,
    }
    assert rows(sink, "SELECT * FROM ledger") == [
        ("duplicate", "event", 1),
        ("landed", "decision", 1),
        ("landed", "event", 1),
        ("rejected", "event", 1),
    ]
    assert sink.stored_offsets() == {("signals.validated", 0): 7}


def test_an_event_is_stored_with_everything(sink: DuckDBSink) -> None:
    one = arrived(
        1,
        minutes=3,
        publisher=" The Paper ",
        status="signed",
        urls=["https://example.org/1"],
        money=[money("amount", "6600000000.1234567", usd="7100000000.5", currency="EUR")],
        corrects=identity("e0"),
        extra={"kept": True},
    )
    land(sink, batch(one))
    [row] = rows(
        sink,
        """SELECT source, id, publisher, status, urls, known_at, amount_usd, money[1].value, corrects, scores,
        evidence[1].what, orgs[1].id, orgs[2].id, warnings[1].rule, data->>'$.extra.kept', envelope->>'$.specversion',
        input_topic, input_offset, occurred_on = occurred_until FROM events""",
    )
    assert row == (
        "desk",
        "e1",
        "The Paper",
        "signed",
        ["https://example.org/1"],
        at(3),
        Decimal("7100000000.5"),
        Decimal("6600000000.123457"),
        {"source": "desk", "id": "e0"},
        {"cost": 0.75, "application": 0.25},
        "cheaper",
        "acme",
        None,
        "old",
        "true",
        "1.0",
        "signals.deal",
        1,
        True,
    )


def test_a_rejection_keeps_the_original_bytes(sink: DuckDBSink) -> None:
    land(sink, batch(rejection(1)))
    [row] = rows(sink, 'SELECT "key", "value", headers, stage, rule FROM rejections')
    assert row == (None, b"\xff\x00not json", [{"name": "trace", "value": b"\x00\x01"}], "parse", "json")


def test_redelivery_lands_nothing(sink: DuckDBSink) -> None:
    landing = batch(arrived(1), rejection(2), decision(3), offsets={("signals.validated", 0): 2})
    land(sink, landing)
    before = counts(sink)
    assert land(sink, landing) == Landed(redelivered=3)
    assert counts(sink) == before


def test_an_input_counts_once_inside_a_batch_and_its_first_delivery_wins(sink: DuckDBSink) -> None:
    later = rejection(1, delivered=via(5, "signals.rejected"))
    twice = SettleBatch(signals=(arrived(1, via=via(4)), arrived(1, via=via(3))), rejections=(later,))
    assert land(sink, twice) == Landed(landed=1, redelivered=2, event_types=frozenset({"deal"}))
    assert rows(sink, "SELECT outcome, via_offset, via_topic FROM outcomes") == [("landed", 3, "signals.validated")]


def test_the_first_outcome_wins_across_batches(sink: DuckDBSink) -> None:
    land(sink, batch(rejection(1)))
    assert land(sink, batch(arrived(1))) == Landed(redelivered=1)


def test_duplicates_are_flagged_when_they_differ(sink: DuckDBSink) -> None:
    land(sink, batch(arrived(1, id="x")))
    land(sink, batch(arrived(2, id="x"), arrived(3, id="x", content="other", title="Changed")))
    assert rows(sink, "SELECT \"offset\", differs, data->>'$.title' FROM duplicates ORDER BY ALL") == [
        (2, False, "Event x"),
        (3, True, "Changed"),
    ]
    assert rows(sink, "SELECT title FROM events") == [("Event x",)]


def test_inside_a_batch_the_first_known_lands(sink: DuckDBSink) -> None:
    land(sink, batch(arrived(1, id="x", minutes=9), arrived(2, id="x", minutes=5), arrived(0, id="x", minutes=9)))
    assert rows(sink, "SELECT input_offset FROM events") == [(2,)]


def test_identities_are_not_glued_together(sink: DuckDBSink) -> None:
    land(sink, batch(arrived(1, id="bc", source="a"), arrived(2, id="c", source="ab")))
    assert counts(sink)["events"] == 2


def test_events_and_decisions_share_their_identities(sink: DuckDBSink) -> None:
    land(sink, batch(arrived(1, id="d9", source="people")))
    assert land(sink, batch(decision(9))).duplicate == 1
    assert counts(sink)["decisions"] == 0


def test_a_collision_of_hashes_drops_nothing(sink: DuckDBSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinks.identity._hash", lambda text: 7)
    for offset in range(101, 104):
        land(sink, batch(arrived(offset, id=f"collides-{offset}")))
    assert counts(sink)["events"] == 3


def test_offsets_only_grow(sink: DuckDBSink) -> None:
    for offset in (5, 3, 5, 8):
        land(sink, batch(offsets={("t", 0): offset, ("t", 1): 1}))
    assert sink.stored_offsets() == {("t", 0): 8, ("t", 1): 1}
    assert rows(sink, 'SELECT next_offset FROM offsets WHERE "partition" = 0 ORDER BY ALL') == [(5,), (8,)]
    sink.close()
    sink.open()
    assert sink.stored_offsets() == {("t", 0): 8, ("t", 1): 1}


def test_opening_compacts_the_offsets(sink: DuckDBSink, monkeypatch: pytest.MonkeyPatch) -> None:
    for offset in range(1, 6):
        land(sink, batch(offsets={("t", 0): offset}))
    sink.close()
    monkeypatch.setattr(duckdb_sink, "OFFSET_ROWS", 3)
    sink.open()
    assert rows(sink, "SELECT next_offset FROM offsets") == [(5,)]
    assert sink.stored_offsets() == {("t", 0): 5}


def test_an_exception_takes_everything_back(sink: DuckDBSink) -> None:
    def fail() -> None:
        with sink.transaction() as transaction:
            transaction.land(batch(arrived(2), rejection(3), offsets={("t", 0): 4}), LANDED_AT)
            transaction.queue([alert()], ["file"])
            raise ZeroDivisionError

    land(sink, batch(arrived(1), offsets={("t", 0): 1}))
    before = counts(sink)
    with pytest.raises(ZeroDivisionError):
        fail()
    assert counts(sink) == before
    assert sink.stored_offsets() == {("t", 0): 1}
    assert land(sink, batch(arrived(2), rejection(3), offsets={("t", 0): 4})).landed == 1


def test_errors_of_the_driver_leave_as_faults_and_take_everything_back(sink: DuckDBSink) -> None:
    def fail() -> None:
        with sink.transaction() as transaction:
            transaction.land(batch(arrived(1)), LANDED_AT)
            transaction.connection.execute("INSERT INTO no_such_table VALUES (1)")

    with pytest.raises(StoreBroken, match="no_such_table"):
        fail()
    assert counts(sink)["events"] == 0


def test_odd_texts_and_numbers_land(sink: DuckDBSink) -> None:
    odd = arrived(
        1,
        title="a\x00b 'quoted' \U0001f600",
        summary="x" * 100_000,
        unknown=[float("nan"), 2**70, {"\x00": None}],
        money=[money("amount", "1e29"), money("valuation", "1e40"), money("tranches.0", "0.0000004")],
    )
    land(sink, batch(odd))
    [row] = rows(sink, "SELECT title, amount_usd, valuation_usd, money[3].value, data->>'$.title' FROM events")
    assert row == ("a\x00b 'quoted' \U0001f600", Decimal("1e29"), None, Decimal(0), "a\x00b 'quoted' \U0001f600")
    assert rows(sink, "SELECT length(data->>'$.summary') FROM events") == [(100_000,)]


def test_transactions_of_threads_take_turns(sink: DuckDBSink) -> None:
    def work(first: int) -> None:
        for offset in range(first, first + 10):
            land(sink, batch(arrived(offset)))

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(sink)["events"] == 30


def test_a_transaction_inside_a_transaction_is_refused(sink: DuckDBSink) -> None:
    with sink.transaction():
        with pytest.raises(RuntimeError, match="already open"), sink.transaction():
            pass
        with sink.reader() as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_it_keeps_the_contract(sink: DuckDBSink) -> None:
    promised: Sink = sink
    with promised.transaction() as transaction:
        assert transaction.land(batch(), LANDED_AT) == Landed()


def test_a_sink_that_is_not_open_says_so(store: Path) -> None:
    with pytest.raises(RuntimeError, match="call open"):
        DuckDBSink(store).stored_offsets()


def test_the_log_of_changes_is_folded_in(sink: DuckDBSink, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wal = Path(f"{store}.wal")
    land(sink, batch(*(arrived(offset) for offset in range(300))))
    assert wal.stat().st_size > 50_000
    monkeypatch.setattr(duckdb_sink, "CHECKPOINT_BYTES", 50_000)
    land(sink, batch(arrived(1000)))
    assert not wal.exists() or wal.stat().st_size < 50_000
    assert counts(sink)["events"] == 301


def test_reference_rows_become_tables(store: Path) -> None:
    table: list[dict[str, Any]] = [
        {"id": "acme", "founded": 2019, "share": Decimal("0.5")},
        {"id": "beta", "aliases": ["b"]},
    ]
    with DuckDBSink(store, reference={"ref_organisations": table}) as sink:
        sink.open()
        assert rows(sink, "SELECT id, founded, aliases FROM ref_organisations ORDER BY id") == [
            ("acme", 2019, None),
            ("beta", None, ["b"]),
        ]


# Splitting, order and redelivery ------------------------------------------------------------------------------------

INPUTS: tuple[Item, ...] = (
    *(arrived(offset, id=f"e{offset % 6}", minutes=offset % 4) for offset in range(10)),
    *(rejection(offset) for offset in range(10, 13)),
    *(decision(offset, id=f"d{offset % 2}") for offset in range(3)),
)


@settings(max_examples=25, deadline=None)
@given(
    order=st.lists(st.sampled_from(range(len(INPUTS))), max_size=30).flatmap(
        lambda again: st.permutations([*range(len(INPUTS)), *again])
    ),
    cuts=st.lists(st.integers(1, 8), min_size=1, max_size=8),
)
def test_any_order_cut_and_redelivery_gives_the_same_events(order: Sequence[int], cuts: Sequence[int]) -> None:
    total = Landed()
    with TemporaryDirectory() as folder, DuckDBSink(Path(folder) / "store.duckdb") as sink:
        sink.open()
        position = 0
        while position < len(order):
            size = cuts[position % len(cuts)]
            total += land(sink, batch(*(INPUTS[index] for index in order[position : position + size])))
            position += size
        ids = rows(sink, "SELECT id FROM events UNION ALL SELECT id FROM decisions ORDER BY 1")
        outcomes = Counter(outcome for (outcome,) in rows(sink, "SELECT outcome FROM outcomes"))
        flagged = rows(sink, "SELECT count(*) FROM duplicates")
    assert ids == [("d0",), ("d1",), *((f"e{number}",) for number in range(6))]
    assert outcomes == {"landed": 8, "duplicate": 5, "rejected": 3}
    assert (total.landed, total.duplicate, total.rejected) == (8, 5, 3)
    assert total.redelivered == len(order) - len(INPUTS)
    assert flagged == [(5,)]


# More than one process ----------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from sinks.duckdb_sink import DuckDBSink, memory_limit
from tests.sinks.builders import LANDED_AT, arrived, batch
sink = DuckDBSink(Path(sys.argv[1]))
sink.open()
next_offset = sink.stored_offsets().get(("signals.validated", 0), 0)
print("open", flush=True)
while True:
    with sink.transaction() as transaction:
        signals = [arrived(offset) for offset in range(next_offset, next_offset + 20)]
        next_offset += 20
        transaction.land(batch(*signals, offsets={("signals.validated", 0): next_offset}), LANDED_AT)
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_writer_leaves_rows_and_offsets_agreeing(store: Path) -> None:
    seen = 0
    for round_number in range(5):
        process = start(WRITER, str(store))
        time.sleep(0.15 + 0.07 * round_number)
        kill(process)
        with DuckDBSink(store) as sink:
            sink.open()
            offset = sink.stored_offsets().get(("signals.validated", 0), 0)
            found = rows(sink, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM outcomes)")
        assert found == [(offset, offset)]
        assert offset >= seen
        seen = offset
    assert seen > 0


def test_a_second_process_is_refused_with_the_pid_or_waits(store: Path) -> None:
    process = start(WRITER, str(store))
    try:
        with pytest.raises(StoreLocked, match=f"process {process.pid} has the store") as refused:
            DuckDBSink(store).open()
        assert refused.value.pid == process.pid
        told: list[StoreLocked] = []

        def on_wait(locked: StoreLocked) -> None:
            told.append(locked)
            if len(told) == 2:
                kill(process)

        with DuckDBSink(store) as sink:
            sink.open(wait_seconds=math.inf, on_wait=on_wait)
            assert sink.stored_offsets()
        assert len(told) >= 2
    finally:
        kill(process)


def test_waiting_ends(store: Path, sink: DuckDBSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_sink, "POLL_SECONDS", 0.01)
    with pytest.raises(StoreLocked, match="this process"):
        DuckDBSink(store).open(wait_seconds=0.05)
    # The refused one has not taken the lock away from the one that has it.
    land(sink, batch(arrived(1)))
    code = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"
    refused = subprocess.run([sys.executable, "-c", code, str(store)], capture_output=True, text=True, check=False)
    assert "Could not set lock" in refused.stderr


def test_a_batch_of_a_thousand_is_quick(sink: DuckDBSink) -> None:
    landings = [batch(*(arrived(offset) for offset in range(first, first + 1000))) for first in (0, 1000, 2000, 3000)]
    seconds = []
    for landing in landings:
        begun = time.process_time()
        land(sink, landing)
        seconds.append(time.process_time() - begun)
    # Processor time, far above the measured 50 ms: catches row-wise inserts (seconds), not a busy machine.
    assert min(seconds) < 0.4


def test_names_of_inputs_are_told_apart(sink: DuckDBSink) -> None:
    land(sink, batch(arrived(1, input=name(1, "a/1", 2)), arrived(2, input=name(2, "a", 1))))
    assert counts(sink)["outcomes"] == 2


def test_the_driver_gives_times_in_utc(sink: DuckDBSink) -> None:
    land(sink, batch(arrived(1)))
    assert rows(sink, "SELECT known_at::VARCHAR FROM events") == [("2026-04-16 12:01:00+00",)]


def test_disk_full_may_pass_and_lost_databases_do_not() -> None:
    from schemas.faults import TerminalFault, TransientFault
    from sinks.driver_faults import as_fault

    assert isinstance(as_fault(duckdb.IOException("Could not write: No space left on device")), TransientFault)
    assert isinstance(as_fault(duckdb.TransactionException("conflict")), TransientFault)
    assert isinstance(as_fault(duckdb.FatalException("database has been invalidated")), TerminalFault)


@pytest.mark.parametrize(("memory", "expected"), [("300MB", 300e6), ("2GB", 2e9), (None, 4e9)])
def test_duckdbs_memory_is_bounded(store: Path, memory: str | None, expected: float) -> None:
    with DuckDBSink(store, memory=memory) as sink:
        sink.open()
        with sink.reader() as connection:
            assert memory_limit(connection) <= expected * 1.01
            if memory is not None:
                assert memory_limit(connection) >= expected * 0.95  # DuckDB tells one digit behind the point
