# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What the tracers of docs/tracing.md record, and that they change nothing."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integrations.snippets import ROOT, snippet

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Tracer:
    """
    :param module: What has to be installed.
    :param tokens: Reads from a span how many tokens went in and came out.
    :param responses_tokens: Whether those of `/v1/responses` are recorded.
    :param errors: Whether an error inside a stream is recorded as one.
    :param images: Whether the calls of the image generator are recorded.
    """

    module: str
    tokens: Callable[[Attributes], tuple[Any, Any]]
    responses_tokens: bool = True
    errors: bool = True
    images: bool = True


def gen_ai(span: Attributes) -> tuple[Any, Any]:
    return span.get("gen_ai.usage.input_tokens"), span.get("gen_ai.usage.output_tokens")


def open_inference(span: Attributes) -> tuple[Any, Any]:
    return span.get("llm.token_count.prompt"), span.get("llm.token_count.completion")


def langfuse(span: Attributes) -> tuple[Any, Any]:
    usage = json.loads(span.get("langfuse.observation.usage_details", "{}"))
    return usage.get("input_tokens"), usage.get("output_tokens")


def haystack(span: Attributes) -> tuple[Any, Any]:
    output = json.loads(span.get("haystack.component.output", '{"replies": [{"meta": {"usage": {}}}]}'))
    return counts(output["replies"][0]["meta"]["usage"])


def counts(usage: dict[str, Any]) -> tuple[Any, Any]:
    names = ("prompt_tokens", "completion_tokens") if "prompt_tokens" in usage else ("input_tokens", "output_tokens")
    return usage.get(names[0]), usage.get(names[1])


TRACERS = {
    "OpenTelemetry": Tracer("haystack_integrations.components.connectors.opentelemetry", haystack),
    "OpenLLMetry": Tracer("opentelemetry.instrumentation.openai", gen_ai, errors=False, images=False),
    "OpenInference for OpenAI": Tracer("openinference.instrumentation.openai", open_inference),
    "OpenInference for Haystack": Tracer(
        "openinference.instrumentation.haystack", open_inference, responses_tokens=False
    ),
    "Logfire": Tracer("logfire", gen_ai),
    "Sentry": Tracer("sentry_sdk", gen_ai, errors=False, images=False),
    "Langfuse": Tracer("langfuse", langfuse),
}
CAPITAL = ("What is the capital of France?", "The capital of France is Paris.")
BALL = ("A bat and a ball cost 1.10 in total.", "The ball costs 0.05, and the bat 1.05.")

with_each_tracer = pytest.mark.parametrize("title", TRACERS)


@functools.cache
def traced(title: str) -> list[dict[str, Any]]:
    """What came of each call, and the spans of it."""
    pytest.importorskip(TRACERS[title].module)
    told = run("-m", "tests.integrations.traced", title)
    return list(json.loads(told.stdout))


def run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    told = subprocess.run(
        [sys.executable, *args], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return told


def calls(title: str, kind: str, mode: str | None = None) -> list[dict[str, Any]]:
    return [call for call in traced(title) if call["kind"] == kind and mode in (None, call["mode"])]


@with_each_tracer
@pytest.mark.parametrize("mode", ["run", "run_async", "run streamed", "run_async streamed"])
@pytest.mark.parametrize("kind", ["AIMLAPIChatGenerator", "AIMLAPIResponsesChatGenerator"])
def test_a_call_is_recorded_and_comes_back_whole(title: str, kind: str, mode: str) -> None:
    (call,) = calls(title, kind, mode)
    responses_streamed = kind == "AIMLAPIResponsesChatGenerator" and "streamed" in mode
    question, answer = BALL if responses_streamed else CAPITAL
    assert call["reply"] == answer, call.get("error")
    if "streamed" in mode:
        assert call["chunks"] == answer
    assert call["cost"]["usd_spent"] > 0
    recorded = json.dumps([span["attributes"] for span in call["spans"]])
    assert question in recorded
    assert answer in recorded
    assert call["model"] in recorded
    tokens = [TRACERS[title].tokens(span["attributes"]) for span in call["spans"]]
    has_tokens = TRACERS[title].responses_tokens or kind == "AIMLAPIChatGenerator"
    assert [pair for pair in tokens if pair != (None, None)] == ([counts(call["usage"])] if has_tokens else [])


@with_each_tracer
def test_a_response_model_is_the_one_that_answered(title: str) -> None:
    """The last frame of a stream names no model."""
    attributes = ("gen_ai.response.model", "llm.model_name", "langfuse.observation.model.name")
    for call in calls(title, "AIMLAPIChatGenerator"):
        named = [
            span["attributes"][name] for span in call["spans"] for name in attributes if name in span["attributes"]
        ]
        assert set(named) == (set() if title == "OpenTelemetry" else {call["model"]})


@with_each_tracer
def test_an_error_inside_a_stream_reaches_the_user(title: str) -> None:
    for call in calls(title, "broken"):
        assert "Overloaded" in call["error"]
        is_recorded = any(span["status"] == "ERROR" or "Overloaded" in str(span["status"]) for span in call["spans"])
        assert is_recorded is TRACERS[title].errors


@with_each_tracer
def test_images(title: str) -> None:
    for call in calls(title, "AIMLAPIImageGenerator"):
        assert call["reply"].startswith("https://cdn.aimlapi.com/"), call.get("error")
        assert ("openai/gpt-image-1-5" in json.dumps(call["spans"])) is TRACERS[title].images


def test_langfuse_gets_the_cost() -> None:
    for call in traced("Langfuse"):
        costs = [
            json.loads(span["attributes"]["langfuse.observation.cost_details"])
            for span in call["spans"]
            if "langfuse.observation.cost_details" in span["attributes"]
        ]
        assert costs == ([{"total": call["cost"]["usd_spent"]}] if call["kind"] != "broken" else [])


@pytest.mark.slow
def test_retries_are_seen_in_the_log() -> None:
    code = """
from tests.support.server import PLAIN_HELLO, serving, whole
from tests.support.replies import failure
with serving(whole(failure("Busy", 503), 503), PLAIN_HELLO) as (_, generator):
    generator.run("Hi")
"""
    told = run("-c", snippet("tracing.md", "Retries") + code, AIMLAPI_API_KEY="test-key")
    lines = told.stderr.splitlines()
    assert [line for line in lines if line.startswith("INFO:openai._base_client: Retrying request in ")]
    assert [line.split('"')[1] for line in lines if line.startswith("INFO:httpx2: HTTP Request")] == [
        "HTTP/1.1 503 Status",
        "HTTP/1.1 200 Status",
    ]
