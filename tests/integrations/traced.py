# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
Set a tracer up as docs/tracing.md does, make every kind of call, and print as JSON what came of it.

    python -m tests.integrations.traced "OpenLLMetry"

A process of its own for each tracer: they patch the SDK for good.
"""

import asyncio
import gzip
import json
import os
import re
import sys
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from examples.stand_in import StandIn
from tests.integrations.snippets import snippet

CHAT = ("openai/gpt-5.6-terra", "What is the capital of France?")
RESPONSES = ("openai/gpt-5-4", "What is the capital of France?")
RESPONSES_STREAMED = (
    "openai/gpt-5-5",
    "A bat and a ball cost 1.10 in total. The bat costs 1.00 more than the ball. What does the ball cost?",
)
OVERLOADED = {"message": "Overloaded", "statusCode": 503, "requestId": "req-1"}

Drain = Callable[[], list[dict[str, Any]]]


class FreshIds(StandIn):
    """OpenLLMetry takes a second response of the same id for the same."""

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        told = json.dumps(super().answer(path, body))
        return dict(json.loads(re.sub(r"resp_\w+", f"resp_{uuid.uuid4().hex}", told)))


class Collector(ThreadingHTTPServer):
    """What Sentry's and Langfuse's SDKs send to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), CollectorHandler)
        self.bodies: list[bytes] = []
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class CollectorHandler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.bodies.append(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


def watch_open_telemetry() -> Drain:
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))  # type: ignore[attr-defined]

    def drain() -> list[dict[str, Any]]:
        spans = [
            {"name": span.name, "status": span.status.status_code.name, "attributes": dict(span.attributes or {})}
            for span in exporter.get_finished_spans()
        ]
        exporter.clear()
        return spans

    return drain


def watch_sentry(collector: Collector) -> Drain:
    import sentry_sdk

    def drain() -> list[dict[str, Any]]:
        sentry_sdk.flush()
        bodies, collector.bodies[:] = list(collector.bodies), []
        items = [json.loads(line) for body in bodies for line in body.splitlines() if line.startswith(b"{")]
        spans = [
            {
                "name": span["name"],
                "status": span["status"],
                "attributes": {name: attribute["value"] for name, attribute in span["attributes"].items()},
            }
            for item in items
            for span in item.get("items", [])
        ]
        errors = [value for item in items for value in item.get("exception", {}).get("values", [])]
        return spans + [{"name": error["type"], "status": "ERROR", "attributes": error} for error in errors]

    return drain


def watch_langfuse(collector: Collector) -> Drain:
    from langfuse import get_client
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    def drain() -> list[dict[str, Any]]:
        get_client().flush()
        bodies, collector.bodies[:] = list(collector.bodies), []
        spans = [
            span
            for body in bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return [
            {
                "name": span.name,
                "status": span.status.message or span.status.code,
                "attributes": {item.key: item.value.string_value for item in span.attributes},
            }
            for span in spans
        ]

    return drain


CHUNKS: list[str] = []


def take(chunk: Any) -> None:
    CHUNKS.append(chunk.content)


async def take_async(chunk: Any) -> None:
    CHUNKS.append(chunk.content)


def main(title: str) -> None:
    collector = Collector()
    os.environ |= {
        "AIMLAPI_API_KEY": "test-key",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
        "LOGFIRE_SEND_TO_LOGFIRE": "false",
        "LOGFIRE_CONSOLE": "false",
        "SENTRY_DSN": f"http://key@127.0.0.1:{collector.server_port}/1",
        "LANGFUSE_HOST": f"http://127.0.0.1:{collector.server_port}",
        "LANGFUSE_PUBLIC_KEY": "pk-lf-test",
        "LANGFUSE_SECRET_KEY": "sk-lf-test",
    }
    exec(snippet("tracing.md", title), {})
    watches = {"Sentry": watch_sentry, "Langfuse": watch_langfuse}
    drain = watches[title](collector) if title in watches else watch_open_telemetry()

    from haystack import Pipeline
    from haystack.dataclasses import ChatMessage

    from haystack_integrations.components.generators.aimlapi import (
        AIMLAPIChatGenerator,
        AIMLAPIImageGenerator,
        AIMLAPIResponsesChatGenerator,
    )
    from tests.support.server import DONE, FaultServer, event, stream_head

    def call(kind: Any, question: tuple[str, str], url: str, mode: str) -> dict[str, Any]:
        settings: dict[str, Any] = {"model": question[0], "api_base_url": url, "max_retries": 0}
        data: dict[str, Any] = {"messages": [ChatMessage.from_user(question[1])]}
        CHUNKS.clear()
        if kind is AIMLAPIImageGenerator:
            settings["response_format"], data = "url", {"prompt": question[1]}
        elif "streamed" in mode:
            data["streaming_callback"] = take_async if "run_async" in mode else take
        pipeline = Pipeline()
        pipeline.add_component("llm", kind(**settings))
        result: dict[str, Any] = {"mode": mode, "kind": kind.__name__}
        try:
            with transaction(title):
                if "run_async" in mode:
                    output = asyncio.run(pipeline.run_async({"llm": data}))["llm"]
                else:
                    output = pipeline.run({"llm": data})["llm"]
            result["reply"] = output["replies"][0].text if "replies" in output else output["images"][0]
            meta = output["replies"][0].meta if "replies" in output else output["meta"]
            result |= {
                "model": meta["model"],
                "usage": meta.get("usage"),
                "cost": meta.get("cost"),
                "chunks": "".join(CHUNKS),
            }
        except Exception as error:
            result["error"] = f"{type(error).__name__}: {error}"
        return {**result, "spans": drain()}

    modes = ("run", "run_async", "run streamed", "run_async streamed")
    results = []
    with FreshIds() as api:
        url = api.start()
        for mode in modes:
            results.append(call(AIMLAPIChatGenerator, CHAT, url, mode))
            question = RESPONSES_STREAMED if "streamed" in mode else RESPONSES
            results.append(call(AIMLAPIResponsesChatGenerator, question, url, mode))
        cat = ("openai/gpt-image-1-5", "A black cat on a red sofa.")
        results += [call(AIMLAPIImageGenerator, cat, url, mode) for mode in modes[:2]]
        api.shutdown()
    with FaultServer(stream_head() + event(OVERLOADED) + DONE) as server:
        results += [call(AIMLAPIChatGenerator, CHAT, server.url, mode) | {"kind": "broken"} for mode in modes[2:]]
    print(json.dumps(results, default=str))


def transaction(title: str) -> Any:
    """Sentry records what is part of a transaction, such as a web request."""
    if title != "Sentry":
        return nullcontext()
    import sentry_sdk

    return sentry_sdk.start_transaction(name="test", op="test")


if __name__ == "__main__":
    main(sys.argv[1])
