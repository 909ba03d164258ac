"""An expectation that cannot look at some values. Imports great_expectations: rules name it, and do not import it."""

from typing import Any, ClassVar

from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)

UNLUCKY = 13


class ColumnValuesLucky(ColumnMapMetricProvider):
    """True above 0; raises for the whole column where one value is 13."""

    condition_metric_name = "column_values.lucky"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, **kwargs: Any) -> Any:  # noqa: N805 (as Great Expectations wants it)
        if (column == UNLUCKY).any():
            raise ValueError("13 is unlucky")
        return column > 0


class ExpectColumnValuesToBeLucky(ColumnMapExpectation):
    """Values are above 0, and none of them is 13."""

    map_metric: ClassVar[str] = "column_values.lucky"
    success_keys: ClassVar[tuple[str, ...]] = ("mostly",)


class ColumnValuesRaise(ColumnMapMetricProvider):
    """Raises whatever the column holds."""

    condition_metric_name = "column_values.raise"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, **kwargs: Any) -> Any:  # noqa: N805 (as Great Expectations wants it)
        raise ValueError("this rule is broken")


class ExpectColumnValuesToRaise(ColumnMapExpectation):
    """Nothing can be expected of it."""

    map_metric: ClassVar[str] = "column_values.raise"
    success_keys: ClassVar[tuple[str, ...]] = ("mostly",)
