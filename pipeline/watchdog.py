"""Ends a worker that hangs, and says where it hung: a zombie keeps its partitions and does nothing with them.

A thread of its own looks every second, so it sees what the event loop cannot: that the loop itself does not turn. What
it does, in this order:

1. A step does not end, or the loop does not turn, for ``stall_seconds``: the message says which step, for which
   records, since when, and where in the code. The worker is told to stop, as on any fault. (That records wait and none
   is finished is seen by the transport, which does the same.)
2. A worker that was told to stop, by us, a fault or a signal, has not ended in time: the stacks of all threads are
   logged and the process ends at once with exit code 1. Nothing is lost: what is not acknowledged comes again.
3. Code that keeps the interpreter's lock stops this thread too. Against that, faulthandler ends the process from C.
"""

import asyncio
import faulthandler
import io
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.activity import Activity
from pipeline.health import Limits, hanging_step
from schemas.faults import Stalled

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watched:
    """A worker's activity, and how it is told to stop."""

    activity: Activity
    crash: Callable[[Exception], None]
    """Called in the event loop."""


class Watchdog:
    """Looks at the workers of one event loop. ``end`` ends the process; tests put something else there."""

    def __init__(
        self,
        watched: Sequence[Watched],
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._watched = watched
        self._loop = loop
        self._limits = limits
        self._end = end
        self._clock = watched[0].activity.clock
        self._pause = min(1.0, limits.stall_seconds / 10)
        self._doomed_at: float | None = None
        self._given_up: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_until_over, name="dualtrack-watchdog", daemon=True)
        self._main = threading.get_ident()
        self._of_process = threading.current_thread() is threading.main_thread()

    def start(self) -> None:
        """Begin; in the thread that runs the event loop."""
        self._thread.start()

    def stop(self) -> None:
        """The workers have ended by themselves."""
        self._over.set()
        self._thread.join(5)
        if self._of_process:
            faulthandler.cancel_dump_traceback_later()

    def ends_within(self, seconds: float) -> None:
        """From now on the workers have that long to end; a later call does not give them more time."""
        doomed_at = self._clock() + seconds
        self._doomed_at = doomed_at if self._doomed_at is None else min(doomed_at, self._doomed_at)

    def _look_until_over(self) -> None:
        while not self._over.wait(self._pause):
            self._arm_last_resort()
            for one in self._watched:
                self._look_at(one)
            if self._doomed_at is not None and self._clock() > self._doomed_at:
                self._end_by_force()

    def _look_at(self, watched: Watched) -> None:
        activity, limits = watched.activity, self._limits
        if activity.fault is not None:
            self.ends_within(limits.stop_seconds)
        if self._doomed_at is not None or activity.station in self._given_up:
            return
        now = activity.clock()
        silent = now - activity.turned_at
        step = hanging_step(activity, limits.stall_seconds)
        if silent > limits.stall_seconds:
            stack = stack_of(self._main, "event loop")
            told = f"the event loop has not turned for {silent:.0f} s; {activity.where_it_is()}\n{stack}"
        elif step is not None:
            told = f"it hangs in {step.told(now)}\n{activity.stack()}".rstrip()
        else:
            return
        self._give_up(watched, Stalled(told), loop_turns=silent <= limits.loop_seconds)

    def _give_up(self, watched: Watched, fault: Stalled, *, loop_turns: bool) -> None:
        activity = watched.activity
        self._given_up.add(activity.station)
        activity.fail(str(fault))
        logger.critical("%s stops: Stalled: %s", activity.station, fault)
        # A loop that does not turn cannot end anything: it is given a moment to come back.
        self.ends_within(self._limits.stop_seconds if loop_turns else self._limits.grace_seconds)
        self._loop.call_soon_threadsafe(watched.crash, fault)

    def _end_by_force(self) -> None:
        fault = next((w.activity.fault for w in self._watched if w.activity.fault), None)
        logger.critical(
            "the worker was told to end and does not come to an end; the process ends now, with exit code 1%s. What is "
            "not acknowledged comes again with the next start. Where all threads are:\n%s",
            *(f" (it was stopped by: {fault})" if fault else "", all_stacks()),
        )
        logging.shutdown()
        self._end(1)
        self._over.set()

    def _arm_last_resort(self) -> None:
        """Unless we come back here in time, C code writes all stacks to stderr and ends the process, with code 1."""
        if not self._of_process or not sys.__stderr__:
            return
        seconds = self._limits.stall_seconds + self._limits.grace_seconds
        try:
            faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
        except (io.UnsupportedOperation, ValueError, AttributeError):
            self._of_process = False  # no file descriptor to write to


def stack_of(thread: int, name: str) -> str:
    """Where a thread is, as Python tells it."""
    frame = sys._current_frames().get(thread)
    return f"The {name} is at:\n{''.join(traceback.format_stack(frame)).rstrip()}" if frame else ""


def all_stacks() -> str:
    """Where every thread of this process is."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames().items()
    return "\n".join(stack_of(ident, f"thread {names.get(ident, ident)}") for ident, _ in frames)


def exit_within(seconds: float, code: int) -> None:
    """The interpreter's own end may hang in a thread that it waits for; after that time the process ends anyway."""

    def end() -> None:
        if not threading.Event().wait(seconds):
            logger.critical("the interpreter does not come to its end; where its threads are:\n%s", all_stacks())
            logging.shutdown()
            os._exit(code)

    threading.Thread(target=end, name="dualtrack-exit", daemon=True).start()
