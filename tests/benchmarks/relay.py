# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
A FastAPI application that relays the streams of a pipeline, as chat backends do.

`POST /chat` streams a reply, and `GET /cpu` gives the CPU seconds that the process has used so far. Run as a script
with the name of a contender and the base URL of its API, it prints its port and serves until its standard input closes.
"""

import asyncio
import json
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

from contenders import ALL, HaystackGenerator


def application(contender: HaystackGenerator) -> Any:
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse
    from haystack import Pipeline

    pipeline = Pipeline()
    pipeline.add_component("llm", contender.generator)
    app = FastAPI()

    @app.post("/chat")
    async def chat() -> StreamingResponse:
        return StreamingResponse(texts(), media_type="text/plain")

    async def texts() -> AsyncIterator[str]:
        queue: asyncio.Queue[str | None] = asyncio.Queue()

        async def on_chunk(chunk: Any) -> None:
            queue.put_nowait(chunk.content)

        async def run() -> None:
            await pipeline.run_async({"llm": {"messages": contender.messages, "streaming_callback": on_chunk}})
            queue.put_nowait(None)

        task = asyncio.create_task(run())
        while (text := await queue.get()) is not None:
            if text:
                yield text
        await task

    @app.get("/cpu")
    async def cpu() -> float:
        return process_time()

    return app


async def serve(name: str, url: str) -> None:
    import uvicorn

    (kind,) = (kind for kind in ALL if kind.name == name)
    assert issubclass(kind, HaystackGenerator)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = uvicorn.Server(uvicorn.Config(application(kind(url)), log_level="warning"))
    print(listener.getsockname()[1], flush=True)

    def wait_for_the_end() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await server.serve([listener])


class Relay:
    """A running relay, as the benchmark sees it."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"

    def cpu(self) -> float:
        with urllib.request.urlopen(f"{self.url}/cpu") as reply:
            return float(json.load(reply))


@contextmanager
def running_relay(name: str, url: str) -> Iterator[Relay]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), name, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    try:
        yield Relay(name, int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(10)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
