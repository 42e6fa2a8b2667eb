# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
A chat completions server whose every reply is made in advance, so that its cost is the same for whoever asks.

The URL says what comes back: `POST /<kind>/<chunks>/<delay in ms>/<pace in ms>/chat/completions`, or `POST
/embeddings/<dimensions>/<delay in ms>/0/embeddings` with as many vectors as texts, and in the form that is asked for.
`GET /connections` gives the number of TCP connections accepted so far. With a pace, each event of a stream is written
by itself, that long after the one before; without one, all are written at once. Run as a script, it gets a certificate,
prints its ports, plain and TLS, and serves until its standard input closes.
"""

import asyncio
import base64
import json
import math
import os
import ssl
import subprocess
import sys
import threading
import urllib.request
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trustme

KINDS = ("text", "reasoning", "tools", "mixed")
WORD_LENGTH = 9
WRITE_SIZE = 64 * 1024


def word_at(number: int) -> str:
    """The text of a chunk; no two are the same, since some JSON parsers keep the strings that they have seen."""
    return f" {number:08x}"


def deltas(kind: str, count: int) -> Iterator[dict[str, Any]]:
    """The `delta` objects of a stream's chunks, without the closing ones."""
    for number in range(count):
        word = word_at(number)
        if kind == "mixed":
            part = ("reasoning", "text", "tools")[3 * number // count]
        else:
            part = kind
        if part == "text":
            yield {"content": word}
        elif part == "reasoning":
            yield {"content": None, "reasoning_content": word}
        elif number == 0 or (kind == "mixed" and 3 * (number - 1) // count < 2):
            function = {"name": "write", "arguments": '{"text": "'}
            yield {"tool_calls": [{"index": 0, "id": "call_0", "type": "function", "function": function}]}
        else:
            arguments = '"}' if number == count - 1 else word
            yield {"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}


def stream_events(kind: str, count: int) -> Iterator[bytes]:
    """The server-sent events of a whole reply."""
    head = {
        "id": "chatcmpl-0123456789abcdef",
        "object": "chat.completion.chunk",
        "created": 1767225600,
        "model": "openai/gpt-4o",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "obfuscation": "aK3xQ9",
    }
    finish_reason = "tool_calls" if kind in ("tools", "mixed") else "stop"
    usage = {"prompt_tokens": 10, "completion_tokens": count, "total_tokens": count + 10}

    def event(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        return b"data: %b\n\n" % json.dumps({**head, "choices": choices, "usage": usage}).encode()

    for delta in deltas(kind, count):
        yield event([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])
    yield event([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish_reason}])
    yield event([], usage)
    yield b"data: [DONE]\n\n"


@lru_cache
def response(kind: str, count: int) -> bytes:
    """The bytes of a whole response: every event of a stream is an HTTP chunk of its own, as servers send them."""
    if kind == "plain":
        text = "".join(map(word_at, range(count)))
        body = json.dumps(
            {
                "id": "chatcmpl-0123456789abcdef",
                "object": "chat.completion",
                "created": 1767225600,
                "model": "openai/gpt-4o",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": text, "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 10, "completion_tokens": count, "total_tokens": count + 10},
            }
        ).encode()
        return json_response(body)
    return b"".join(stream_parts(kind, count))


@lru_cache
def stream_parts(kind: str, count: int) -> list[bytes]:
    """The head of a streamed response, its events and its end."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Inference-Id: inf-0\r\n"
        b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in stream_events(kind, count)]
    return [head, *chunks, b"0\r\n\r\n"]


@lru_cache
def embeddings(dimensions: int, texts: int, as_base64: bool) -> bytes:
    """The bytes of a whole response: the same vectors for whatever texts."""
    data = []
    for index in range(texts):
        numbers = array("f", (math.sin(index + number) / 40 for number in range(dimensions)))
        embedding = base64.b64encode(numbers).decode() if as_base64 else numbers.tolist()
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    usage = {"prompt_tokens": 10 * texts, "total_tokens": 10 * texts}
    return json_response(
        json.dumps({"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage}).encode()
    )


def json_response(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Inference-Id: inf-0\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


class Connection(asyncio.Protocol):
    accepted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        type(self).accepted += 1
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = bytearray()
        self.blocks: deque[memoryview] = deque()
        self.paused = False

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.received[:end]).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self.received) < end + 4 + length:
                return
            path = bytes(self.received[:end]).split(b" ", 2)[1].decode()
            request = bytes(self.received[end + 4 : end + 4 + length])
            del self.received[: end + 4 + length]
            if path == "/connections":
                self.send(json_response(b"%d" % self.accepted))
                continue
            kind, count, delay, pace, *_ = path.strip("/").split("/")
            if int(pace):
                self.send_paced(iter(stream_parts(kind, int(count))), int(pace) / 1000)
                continue
            if kind == "embeddings":
                asked = json.loads(request)
                body = embeddings(int(count), len(asked["input"]), asked.get("encoding_format") == "base64")
            else:
                body = response(kind, int(count))
            if int(delay):
                asyncio.get_running_loop().call_later(int(delay) / 1000, self.send, body)
            else:
                self.send(body)

    def send_paced(self, parts: Iterator[bytes], seconds: float) -> None:
        part = next(parts, None)
        if part is not None and not self.transport.is_closing():
            self.transport.write(part)
            asyncio.get_running_loop().call_later(seconds, self.send_paced, parts, seconds)

    def send(self, body: bytes) -> None:
        view = memoryview(body)
        self.blocks.extend(view[at : at + WRITE_SIZE] for at in range(0, len(view), WRITE_SIZE))
        self.resume_writing()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        while self.blocks and not self.paused and not self.transport.is_closing():
            self.transport.write(self.blocks.popleft())


async def serve(certificate: str) -> None:
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    servers = [await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096, ssl=tls) for tls in (None, context)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    closed = asyncio.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await closed.wait()


class Server:
    """The running server, as the benchmark sees it."""

    def __init__(self, port: int, tls_port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.tls_origin = f"https://127.0.0.1:{tls_port}"
        self.asked = 0

    def url(self, kind: str, count: int = 1, delay_ms: int = 0, *, pace_ms: int = 0, tls: bool = False) -> str:
        """The base URL under which `chat/completions` answers with this reply."""
        return f"{self.tls_origin if tls else self.origin}/{kind}/{count}/{delay_ms}/{pace_ms}"

    def connections(self) -> int:
        """How many connections clients have opened so far; those of this question are left out."""
        with urllib.request.urlopen(f"{self.origin}/connections") as reply:
            self.asked += 1
            return int(reply.read()) - self.asked


@contextmanager
def running_server() -> Iterator[Server]:
    """Run the server in a process of its own. Whoever reads SSL_CERT_FILE trusts its certificate."""
    with TemporaryDirectory() as folder:
        authority, certificate = trustme.CA(), f"{folder}/server.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        os.environ["SSL_CERT_FILE"] = f"{folder}/authority.pem"
        authority.cert_pem.write_to_path(os.environ["SSL_CERT_FILE"])
        command = [sys.executable, str(Path(__file__)), certificate]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin and process.stdout
        try:
            yield Server(*map(int, next(islice(process.stdout, 1)).split()))
        finally:
            process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
