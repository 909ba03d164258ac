"""Faults: what goes wrong with the machinery. Bad input is never one of these; it is a value (a rejection).

::

    Fault
    ├── TransientFault          trying again may help: retried inside the batch, then the worker stops
    │   └── DeliveryFailed      records were not confirmed in time
    └── TerminalFault           trying again cannot help: the worker stops at once
        ├── RecordRefused       the broker or its client will never take this record
        ├── LogGap              the log no longer holds (or never held) the next record to read
        ├── BrokerUnreachable   nobody answers at the given address
        ├── BrokerRefused       a broker is there, and TLS or SASL with it failed
        ├── TopicsMissing       the broker answers, but does not have the topics
        ├── UnreadableLog       a batch on the log cannot be read: damaged, or compressed in a way nobody knows
        ├── TooManyRejections   more inputs are rejected than the operator allows
        └── Stalled             there is something to read and nothing has moved for a long time

Any other exception that escapes a station counts as terminal. A fault stops the worker; it never skips a batch.
"""


class Fault(Exception):
    """Something in the machinery failed; the input is not to blame."""


class TransientFault(Fault):
    """A fault that may pass: the same call is made again inside the batch before the worker stops."""


class TerminalFault(Fault):
    """A fault that does not pass by itself: the worker stops, and resumes at this batch when restarted."""


class DeliveryFailed(TransientFault):
    """Records were handed to the broker and not confirmed in time; some of them may have arrived."""


class RecordRefused(TerminalFault):
    """A record that the broker or its client will never take: too large, unknown topic, not allowed."""


class LogGap(TerminalFault):
    """The log does not hold the next record to read: going on would skip records without a word."""


class BrokerUnreachable(TerminalFault):
    """No Kafka broker answers at the given address."""


class BrokerRefused(TerminalFault):
    """A Kafka broker is there and does not let us in, or is not the one that it says it is."""


class TopicsMissing(TerminalFault):
    """The broker answers, but lacks topics that the worker reads."""


class UnreadableLog(TerminalFault):
    """A batch on the log cannot be read; going on would skip its records without a word."""


class TooManyRejections(TerminalFault):
    """More inputs are rejected than the limit that the operator set."""


class Stalled(TerminalFault):
    """Records wait in the log and none has been finished for a long time."""
