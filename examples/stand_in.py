# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
A loopback AIMLAPI that replays tests/recordings, so that every example runs without a key.

    python examples/stand_in.py --port 8000

serves http://127.0.0.1:8000/v1 until it is stopped, and takes any key.
"""

import argparse
import base64
import functools
import json
import os
import re
import threading
import time
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LIVE_URL = "https://api.aimlapi.com/v1"
RECORDINGS = Path(__file__).resolve().parents[1] / "tests" / "recordings"
# The fields of a request that make it the same question, whatever its other parameters.
QUESTION = ("model", "messages", "input", "prompt", "stream")
UNKNOWN = (
    "This is a replay, and it has no recording of that question. "
    "Set AIMLAPI_API_KEY to ask the real API, or try: Why is the sky blue?"
)
TYPES = {
    "/v1/chat/completions": "openai/chat-completions",
    "/v1/responses": "openai/responses",
    "/v1/images/generations": "openai/image-generations",
    "/v1/images/edits": "openai/image-generations",
    "/v1/embeddings": "openai/embeddings",
}
COST = {"credits_used": 0, "usd_spent": 0.0}


@functools.cache
def api_base_url() -> str:
    """The live API if AIMLAPI_API_KEY is set, else a stand-in that lives as long as this process."""
    if os.environ.get("AIMLAPI_API_KEY"):
        return LIVE_URL
    os.environ["AIMLAPI_API_KEY"] = "replay"
    print("(A replay of prepared answers. Set AIMLAPI_API_KEY to ask the real API: https://aimlapi.com/app/keys)\n")
    return StandIn(delay=0.01).start()


@contextmanager
def stand_in(port: int = 0, delay: float = 0.0) -> Iterator[str]:
    """A stand-in for the time of a `with` block, which gets its base URL."""
    server = StandIn(port, delay)
    yield server.start()
    server.shutdown()
    server.server_close()


class StandIn(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0, delay: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.delay = delay  # seconds between two events of a stream
        self.base_url = f"http://127.0.0.1:{self.server_port}/v1"
        files = sorted(RECORDINGS.glob("*.json"))
        self.exchanges = [e for file in files for e in json.loads(file.read_text(encoding="utf-8"))["exchanges"]]

    def start(self) -> str:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self.base_url

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The recorded response to a request: to this very request, or at least to its question."""
        recorded = [e for e in self.exchanges if e["request"]["path"] == path]
        # At last, whatever was retrieved for a question or said before it.
        for alike in (whole, question, last_message):
            for exchange in recorded:
                if alike(exchange["request"]["body"]) == alike(body):
                    return exchange["response"]
        if path == "/v1/chat/completions" and body.get("stream"):
            return streamed(self.answer(path, {**body, "stream": None}))
        if path in MADE:
            return MADE[path](body)
        return failure(404, path, UNKNOWN if path == "/v1/images/generations" else f"Cannot POST {path}")

    def models(self) -> dict[str, Any]:
        asked = [(e["request"]["path"], e["request"]["body"]) for e in self.exchanges if e["response"]["status"] < 400]
        # Any text can be embedded, and by the default model it is.
        asked.append(("/v1/embeddings", {"model": "text-embedding-3-small"}))
        ids = sorted({(body["model"], TYPES[path]) for path, body in asked})
        data = [{"id": id_, "type": type_, "aliases": [], "info": {}, "tags": []} for id_, type_ in ids]
        return {"status": 200, "json": {"object": "list", "data": data}}


def whole(body: dict[str, Any]) -> Any:
    return body


def question(body: dict[str, Any]) -> Any:
    return [body.get(field) for field in QUESTION]


