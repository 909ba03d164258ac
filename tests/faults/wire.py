"""A wire between the workers and the broker that can be cut: a TCP relay, and the listener that leads through it."""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Final

_CHUNK: Final = 64 * 1024


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Wire:
    """Relays what comes in at ``port`` to a listener of the broker that advertises that port.

    ``cut`` is a cut cable: bytes go nowhere in either direction, nobody is told, and new connections are accepted and
    hear nothing. ``mend`` breaks what was open, as peers learn it after a real cut, and relays anew.
    """

    def __init__(self, port: int) -> None:
        self.port: Final = port
        self._target = free_port()
        self._whole = True
        self._open: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)

    def listener(self, port: int) -> dict[str, str]:
        """Settings of Kafka: a second listener that clients are told to reach through this wire."""
        controller = free_port()
        return {
            "listeners": f"PLAINTEXT://127.0.0.1:{port},WIRE://127.0.0.1:{self._target},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},WIRE://127.0.0.1:{self.port}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,WIRE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
        }

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._relay, "127.0.0.1", self.port), self._loop).result(
            5
        )

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(setattr, self, "_whole", False)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._mend)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    def _mend(self) -> None:
        for task in self._open:
            task.cancel()
        self._whole = True

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while not self._whole:
                await asyncio.sleep(0.05)
            there = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))
            finally:
                there[1].close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            with suppress(OSError):
                writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK):
            while not self._whole:
                await asyncio.sleep(0.05)
            sink.write(data)
            await sink.drain()
        # One side has ended: so does the other.
        raise OSError("the peer closed")
