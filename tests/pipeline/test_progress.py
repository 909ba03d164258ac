"""The offset to commit never passes an unacked batch, whatever order acks come in."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pipeline.progress import Progress, Span

P0 = ("signals.deal", 0)
P1 = ("signals.deal", 1)


def test_moves_with_each_batch() -> None:
    progress = Progress()
    progress.restart([(P0, 5), (P1, 0)])
    progress.finish({P0: Span(5, 9)})
    assert progress.next_offset(P0) == 9
    assert progress.next_offset(P1) == 0


def test_waits_for_the_batch_before() -> None:
    progress = Progress()
    progress.restart([(P0, 0)])
    progress.finish({P0: Span(10, 20)})
    assert progress.next_offset(P0) == 0
    progress.finish({P0: Span(0, 10)})
    assert progress.next_offset(P0) == 20


def test_a_batch_read_before_a_seek_back_counts_only_from_where_it_began() -> None:
    progress = Progress()
    progress.restart([(P0, 50)])
    progress.finish({P0: Span(100, 151)})
    assert progress.next_offset(P0) == 50


def test_never_moves_back() -> None:
    progress = Progress()
    progress.restart([(P0, 0)])
    progress.finish({P0: Span(0, 30)})
    progress.finish({P0: Span(0, 10)})
    assert progress.next_offset(P0) == 30


def test_partitions_of_others_are_ignored() -> None:
    progress = Progress()
    progress.restart([(P0, 0), (P1, 0)])
    progress.forget([P1])
    progress.finish({P1: Span(0, 10)})
    assert progress.next_offset(P1) is None
    assert list(progress) == [P0]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
def test_is_the_end_of_the_finished_prefix(lengths: list[int], data: st.DataObject) -> None:
    edges = [sum(lengths[:index]) for index in range(len(lengths) + 1)]
    spans = [Span(start, end) for start, end in itertools.pairwise(edges)]
    acked = data.draw(st.permutations(range(len(spans))))[: data.draw(st.integers(0, len(spans)))]
    progress = Progress()
    progress.restart([(P0, 0)])
    for index in acked:
        progress.finish({P0: spans[index]})
    first_unacked = next((index for index in range(len(spans)) if index not in acked), len(spans))
    assert progress.next_offset(P0) == edges[first_unacked]