def last_message(body: dict[str, Any]) -> Any:
    messages = body.get("messages")
    # No two requests without one are alike.
    return (body.get("model"), body.get("stream"), messages[-1]) if messages else object()


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Vectors that are alike where texts have words in common, of the length that is asked for."""
    texts = body.get("input")
    texts = texts if isinstance(texts, list) else [texts]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        return failure(400, "/v1/embeddings", "Body validation error\nExpected string at input")
    data = []
    for index, text in enumerate(texts):
        vector: Any = array("f", bytes(4 * int(body.get("dimensions") or 1536)))
        for word in re.findall(r"\w+", text.lower()):
            vector[zlib.crc32(word.encode()) % len(vector)] += len(word)
        length = sum(number * number for number in vector) ** 0.5 or 1
        vector = array("f", [number / length for number in vector])
        embedding = base64.b64encode(vector).decode() if body.get("encoding_format") == "base64" else vector.tolist()
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    tokens = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    reply = {"object": "list", "data": data, "model": body.get("model"), "usage": usage, "meta": {"usage": COST}}
    return {"status": 200, "headers": cost_headers(), "json": reply}


def unknown_chat(body: dict[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    reply = {"id": "chatcmpl-unknown", "created": int(time.time()), "model": body.get("model")}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": UNKNOWN}}
    reply |= {"object": "chat.completion", "choices": [choice], "usage": usage, "meta": {"usage": COST}}
    return {"status": 200, "headers": cost_headers(), "json": reply}


def streamed(response: dict[str, Any]) -> dict[str, Any]:
    """A plain reply as a stream: its text in words, and its calls of tools."""
    if response["status"] >= 400:
        return response
    reply = {**response["json"], "object": "chat.completion.chunk"}
    usage, meta, choice = reply.pop("usage", None), reply.pop("meta", {"usage": COST}), reply["choices"][0]
    message = choice["message"]
    deltas = [{"role": "assistant", "content": word} for word in re.findall(r"\S+\s*", message.get("content") or "")]
    deltas += [{"tool_calls": [{**call, "index": index}]} for index, call in enumerate(message.get("tool_calls") or [])]
    frames = [{**reply, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    frames += [{**reply, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}]
    frames += [{**reply, "choices": [], "usage": usage}, {"meta": meta}]
    return {"status": 200, "sse": [f"data: {json.dumps(frame)}\n\n" for frame in frames] + ["data: [DONE]\n\n"]}


def unknown_response(body: dict[str, Any]) -> dict[str, Any]:
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    part = {"type": "output_text", "text": UNKNOWN, "annotations": []}
    item = {"id": "msg_unknown", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    response = {"id": "resp_unknown", "object": "response", "created_at": int(time.time()), "model": body.get("model")}
    response |= {"status": "completed", "output": [item], "usage": usage, "meta": {"usage": COST}}
    if not body.get("stream"):
        return {"status": 200, "headers": cost_headers(), "json": response}
    events: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", "output_index": 0, "delta": UNKNOWN},
        {"type": "response.completed", "response": response},
    ]
    return {"status": 200, "sse": [f"data: {json.dumps(event)}\n\n" for event in events]}


# What is answered where nothing is recorded.
MADE = {
    "/v1/chat/completions": unknown_chat,
    "/v1/responses": unknown_response,
    "/v1/embeddings": embeddings,
}


def cost_headers() -> dict[str, str]:
    return {"x-aimlapi-credits-used": "0", "x-aimlapi-usd-spent": "0.000000000"}


def fields(content_type: str, content: bytes) -> dict[str, Any]:
    """The fields of a body, in JSON or of a form. Files are as they came."""
    if not content_type.startswith("multipart/form-data"):
        return dict(json.loads(content))
    form: Any = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + content)
    return {part.get_param("name", header="content-disposition"): part.get_payload() for part in form.get_payload()}


def failure(status: int, path: str, message: str) -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    body = {"message": message, "path": path, "requestId": "stand-in", "statusCode": status, "timestamp": now}
    return {"status": status, "json": body}


class Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.reply(self.server.models() if path == "/v1/models" else failure(404, path, f"Cannot GET {path}"))

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.headers.get("authorization", "").startswith("Bearer "):
            return self.reply(failure(401, self.path, "This request requires a valid API key."))
        try:
            body = fields(self.headers.get("content-type", ""), content)
        except (AttributeError, TypeError, ValueError):
            return self.reply(failure(400, self.path, "Body validation error"))
        return self.reply(self.server.answer(self.path, body))

    def reply(self, response: dict[str, Any]) -> None:
        stream = "sse" in response
        headers = {
            "content-type": "text/event-stream" if stream else "application/json",
            "x-inference-id": "stand-in-000000000000",
            **response.get("headers", {}),
        }
        content = response.get("text", "") if "json" not in response else json.dumps(response["json"])
        headers |= {"transfer-encoding": "chunked"} if stream else {"content-length": str(len(content.encode()))}
        self.send_response(response["status"])
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            if stream:
                for event in filter(None, re.split(r"(?<=\n\n)", "".join(response["sse"]))):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(event.encode()), event.encode()))
                    time.sleep(self.server.delay)
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.wfile.write(content.encode())
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Stay quiet between the lines of an example."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Replay AIMLAPI on this machine.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--delay", type=float, default=0.01, help="seconds between two events of a stream")
    server = StandIn(**vars(parser.parse_args()))
    print(f"AIMLAPI replay on {server.base_url}, with any key; Ctrl+C stops it.", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
