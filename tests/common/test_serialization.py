# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from copy import deepcopy
from typing import Any

import pytest
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.generators.chat import FallbackChatGenerator
from haystack.components.generators.utils import print_streaming_chunk
from haystack.dataclasses import StreamingChunk
from haystack.tools import Tool, Toolset
from haystack.utils import Secret
from pydantic import BaseModel

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import Api
from tests.support.modes import ASYNC, Mode, in_all_modes, plain_only

TYPE = "haystack_integrations.components.generators.aimlapi.chat.chat_generator.AIMLAPIChatGenerator"
DEFAULTS = {
    "api_key": {"type": "env_var", "env_vars": ["AIMLAPI_API_KEY"], "strict": True},
    "model": "openai/gpt-5.6-terra",
    "streaming_callback": None,
    "api_base_url": "https://api.aimlapi.com/v1",
    "generation_kwargs": {},
    "tools": None,
    "timeout": None,
    "extra_headers": None,
    "max_retries": None,
    "http_client_kwargs": None,
}


class Answer(BaseModel):
    text: str


ANSWER = {
    "type": "json_schema",
    "json_schema": {
        "name": "Answer",
        "strict": True,
        "schema": {
            "properties": {"text": {"title": "Text", "type": "string"}},
            "required": ["text"],
            "title": "Answer",
            "type": "object",
            "additionalProperties": False,
        },
    },
}


def on_chunk(chunk: StreamingChunk) -> None:
    pass


async def on_chunk_async(chunk: StreamingChunk) -> None:
    pass


def look_up(city: str) -> str:
    return city


def tool(name: str) -> Tool:
    return Tool(name, f"Does {name}.", {"type": "object", "properties": {"city": {"type": "string"}}}, look_up)


# Settings, and what is written of them where it is not the same.
SETTINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    (
        {"api_key": Secret.from_env_var(["A", "B"], strict=False)},
        {"api_key": {"type": "env_var", "env_vars": ["A", "B"], "strict": False}},
    ),
    ({"model": "vendor/model", "api_base_url": "http://127.0.0.1/v1", "timeout": 1.5, "max_retries": 0}, {}),
    ({"api_base_url": None}, {}),
    ({"generation_kwargs": {"temperature": 0.5, "thinking": {"budget_tokens": 5}, "extra_body": {"a": [1, None]}}}, {}),
    ({"tools_strict": True}, {}),
    ({"extra_headers": {}}, {}),
    (
        {"extra_headers": {"X-A": "1", "X-B": Secret.from_env_var("HEADER")}},
        {"extra_headers": {"X-A": "1", "X-B": {"type": "env_var", "env_vars": ["HEADER"], "strict": True}}},
    ),
    (
        {"generation_kwargs": {"extra_headers": {"X-A": "1", "X-B": Secret.from_env_var("HEADER", strict=False)}}},
        {
            "generation_kwargs": {
                "extra_headers": {"X-A": "1", "X-B": {"type": "env_var", "env_vars": ["HEADER"], "strict": False}}
            }
        },
    ),
    (
        {
            "http_client_kwargs": {
                "timeout": 3,
                "verify": False,
                "headers": {"X-C": "1"},
                "limits": {"max_connections": 5, "max_keepalive_connections": None},
            }
        },
        {},
    ),
    (
        {"streaming_callback": print_streaming_chunk},
        {"streaming_callback": "haystack.components.generators.utils.print_streaming_chunk"},
    ),
    ({"streaming_callback": on_chunk}, {"streaming_callback": "tests.common.test_serialization.on_chunk"}),
    ({"streaming_callback": on_chunk_async}, {"streaming_callback": "tests.common.test_serialization.on_chunk_async"}),
    ({"generation_kwargs": {"response_format": Answer}}, {"generation_kwargs": {"response_format": ANSWER}}),
    ({"generation_kwargs": {"response_format": ANSWER}}, {}),
    ({"generation_kwargs": {"response_format": {"type": "json_object"}}}, {}),
    ({"tools": []}, {}),
    ({"tools": [tool("a"), tool("b")]}, {"tools": [tool("a").to_dict(), tool("b").to_dict()]}),
    ({"tools": Toolset([tool("a"), tool("b")])}, {"tools": Toolset([tool("a"), tool("b")]).to_dict()}),
    (
        {"tools": [tool("a"), Toolset([tool("b")])], "tools_strict": True},
        {"tools": [tool("a").to_dict(), Toolset([tool("b")]).to_dict()]},
    ),
]
with_all_settings = pytest.mark.parametrize(("settings", "written"), SETTINGS)


def pipeline(component: Any) -> Pipeline:
    pipeline = Pipeline()
    pipeline.add_component("llm", component)
    return pipeline


@with_all_settings
def test_to_dict_writes_every_setting(settings: dict[str, Any], written: dict[str, Any]) -> None:
    before = deepcopy(settings)
    component = AIMLAPIChatGenerator(**settings)
    assert component.to_dict() == {"type": TYPE, "init_parameters": {**DEFAULTS, **settings, **written}}
    assert settings == before


