"""However a log is read (cut into batches, partitions interleaved, parts read again), the store holds the same.

Inputs of every kind: events that move predictions, copies of one identity on several partitions, corrections and
retractions, decisions, what is rejected, and inputs that were delivered again with another outcome.
"""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.pipeline.log_kit import (
    Again,
    Clock,
    Input,
    a_validate,
    cut,
    make_log,
    parts_at,
    settle,
    unequal,
)

JOURNALS = frozenset({"outbox", "prediction_revisions"})
"""What an installation told, and said before: it knew one thing after the other, and this is to stay."""

KINDS = (
    "round",
    "supply",
    "stake",
    "sale",
    "corrects",
    "retracts",
    "copy",
    "bad",
    "resolve",
    "merge",
    "split",
    "undo",
    "strange",
)
INPUT = st.tuples(
    st.sampled_from(KINDS),
    st.integers(0, 11),  # company, amount, or which earlier input is meant
    st.integers(0, 2),  # partition of the raw topic
    st.integers(0, 2),  # partition of the topic that settle reads
)
AGAIN = st.tuples(st.integers(0, 11), st.sampled_from(["same", "other", "rejected"]), st.integers(0, 2))
"""Which input is delivered once more, as what, and on which partition."""


class Tools:
    """What every example needs, made once. No dataclass: hypothesis would print all that is in it."""

    def __init__(self, home: Path) -> None:
        parts = parts_at(home, Clock())
        parts.open()
        parts.sink.close()
        self.validate = a_validate()
        self.empty = parts.sink.path
        """An empty store in which the predictions are declared."""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    return Tools(tmp_path_factory.mktemp("empty"))


def rewritten(store: Path) -> bool:
    """Did anything that was said before turn out differently?"""
    with duckdb.connect(str(store), read_only=True) as connection:
        return bool(connection.execute("SELECT count(*) FROM prediction_revisions").fetchall()[0][0])


@pytest.mark.timeout(300)
@settings(
    max_examples=6,
    deadline=None,
    # Each example opens several stores: shrinking would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(
    inputs=st.lists(INPUT, min_size=2, max_size=12),
    again=st.lists(AGAIN, max_size=4),
    tied=st.booleans(),
    seed=st.integers(0, 10_000),
)
@example(
    inputs=[
        ("supply", 4, 1, 2),
        ("sale", 10, 1, 1),
        ("merge", 2, 0, 0),
        ("bad", 0, 0, 2),
        ("supply", 11, 1, 2),
        ("resolve", 4, 1, 2),
        ("retracts", 6, 1, 1),
        ("supply", 0, 0, 0),
        ("merge", 8, 0, 0),
        ("round", 0, 1, 1),
        ("split", 4, 1, 0),
        ("supply", 3, 1, 1),
    ],
    again=[(6, "rejected", 2), (9, "same", 1), (7, "other", 2)],
    tied=False,
    seed=4400,
)
def test_however_a_log_is_read_the_store_holds_the_same(
    inputs: list[Input],
    again: list[Again],
    tied: bool,
    seed: int,
    tools: Tools,
) -> None:
    rng = random.Random(seed)
    log = make_log(inputs, again, tied, tools.validate)
    with TemporaryDirectory() as folder:
        homes = Path(folder)
        ordered = log.in_order()
        at_once = settle(tools.empty, homes / "at_once", [ordered])
        shuffled = cut(log.interleaved(rng), rng)
        mixed = settle(tools.empty, homes / "mixed", shuffled, turn_late_after=rng.randint(0, len(shuffled)))
        assert unequal(at_once, mixed, JOURNALS) == []
        carried = settle(tools.empty, homes / "carried", [ordered], turn_late_after=0, outbox_of=mixed)
        assert unequal(mixed, carried, frozenset({"prediction_revisions"})) == [], "a rebuild told somebody something"
        in_pieces = settle(tools.empty, homes / "in_pieces", cut(ordered, rng))
        assert unequal(at_once, in_pieces, JOURNALS) == []
        # Late events rewrite a past, and so does what takes a retraction back. Otherwise the same was told.
        if not rewritten(in_pieces):
            assert unequal(at_once, in_pieces) == []
