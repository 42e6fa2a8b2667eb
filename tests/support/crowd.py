# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""A loopback HTTP server for many connections at once, which answers when it is told to."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.server import PATIENCE, PLAIN_HELLO

try:
    import resource
except ImportError:  # Windows, which has no such limit.
    resource = None  # type: ignore[assignment]


class CrowdServer:
    """
    :param answer: What to answer to each request.
    :param together: How many requests must have come before the first one is answered.
    """

    def __init__(self, answer: bytes = PLAIN_HELLO, together: int = 0) -> None:
        self._answer = answer
        self._together = together
        self._go = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.requests = 0
        self.waiting = 0
        """The requests that are not answered yet."""
        self.accepted = 0
        """All connections so far."""
        self.open = 0
        self.most = 0
        """The highest number of open connections so far."""

    def __enter__(self) -> "CrowdServer":
        self._thread.start()
        self._within(self._start())
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._within(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def hold(self) -> None:
        """Answer nobody until `release`."""
        self._within(self._set(False))

    def release(self) -> None:
        self._within(self._set(True))

    def _within(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    async def _set(self, go: bool) -> None:
        (self._go.set if go else self._go.clear)()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        await self._set(not self._together)

    async def _stop(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
                self.requests += 1
                self.waiting += 1
                if self.requests == self._together:
                    self._go.set()
                await self._go.wait()
                self.waiting -= 1
                writer.write(self._answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


def connections_at_once(wanted: int) -> int:
    """As many connections as that, or as the limit of open files leaves room for: both ends are in this process."""
    if resource is None:
        return wanted
    others = 60
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * wanted + others
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return (limit - others) // 2
