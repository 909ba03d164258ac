"""Names of the record headers that dualtrack writes; the error names are Kafka Connect's (docs/rejections.md).

Connect's are those of ``org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter``, written as it writes them:
text in UTF-8, numbers in decimal.
"""

from typing import Final

INPUT_TOPIC: Final = "dualtrack-input-topic"
INPUT_PARTITION: Final = "dualtrack-input-partition"
INPUT_OFFSET: Final = "dualtrack-input-offset"
KNOWN_AT: Final = "dualtrack-known-at"
"""Timestamp of the raw record, milliseconds since 1970 UTC."""
REPLAY_OF: Final = "dualtrack-replay-of"
"""On a raw record: the input (topic/partition/offset) whose rejection it replays."""

ERROR_TOPIC: Final = "__connect.errors.topic"
ERROR_PARTITION: Final = "__connect.errors.partition"
ERROR_OFFSET: Final = "__connect.errors.offset"
ERROR_CONNECTOR: Final = "__connect.errors.connector.name"
"""Who rejected it: the worker's consumer group under its usual prefix."""
ERROR_TASK: Final = "__connect.errors.task.id"
"""Which of its tasks: the partition of the input, the unit by which workers share their work."""
ERROR_STAGE: Final = "__connect.errors.stage"
ERROR_CLASS: Final = "__connect.errors.class.name"
"""The module of the step that rejected it."""
ERROR_RULE: Final = "__connect.errors.exception.class.name"
ERROR_REASON: Final = "__connect.errors.exception.message"
ERROR_STACKTRACE: Final = "__connect.errors.exception.stacktrace"
"""Never written (a rejection is a value, no exception); dropped where a publisher wrote it."""

ERROR_TIME: Final = "dualtrack-rejected-at"
"""When it was rejected, milliseconds since 1970 UTC (Connect has no name for it)."""
ERROR_NULL_VALUE: Final = "dualtrack-null-value"
"""``true`` when the original value was null (not empty), which a compacting broker would read as a tombstone."""
TRUNCATED_FROM: Final = "dualtrack-truncated-from"
"""Bytes of the original key, value and headers together, where they were more than a worker can write."""

ERROR_HEADERS: Final = frozenset(
    {
        ERROR_TOPIC,
        ERROR_PARTITION,
        ERROR_OFFSET,
        ERROR_CONNECTOR,
        ERROR_TASK,
        ERROR_STAGE,
        ERROR_CLASS,
        ERROR_RULE,
        ERROR_REASON,
        ERROR_STACKTRACE,
        ERROR_TIME,
        ERROR_NULL_VALUE,
        TRUNCATED_FROM,
    }
)
INPUT_HEADERS: Final = frozenset({INPUT_TOPIC, INPUT_PARTITION, INPUT_OFFSET, KNOWN_AT})
