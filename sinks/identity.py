"""Hashes of names, as the tables store them: 64 bits, the same for ever.

Python's BLAKE2b and not DuckDB's ``hash()``: the latter may change with any DuckDB version (its documentation promises
no stability), and a changed hash would let every old event land again. Two names share a hash once in 2**64 pairs;
landing compares the full names on a hit.
"""

from functools import lru_cache
from hashlib import blake2b

from schemas.records import InputName


@lru_cache(maxsize=20_000)
def event_hash(source: str, id: str) -> int:
    """Hash of an event's identity. The length in front keeps ("a", "bc") and ("ab", "c") apart.

    Remembered for a while: landing asks several times for each event of a batch.
    """
    return _hash(f"{len(source)}:{source}{id}")


def input_hash(name: InputName) -> int:
    """Hash of an input's name."""
    return _hash(f"{name.topic}/{name.partition}/{name.offset}")


@lru_cache(maxsize=20_000)
def text_hash(text: str) -> int:
    """Hash of any text, such as the key of a story."""
    return _hash(text)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
