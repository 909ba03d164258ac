"""From a micro-batch to the frame that the rules act on: one row per event, one float column per checked property.

Everything is coerced and derived here, in Python, because an exception inside an expectation hides the failures of
all other rows, and because object columns are slow. Columns of other event types are null, which expectations skip.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from checks.expectations import CHECKS
from checks.rule import Checks
from schemas.outcomes import Classified

_COLUMNS: Final = tuple(column for checks in CHECKS for column in checks.columns)


def frame_of(batch: Sequence[Classified]) -> pd.DataFrame:
    """All columns of all types for the batch, in its order, indexed from 0."""
    # Column-major: each column is contiguous, and the frame is one block.
    cells = np.full((len(_COLUMNS), len(batch)), np.nan)
    types = [type(item.parsed.event) for item in batch]
    start = 0
    for checks in CHECKS:
        rows = [i for i, kind in enumerate(types) if checks.event is None or issubclass(kind, checks.event)]
        if rows:
            cells[start : start + len(checks.columns), rows] = _read(checks, [batch[i] for i in rows])
        start += len(checks.columns)
    return pd.DataFrame(cells.T, columns=list(_COLUMNS), copy=False)


def _read(checks: Checks, items: Sequence[Classified]) -> np.ndarray:
    read = checks.read
    return np.array([read(item.enriched.parsed.event, item) for item in items], dtype=np.float64).T


def blank_frame() -> pd.DataFrame:
    """One row in which no column applies: every rule must be able to look at it."""
    return pd.DataFrame(np.full((1, len(_COLUMNS)), np.nan), columns=list(_COLUMNS))
