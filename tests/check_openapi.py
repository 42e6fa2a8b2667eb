# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
Hold the requests that the chat generator sends against AIMLAPI's own OpenAPI files.

    git clone --depth 1 https://github.com/aimlapi/api-docs
    python tests/check_openapi.py api-docs/docs/api-references/text-models-llm [CASE ...]
    python tests/check_openapi.py api-docs/docs/api-references/text-models-llm --vendors

The second way asks each current model in its own name, and tells by vendor on how many models a feature arrives: all
that is sent for it is declared by the schema of the model.

Needs `jsonschema`. Each line tells how many of the chat schemas accept a body; below it, why others refuse it, which
keys the accepting ones do not declare (the API drops those silently), and a few of the models. The body is that of
`run`, and it is checked that `run_async` and the streamed modes send the same but for the streaming keys. Exits with 1
if every schema refuses some body.
"""

import argparse
import asyncio
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any

# Haystack reads this once, when it is imported.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import httpx2
from haystack.dataclasses import ChatMessage, FileContent, ImageContent, StreamingChunk
from haystack.dataclasses.chat_message import TextContent, ToolCall
from haystack.tools import Tool, tool
from haystack.utils import Secret
from jsonschema import Draft202012Validator, ValidationError
from pydantic import BaseModel

from haystack_integrations.common.aimlapi.models import MODEL_IDS
from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

from openapi_docs import Docs

RECORDINGS = Path(__file__).parent / "recordings"
MODEL = "vendor/model"
LONG = 100
PATHS = ("/v1/chat/completions", "/chat/completions")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Weather(BaseModel):
    city: str
    celsius: float | None = None


@tool
def weather(city: Annotated[str, "where"], days: Annotated[list[int] | None, "which days"] = None) -> str:
    """Tell the weather."""
    return f"Sunny in {city} {days or ''}"


TIME = Tool("time", "Tell the time.", {"type": "object", "properties": {}}, lambda: "noon")
USER = ChatMessage.from_user("What is the weather in Zürich?")
CALLS = [ToolCall("weather", {"city": "Zürich"}, id="call_1"), ToolCall("time", {}, id="call_2")]
RESULTS = [ChatMessage.from_tool("Sunny", CALLS[0]), ChatMessage.from_tool("noon", CALLS[1])]
PARTS = ChatMessage.from_tool([TextContent("Sun"), TextContent("ny")], CALLS[0])
SCHEMA = {"name": "answer", "strict": True, "schema": {**Weather.model_json_schema(), "additionalProperties": False}}
DIALECTS = (
    "dialect_claude",
    "dialect_gemini_tools",
    "dialect_reasoning_content",
    "dialect_reasoning_details",
    "dialect_reasoning_encrypted",
    "dialect_reasoning_flat",
    "dialect_think_tags",
)


CACHE = {"cache_control": {"type": "ephemeral"}}
KIMI_SEARCH = {"type": "builtin_function", "function": {"name": "$web_search"}}
CLAUDE_SEARCH = {"type": "web_search_20250305", "name": "web_search"}
GLM_SEARCH = {"type": "web_search", "web_search": {"search_engine": "search_pro_jina", "enable": True}}
# The hosted tools by the beginning of the ids that have them.
HOSTED = {
    "moonshot/kimi-k2": KIMI_SEARCH,
    "anthropic/": CLAUDE_SEARCH,
    "claude-": CLAUDE_SEARCH,
    "zhipu/glm-4.5": GLM_SEARCH,
}


def _parameters(**values: Any) -> dict[str, Any]:
    return {"messages": [USER], "generation_kwargs": values}


def _tools(**values: Any) -> dict[str, Any]:
    return {"messages": [USER], "tools": [weather, TIME], **values}


def _ignore(_: StreamingChunk) -> None:
    pass


async def _ignore_async(_: StreamingChunk) -> None:
    pass


CASES: dict[str, dict[str, Any]] = {
    "text": {"messages": [USER]},
    "system": {"messages": [ChatMessage.from_system("Be brief."), USER]},
    "names": {"messages": [ChatMessage.from_system("Be brief.", name="boss"), ChatMessage.from_user("Hi", name="ann")]},
    "turns": {"messages": [USER, ChatMessage.from_assistant("Sunny."), ChatMessage.from_user("And Rome?")]},
    "image": {"messages": [ChatMessage.from_user(content_parts=["Look", ImageContent(PIXEL, "image/png")])]},
    "image detail": {"messages": [ChatMessage.from_user(content_parts=[ImageContent(PIXEL, "image/png", "low")])]},
    "file": {
        "messages": [ChatMessage.from_user(content_parts=["Read", FileContent("JVBERi0=", "application/pdf", "a.pdf")])]
    },
    "limits": _parameters(max_tokens=512),
    "max_completion_tokens": _parameters(max_completion_tokens=512),
    "sampling": _parameters(temperature=0.5, top_p=0.9),
    "penalties": _parameters(frequency_penalty=0.5, presence_penalty=0.5),
    "seed": _parameters(seed=7),
    "stop": _parameters(stop=["END"]),
    "logprobs": _parameters(logprobs=True, top_logprobs=2),
    "n": _parameters(n=2),
    "reasoning_effort": _parameters(reasoning_effort="low"),
    "reasoning": _parameters(reasoning={"effort": "low"}),
    "thinking": _parameters(thinking={"type": "enabled", "budget_tokens": 1024}),
    "enable_thinking": _parameters(enable_thinking=True, thinking_budget=1024),
    "top_k": _parameters(top_k=40, min_p=0.1, repetition_penalty=1.1),
    "web search": _parameters(web_search_options={"search_context_size": "low"}),
    "audio": _parameters(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
    "audio back": {"messages": [USER, ChatMessage.from_assistant(meta={"audio": {"id": "a-1"}}), USER]},
    "audio in": {"messages": [ChatMessage.from_user(content_parts=["Listen", FileContent("UklGRg==", "audio/wav")])]},
    "audio in, flac": {"messages": [ChatMessage.from_user(content_parts=[FileContent("ZkxhQw==", "audio/flac")])]},
    "video in": {"messages": [ChatMessage.from_user(content_parts=["Look", FileContent("AAAAGA==", "video/mp4")])]},
    "video by address": {
        "messages": [
            ChatMessage.from_user(
                content_parts=["Look", FileContent("", "video/mp4", extra={"url": "https://example.com/a.mp4"})]
            )
        ]
    },
    "image by address": {
        "messages": [
            ChatMessage.from_user(
                content_parts=["Look", ImageContent("", "image/png", meta={"url": "https://example.com/a.png"})]
            )
        ]
    },
    "caching": {
        "messages": [ChatMessage.from_system("Be brief.", meta=CACHE), ChatMessage.from_user("Hi", meta=CACHE)]
    },
    "caching, tool loop": {
        "messages": [
            USER,
            ChatMessage.from_assistant("I'll look.", tool_calls=CALLS[:1], meta=CACHE),
            ChatMessage.from_tool("Sunny", CALLS[0], meta=CACHE),
        ],
        "tools": [weather, TIME],
    },
    "caching, tools": {"messages": [USER], "tools": [{"type": "function", "function": TIME.tool_spec, **CACHE}]},
    "hosted tool, Kimi": {"messages": [USER], "tools": [KIMI_SEARCH]},
    "hosted tool, Claude": {"messages": [USER], "tools": [CLAUDE_SEARCH]},
    "hosted tool, GLM": {"messages": [USER], "tools": [GLM_SEARCH]},
    "hosted tool and a function": {"messages": [USER], "tools": [KIMI_SEARCH, weather]},
    "hosted tool, loop": {
        "messages": [
            USER,
            ChatMessage.from_assistant(
                meta={"hosted_tool_calls": [ToolCall("$web_search", {"query": "Zürich"}, id="call_1").to_dict()]}
            ),
        ],
        "tools": [KIMI_SEARCH],
    },
    "structured output, tool": {**_parameters(response_format=Weather), "model": "x-ai/grok-4-6"},
    "structured output, tool beside others": {
        **_tools(generation_kwargs={"response_format": Weather}),
        "model": "x-ai/grok-4-6",
    },
    "structured output, Claude": {**_parameters(response_format=Weather), "model": "anthropic/claude-opus-5"},
    "structured output, told": {**_parameters(response_format=Weather), "model": "anthropic/claude-opus-latest"},
    "structured output, json_object": {
        **_parameters(response_format=Weather),
        "model": "deepseek/deepseek-v4-pro-0813",
    },
    "stream": {"messages": [USER], "streaming_callback": _ignore},
    "stream, no stream_options": {**_parameters(stream_options=None), "streaming_callback": _ignore},
    "json_object": _parameters(response_format={"type": "json_object"}),
    "json_schema": _parameters(response_format={"type": "json_schema", "json_schema": SCHEMA}),
    "pydantic": _parameters(response_format=Weather),
    "tools": _tools(),
    "tools strict": _tools(tools_strict=True),
    "tools and pydantic": _tools(generation_kwargs={"response_format": Weather}),
    "tool_choice auto": _tools(generation_kwargs={"tool_choice": "auto", "parallel_tool_calls": False}),
    "tool_choice required": _tools(generation_kwargs={"tool_choice": "required"}),
    "tool_choice named": _tools(
        generation_kwargs={"tool_choice": {"type": "function", "function": {"name": "weather"}}}
    ),
    "tool loop": _tools(messages=[USER, ChatMessage.from_assistant(tool_calls=CALLS), *RESULTS]),
    "tool loop, text": _tools(messages=[USER, ChatMessage.from_assistant("I'll look.", tool_calls=CALLS), *RESULTS]),
    "tool loop, result in parts": _tools(messages=[USER, ChatMessage.from_assistant(tool_calls=CALLS[:1]), PARTS]),
    "tool loop, past": _tools(messages=[USER, ChatMessage.from_assistant(tool_calls=CALLS), *RESULTS, USER]),
    **{f"tool loop, {dialect.removeprefix('dialect_')}": _tools(dialect=dialect) for dialect in DIALECTS},
}

# The features by vendor: the case that shows each, and what has to be in its body.
FEATURES = {
    "text": ("text", "content"),
    "stream": ("stream", "stream"),
    "tools": ("tools", "tools"),
    "strict": ("tools strict", "strict"),
    "loop": ("tool loop", "tool_call_id"),
    "schema": ("pydantic", "celsius"),
    "schema+tools": ("tools and pydantic", "celsius"),
    "stop": ("stop", "END"),
    "caching": ("caching", "cache_control"),
    "image": ("image", "image_url"),
    "audio": ("audio in", "input_audio"),
    "video": ("video in", "video_url"),
    "hosted": ("", "search"),
}


class Api:
    """Answers every request, and keeps its body."""

    def __init__(self, reply: dict[str, Any]) -> None:
        self.reply = reply
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.bodies.append(json.loads(request.content))
        if not self.bodies[-1].get("stream"):
            return httpx2.Response(200, json=self.reply)
        choices = [{**choice, "delta": choice["message"]} for choice in self.reply["choices"]]
        frame = json.dumps({**self.reply, "object": "chat.completion.chunk", "choices": choices})
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=f"data: {frame}\n\n")


def sent(case: dict[str, Any]) -> dict[str, Any]:
    """The last body that the component sends for a case."""
    streamed = bool(case.get("streaming_callback"))
    several = bool(case.get("generation_kwargs", {}).get("n"))
    modes = [(asynchronous, stream) for stream in (False, True) for asynchronous in (False, True)]
    bodies = {mode: _last_body(case, *mode) for mode in modes if not (several and mode[1])}
    for body in bodies.values():
        keys = {"stream", "stream_options"}
        if {key: value for key, value in body.items() if key not in keys} != bodies[False, False]:
            msg = f"The four modes differ:\n{json.dumps([*bodies.values()], indent=2)}"
            raise AssertionError(msg)
    return bodies[False, streamed]


def _last_body(case: dict[str, Any], asynchronous: bool, stream: bool) -> dict[str, Any]:
    options = deepcopy({key: value for key, value in case.items() if key not in ("messages", "dialect", "model")})
    options["streaming_callback"] = (_ignore_async if asynchronous else _ignore) if stream else None
    if not stream:
        options.get("generation_kwargs", {}).pop("stream_options", None)
    api = Api(_tool_round(case.get("dialect", "dialect_reasoning_content")))
    generator = AIMLAPIChatGenerator(
        api_key=Secret.from_token("key"),
        model=case.get("model", MODEL),
        http_client_kwargs={"transport": httpx2.MockTransport(api)},
    )

    def ask(messages: list[ChatMessage]) -> list[ChatMessage]:
        if asynchronous:
            return asyncio.run(generator.run_async(messages, **options))["replies"]
        return generator.run(messages, **options)["replies"]

    replies = ask(case["messages"])
    if "dialect" in case:
        ask([*case["messages"], *replies, *(ChatMessage.from_tool("Sunny", call) for call in replies[0].tool_calls)])
    return api.bodies[-1]


def _tool_round(dialect: str) -> dict[str, Any]:
    """The recorded reply of a dialect, as one that calls a tool."""
    recording = json.loads((RECORDINGS / f"{dialect}.json").read_text(encoding="utf-8"))
    reply: dict[str, Any] = recording["exchanges"][0]["response"]["json"]
    choice = reply["choices"][0]
    choice["finish_reason"] = "tool_calls"
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Zürich"}'}}
    choice["message"].setdefault("tool_calls", [call])
    return reply


def chat_schemas(folder: Path) -> dict[str, list[str]]:
    """The distinct request schemas of chat completions, and the models of the operations that have each."""
    schemas: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.json")):
        try:
            operations = json.loads(path.read_text(encoding="utf-8"))["paths"]
        except (ValueError, LookupError, TypeError):
            # The docs hold settings and examples as well.
            continue
        for name in PATHS:
            if operation := operations.get(name, {}).get("post"):
                schema = _json_schema(operation["requestBody"]["content"]["application/json"]["schema"])
                models = schema["properties"].get("model", {}).get("enum", [path.stem])
                schema["properties"]["model"] = {"type": "string"}
                schemas[json.dumps(schema, sort_keys=True)].append(models[0])
    return schemas


def _json_schema(schema: Any, *, alternative: bool = False) -> Any:
    """An OpenAPI 3.0 schema as JSON schema: without prose, and with `null` as a type."""
    if not isinstance(schema, dict):
        return schema
    translated = {
        key: value
        for key, value in schema.items()
        if key not in ("nullable", "description", "title", "example", "default")
    }
    if "properties" in schema:
        translated["properties"] = {key: _json_schema(value) for key, value in schema["properties"].items()}
    for key in ("items", "additionalProperties", "not"):
        if key in schema:
            translated[key] = _json_schema(schema[key])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            translated[key] = [_json_schema(part, alternative=True) for part in schema[key]]
    if not schema.get("nullable"):
        return translated
    if translated:
        return {"anyOf": [translated, {"type": "null"}]}
    # By the letter of OpenAPI 3.0 this admits everything, and an alternative of a union that does makes it no union.
    return {"type": "null"} if alternative else {}


def causes(errors: Iterator[ValidationError]) -> Iterator[str]:
    """Of a union that no alternative fits, only why the nearest one does not."""
    for error in errors:
        path = re.sub(r"\.?\[\d+]", "[]", error.json_path.removeprefix("$.")).removeprefix("$")
        if not error.context:
            yield f"{path}: {error.message if len(error.message) < LONG else error.validator}"
            continue
        branches: dict[Any, list[ValidationError]] = defaultdict(list)
        for part in error.context:
            branches[part.schema_path[0]].append(part)
        others = {kind for branch in branches.values() if (kind := _other_kind(branch))}
        nearest = [branch for branch in branches.values() if not _other_kind(branch)]
        if others and all(_other_type(branch) for branch in nearest):
            yield from (f"{path}.{kind} is in no alternative" for kind in others)
        else:
            yield from causes(iter(min(nearest, key=len)))


def _other_kind(errors: list[ValidationError]) -> str | None:
    """The role or type that an alternative is not for."""
    for error in errors:
        if error.validator in ("enum", "const") and len(error.relative_path) and error.path[-1] in ("role", "type"):
            return f"{error.path[-1]} {error.instance!r}"
    return None


def _other_type(errors: list[ValidationError]) -> bool:
    return any(error.validator == "type" and not error.relative_path for error in errors)


def undeclared(schema: dict[str, Any], value: Any, path: str = "") -> set[str]:
    """The keys in an accepted value that the schema does not know."""
    found: set[str] = set()
    for key in ("anyOf", "oneOf"):
        fitting = [part for part in schema.get(key, ()) if Draft202012Validator(part).is_valid(value)]
        if fitting:
            found |= min((undeclared(part, value, path) for part in fitting), key=len)
    if isinstance(value, list):
        for item in value:
            found |= undeclared(schema.get("items", {}), item, f"{path}[]")
    if isinstance(value, dict) and "properties" in schema:
        for key, item in value.items():
            if key in schema["properties"]:
                found |= undeclared(schema["properties"][key], item, f"{path}.{key}")
            elif not schema.get("additionalProperties"):
                found.add(f"{path}.{key}".lstrip("."))
    return found


def vendors(folder: Path) -> None:
    """Print on how many of the current models of each vendor a feature arrives."""
    docs = Docs(folder.parents[2])
    arrived: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for model in sorted(MODEL_IDS["chat"].split(), key=str.lower):
        if (operation := docs.operation("chat", model)) is None:
            continue
        post = next(
            operations[name]["post"]
            for operations in [json.loads((docs.root / operation.path).read_text(encoding="utf-8"))["paths"]]
            for name in PATHS
            if name in operations
        )
        schema = _json_schema(post["requestBody"]["content"]["application/json"]["schema"])
        schema["properties"]["model"] = {"type": "string"}
        for feature, (name, sign) in FEATURES.items():
            case = CASES[name] if name else _hosted(model)
            if case:
                vendor = model.partition("/")[0] if "/" in model else "(no vendor)"
                works = _arrives(schema, {"messages": [USER], **case, "model": model}, sign)
                arrived[vendor][feature].append(works)
                arrived["all"][feature].append(works)
    width = max(map(len, arrived))
    print(" ".join([" " * width, *(f"{feature:>12}" for feature in FEATURES)]))
    for vendor, features in sorted(arrived.items()):
        cells = (f"{sum(features[name])}/{len(features[name])}" if name in features else "-" for name in FEATURES)
        print(" ".join([f"{vendor:{width}}", *(f"{cell:>12}" for cell in cells)]))


def _hosted(model: str) -> dict[str, Any] | None:
    return next(
        ({"messages": [USER], "tools": [tool]} for prefix, tool in HOSTED.items() if model.startswith(prefix)), None
    )


def _arrives(schema: dict[str, Any], case: dict[str, Any], sign: str) -> bool:
    try:
        body = _last_body(case, asynchronous=False, stream=bool(case.get("streaming_callback")))
    except (TypeError, ValueError):
        return False
    return sign in json.dumps(body) and Draft202012Validator(schema).is_valid(body) and not undeclared(schema, body)


def report(name: str, body: dict[str, Any], schemas: dict[str, list[str]]) -> bool:
    """Print what the schemas make of a body, and return whether one accepts it."""
    accepting: list[str] = []
    refusing: list[str] = []
    reasons: dict[str, list[str]] = defaultdict(list)
    for text, models in schemas.items():
        schema = json.loads(text)
        if errors := set(causes(Draft202012Validator(schema).iter_errors(body))):
            refusing += models
            found = {f"refuse {error}" for error in errors}
        else:
            accepting += models
            found = {f"do not declare {key}" for key in undeclared(schema, body)}
        for reason in found:
            reasons[reason] += models
    print(f"{name}: {len(accepting)} accept, {len(refusing)} refuse")
    for reason, models in sorted(reasons.items(), key=lambda item: (not item[0].startswith("refuse"), -len(item[1]))):
        print(f"    {len(models):4} {reason} [{', '.join(models[:3])}]")
    return bool(accepting)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="a directory of AIMLAPI's OpenAPI files")
    parser.add_argument("cases", nargs="*", help="the cases to run, all by default")
    parser.add_argument("--show", action="store_true", help="print the bodies")
    parser.add_argument("--vendors", action="store_true", help="tell by vendor on how many models a feature arrives")
    arguments = parser.parse_args()
    if arguments.vendors:
        vendors(arguments.directory)
        return 0
    schemas = chat_schemas(arguments.directory)
    if not schemas:
        parser.error(f"no chat completions in {arguments.directory}")
    print(f"{sum(map(len, schemas.values()))} chat schemas, {len(schemas)} distinct")
    refused_by_all = []
    for name in arguments.cases or CASES:
        body = sent({"messages": [USER], **CASES[name]})
        if arguments.show:
            print(json.dumps(body, indent=2, ensure_ascii=False))
        if not report(name, body, schemas):
            refused_by_all.append(name)
    if refused_by_all:
        print("Refused by every schema:", "; ".join(refused_by_all))
    return bool(refused_by_all)


if __name__ == "__main__":
    raise SystemExit(main())
