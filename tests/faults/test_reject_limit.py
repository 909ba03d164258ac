"""The limit on rejections, through the worker that uses it: it stops before anything of the batch is delivered."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from publishers.sdk import Publisher
from schemas.records import InputName
from tests.faults.books import check_equation, read_books, read_logs, settled
from tests.faults.flow import SOURCE, Sent, bad_value, good_body
from tests.faults.processes import Process, until
from tests.faults.stage import KafkaStage, Stage

STAGES = [
    pytest.param(Stage, id="embedded"),
    pytest.param(KafkaStage, id="kafka", marks=pytest.mark.kafka),
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WORDS = re.compile(r"dualtrack-validate stops at (.+): TooManyRejections: (.+)")
SPAN = re.compile(r"(\S+)/(\d+) (\d+)-(\d+)")


def publish(stage: Stage, *, good: int, bad: int) -> Sent:
    sent = Sent()
    with Publisher(stage.servers, SOURCE, embedded=type(stage) is Stage) as publisher:
        for number in range(good):
            publisher.send_structured(good_body(number))
            sent.good.append(f"number-{number}")
        for number in range(good, good + bad):
            value = bad_value(number)
            publisher.send_raw("signals.deal", value, key=str(number).encode())
            sent.bad.append(value)
    return sent


def stopped(worker: Process) -> tuple[set[InputName], str]:
    """The inputs of the batch at which it stopped, and why."""
    assert worker.wait(60) == 1, worker.tail()
    found = WORDS.findall(worker.said)
    assert found, worker.tail()
    where, why = found[-1]
    inputs = {
        InputName(topic, int(partition), offset)
        for topic, partition, start, end in SPAN.findall(where)
        for offset in range(int(start), int(end) + 1)
    }
    return inputs, why


@pytest.mark.parametrize("kind", STAGES)
@pytest.mark.parametrize(
    "limit",
    [{"DUALTRACK_REJECT_LIMIT_SHARE": "0.2"}, {"DUALTRACK_REJECT_LIMIT_PER_MINUTE": "100"}],
    ids=["share", "rate"],
)
@pytest.mark.proves("one-outcome", "rejections", under="poison")
def test_it_stops_the_worker_and_nothing_is_lost_or_doubled(
    kind: type[Stage], limit: Mapping[str, str], tmp_path: Path
) -> None:
    with kind(tmp_path) as stage:
        settle = stage.worker("settle")
        sent = publish(stage, good=300, bad=250)
        # Twice: the restart reads the same batch again, and stops again. A rate begins anew with each process.
        for _ in range(2):
            inputs, why = stopped(stage.worker("validate", env=limit))
            handed_on = {name for names in read_logs(stage.servers).handed_on.values() for name in names}
            assert inputs, "the batch is named"
            assert not inputs & handed_on, "nothing of the batch is delivered"
        name, value = next(iter(limit.items()))
        assert f"{name} allows" in why
        assert "Most often parse/" in why
        assert "for example signals.deal/" in why
        limit = {name: "1"} if "SHARE" in name else {name: str(10 * int(value))}
        validate = stage.worker("validate", env=limit)
        until(lambda: settled(stage.settings) >= sent.total, "all have their outcome", 90, [validate, settle])
        for worker in (validate, settle):
            assert worker.stop(seconds=45) == 0, worker.tail()
        check_equation(read_books(stage.settings), sent, read_logs(stage.servers))