@with_all_settings
def test_from_dict_takes_its_argument_twice_and_leaves_it(settings: dict[str, Any], written: dict[str, Any]) -> None:
    component = AIMLAPIChatGenerator(**settings)
    data = component.to_dict()
    before = deepcopy(data)
    first, second = AIMLAPIChatGenerator.from_dict(data), AIMLAPIChatGenerator.from_dict(data)
    assert data == before
    assert type(first) is type(second) is AIMLAPIChatGenerator
    assert first.to_dict() == second.to_dict() == before
    for name in DEFAULTS.keys() - written.keys() | {"tools_strict"}:
        assert getattr(first, name) == getattr(component, name), name
    for name in ("api_key", "streaming_callback", "extra_headers", "tools"):
        assert str(getattr(first, name)) == str(getattr(component, name)), name


@with_all_settings
def test_yaml_of_a_pipeline_survives_a_round_trip(settings: dict[str, Any], written: dict[str, Any]) -> None:
    text = pipeline(AIMLAPIChatGenerator(**settings)).dumps()
    loaded = Pipeline.loads(text)
    assert loaded.dumps() == text
    assert loaded.get_component("llm").to_dict() == AIMLAPIChatGenerator(**settings).to_dict()


@with_all_settings
@plain_only
async def test_a_loaded_component_sends_the_same(
    mode: Mode, settings: dict[str, Any], written: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADER", "s3cret")
    monkeypatch.setenv("A", "key")
    callback = settings.get("streaming_callback") if mode == ASYNC else None
    component = AIMLAPIChatGenerator(**{**settings, "streaming_callback": callback})
    text = pipeline(component).dumps()
    sent = []
    for each in (component, Pipeline.loads(text).get_component("llm")):
        api = Api()
        each.http_client_kwargs = {**(each.http_client_kwargs or {}), "transport": api}
        await mode.call(each, "Hi")
        (request,) = api.requests
        sent.append((request.url, *api.bodies, request.headers, request.extensions["timeout"]))
    assert sent[0] == sent[1]


@in_all_modes
async def test_yaml_of_the_published_3_0_0_loads(mode: Mode) -> None:
    """What the published 3.0.0 wrote: no `tools_strict`."""
    loaded = Pipeline.loads(f"""
components:
  llm:
    init_parameters:
      api_base_url: https://api.aimlapi.com/v1
      api_key:
        env_vars:
        - AIMLAPI_API_KEY
        strict: true
        type: env_var
      extra_headers:
        X-A: '1'
      generation_kwargs:
        max_tokens: 9
      http_client_kwargs: null
      max_retries: null
      model: openai/gpt-5.6-terra
      streaming_callback: null
      timeout: null
      tools:
      - data:
          description: Does a.
          function: tests.common.test_serialization.look_up
          inputs_from_state: null
          name: a
          outputs_to_state: null
          outputs_to_string: null
          parameters:
            properties:
              city:
                type: string
            type: object
        type: haystack.tools.tool.Tool
    type: {TYPE}
connection_type_validation: true
connections: []
max_runs_per_component: 100
metadata: {{}}
""")
    component = loaded.get_component("llm")
    settings = {"generation_kwargs": {"max_tokens": 9}, "extra_headers": {"X-A": "1"}, "tools": [tool("a")]}
    assert component.to_dict() == AIMLAPIChatGenerator(**settings).to_dict()
    assert component.tools_strict is False
    api = Api()
    component.http_client_kwargs = {"transport": api}
    await mode.call(component, "Hi")
    assert api.bodies[0]["tools"] == [{"type": "function", "function": tool("a").tool_spec}]


@pytest.mark.parametrize("data", [{"type": TYPE}, {"type": TYPE, "init_parameters": {}}])
def test_what_is_not_written_is_default(data: dict[str, Any]) -> None:
    assert AIMLAPIChatGenerator.from_dict(data).to_dict() == {"type": TYPE, "init_parameters": DEFAULTS}


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": Secret.from_token("t0ken")},
        {"extra_headers": {"X-A": Secret.from_token("t0ken")}},
        {"generation_kwargs": {"extra_headers": {"X-A": Secret.from_token("t0ken")}}},
    ],
)
def test_a_token_is_never_written(settings: dict[str, Any]) -> None:
    component = AIMLAPIChatGenerator(**settings)
    with pytest.raises(ValueError, match="Cannot serialize token-based secret"):
        component.to_dict()
    with pytest.raises(ValueError, match="Cannot serialize token-based secret"):
        pipeline(component).dumps()


def test_a_header_secret_is_never_written_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADER", "s3cret")
    headers = {"X-A": Secret.from_env_var("HEADER")}
    component = AIMLAPIChatGenerator(extra_headers=headers, generation_kwargs={"extra_headers": headers})
    assert "s3cret" not in pipeline(component).dumps()


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: Agent(chat_generator=inner, tools=[tool("a")]),
        lambda inner: FallbackChatGenerator([inner, AIMLAPIChatGenerator(model="other")]),
    ],
    ids=["Agent", "FallbackChatGenerator"],
)
def test_it_is_written_inside_another_component(around: Any) -> None:
    settings = {"tools_strict": True, "extra_headers": {"X-A": Secret.from_env_var("HEADER")}, "timeout": 1.5}
    text = pipeline(around(AIMLAPIChatGenerator(**settings))).dumps()
    assert Pipeline.loads(text).dumps() == text
