"""One thread that does one thing at a time, for work that must not change threads and may block."""

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Job = tuple[Future[Any], Callable[[], Any]]


class DedicatedThread:
    """Calls run in the order they were made, all in the same thread.

    A daemon thread, unlike those of ``ThreadPoolExecutor``: a station that waits for its lock (a standby) or hangs
    must not keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._busy = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``work`` in the thread. Cancelling drops a call that waits; one that runs goes on to its end."""
        future: Future[T] = Future()
        self._jobs.put((future, lambda: work(*args, **kwargs)))
        return await asyncio.wrap_future(future)

    def end(self) -> None:
        """Let the thread end after the calls that were made so far; returns at once."""
        self._jobs.put(None)

    def stack(self) -> str:
        """Where the call that runs now has come to; empty when none runs. To be called from another thread."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        if frame is None or not self._busy:
            return ""
        return f"The thread {self._thread.name} is at:\n" + "".join(traceback.format_stack(frame)).rstrip()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, work = job
            if not future.set_running_or_notify_cancel():
                continue
            self._busy = True
            try:
                result = work()
            # Nothing is swallowed: whatever it was is raised again where the call is awaited.
            except BaseException as exc:
                future.set_exception(exc)
            else:
                future.set_result(result)
            finally:
                self._busy = False
            # A waiting thread would keep the last batch and its outputs in memory.
            del job, future, work
