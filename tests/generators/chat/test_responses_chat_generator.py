# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import asyncio
import base64
import inspect
import json
import logging
import pickle
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest
import yaml
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder, PromptBuilder
from haystack.components.generators.utils import print_streaming_chunk
from haystack.dataclasses import (
    ChatMessage,
    FileContent,
    ImageContent,
    ReasoningContent,
    StreamingChunk,
    TextContent,
    ToolCall,
)
from haystack.tools import Tool, Toolset
from haystack.utils import Secret
from pydantic import BaseModel

from examples.stand_in import stand_in
from haystack_integrations.components.generators.aimlapi import (
    AIMLAPIChatGenerator,
    AIMLAPIImageGenerator,
    AIMLAPIResponsesChatGenerator,
)
from tests.support.recordings import Recording

MODULE = "haystack_integrations.components.generators.aimlapi.chat.responses_chat_generator"
TYPE = f"{MODULE}.AIMLAPIResponsesChatGenerator"
MODEL = "openai/gpt-5-4"
MODES = ("run", "run_async", "run streamed", "run_async streamed")
CHART = ImageContent.from_file_path(Path(__file__).parents[3] / "examples" / "chart.png", detail="low")
LOW = {"reasoning": {"effort": "low", "summary": "auto"}}
HI = [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}

in_all_modes = pytest.mark.parametrize("mode", MODES)


# What a call and its result are sent back as.
CALL = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Paris"}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "18 °C"}


class Person(BaseModel):
    name: str
    birth_year: int


def get_weather(city: str) -> str:
    return "18 °C and sunny"


WEATHER = Tool("weather", "The weather in a city.", CITY, get_weather)


def message(text: str, **fields: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [part], **fields}


def function_call(arguments: Any = '{"city": "Paris"}', **fields: Any) -> dict[str, Any]:
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather"}
    return {**call, "arguments": arguments, **fields}


def response(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "status": "completed", "output": list(output), **fields}


def events(body: dict[str, Any]) -> list[dict[str, Any]]:
    """What a stream says before and about a response: its texts and arguments in two pieces."""
    said: list[dict[str, Any]] = [{"type": "response.created", "response": {**body, "output": [], "status": "queued"}}]
    for index, item in enumerate(body["output"]):
        place = {"output_index": index, "item_id": item.get("id")}
        bare = {name: value for name, value in item.items() if name not in ("content", "summary", "arguments")}
        said.append({"type": "response.output_item.added", "output_index": index, "item": bare})
        pieces = [(f"response.{part['type']}.delta", n, part) for n, part in enumerate(item.get("content") or ())]
        pieces += [("response.reasoning_summary_text.delta", n, part) for n, part in enumerate(item.get("summary", ()))]
        if item.get("type") == "function_call":
            pieces.append(("response.function_call_arguments.delta", 0, {"text": item["arguments"]}))
        for kind, number, part in pieces:
            text = part.get("text") or part.get("refusal") or ""
            for piece in (text[:5], text[5:]):
                said.append({"type": kind, **place, "content_index": number, "delta": piece})
        said.append({"type": "response.output_item.done", "output_index": index, "item": item})
    ending = body["status"] if body.get("status") in ("incomplete", "cancelled") else "completed"
    return [*said, {"type": f"response.{ending}", "response": body}]


def sse(*said: dict[str, Any]) -> httpx2.Response:
    text = "".join(f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n" for event in said)
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=text)


class Api(httpx2.MockTransport):
    """Answers with each body in turn, streamed if asked to, or with a whole HTTP response."""

    def __init__(self, *answers: dict[str, Any] | httpx2.Response, **headers: str) -> None:
        super().__init__(self._answer)
        self.requests: list[httpx2.Request] = []
        self._answers = list(answers)
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if self._answers else response(message("Hello"))
        if isinstance(answer, httpx2.Response):
            return answer
        if self.bodies[-1].get("stream"):
            answer = sse(*events(answer))
            answer.headers.update(self._headers)
            return answer
        return httpx2.Response(200, headers=self._headers, json=answer)


def generator(api: httpx2.MockTransport, **settings: Any) -> AIMLAPIResponsesChatGenerator:
    return AIMLAPIResponsesChatGenerator(http_client_kwargs={"transport": api}, **{"max_retries": 0, **settings})


async def call(component: Any, mode: str, messages: Any, **arguments: Any) -> Any:
    method, _, streamed = mode.partition(" ")
    if streamed:
        arguments.setdefault("streaming_callback", lambda chunk: None)
    result = getattr(component, method)(messages, **arguments)
    return await result if inspect.isawaitable(result) else result


async def ask(api: Api, mode: str = "run", messages: Any = "Hi", **settings: Any) -> ChatMessage:
    reply = (await call(generator(api, **settings), mode, messages))["replies"][0]
    reply.meta.pop("completion_start_time", None)
    assert ChatMessage.from_dict(json.loads(json.dumps(reply.to_dict()))) == reply
    return reply


class TestRecordings:
    @pytest.fixture(params=[{}, {"http_client_kwargs": {"limits": httpx.Limits()}}], ids=["httpx2", "httpx"])
    def transport(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return request.param

    @pytest.mark.parametrize("mode", ["run", "run_async"])
    async def test_chat(self, mode: str, transport: dict[str, Any], playback: Any) -> None:
        recorded = playback("responses_chat").exchanges[0]["response"]["json"]

        result = await call(AIMLAPIResponsesChatGenerator(**transport), mode, "What is the capital of France?")

        told = {name: value for name, value in recorded.items() if value or value == 0}
        for name in ("output", "output_text", "meta"):
            del told[name]
        meta = {
            **told,
            "index": 0,
            "finish_reason": "stop",
            "phase": "final_answer",
            "cost": {"credits_used": 319, "usd_spent": 0.0001595},
            "inference_id": "rYq2mTkW8bXc4nLs0dVfA",
        }
        assert result == {"replies": [ChatMessage.from_assistant("The capital of France is Paris.", meta=meta)]}

    @pytest.mark.parametrize("mode", ["run", "run_async"])
    async def test_stream(self, mode: str, transport: dict[str, Any], playback: Any) -> None:
        recorded = playback("responses_stream").exchanges[0]
        question = recorded["request"]["body"]["input"][0]["content"][0]["text"]
        chunks: list[StreamingChunk] = []
        component = AIMLAPIResponsesChatGenerator(model="openai/gpt-5-5", generation_kwargs=LOW, **transport)

        reply = (await call(component, mode, question, streaming_callback=chunks.append))["replies"][0]

        thought = "The ball is x, the bat x + 1.00. So 2x + 1.00 = 1.10, and x = 0.05."
        answer = "The ball costs 0.05, and the bat 1.05."
        assert reply.reasoning.reasoning_text == thought
        assert reply.text == answer
        assert "".join(chunk.reasoning.reasoning_text for chunk in chunks if chunk.reasoning) == thought
        assert "".join(chunk.content for chunk in chunks) == answer
        assert [chunk.index for chunk in chunks if chunk.start] == [0, 1]
        assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
        assert {chunk.component_info.type for chunk in chunks} == {TYPE}
        assert reply.meta["cost"] == {"credits_used": 5530, "usd_spent": 0.002765}
        assert reply.meta["inference_id"] == "kD8sJ2xPq0LmZ7vTnB4eR"
        assert reply.meta["usage"]["total_tokens"] == 123

    @in_all_modes
    async def test_agent(self, mode: str, transport: dict[str, Any], playback: Any) -> None:
        """The recorded second request holds the encrypted reasoning of the first reply."""
        playback("responses_tools_stream" if "streamed" in mode else "responses_tools")
        component = AIMLAPIResponsesChatGenerator(generation_kwargs=LOW, **transport)
        agent = Agent(chat_generator=component, tools=[WEATHER])

        result = await call(agent, mode, [ChatMessage.from_user("What is the weather in Paris?")])

        assert [m.role.value for m in result["messages"]] == ["user", "assistant", "tool", "assistant"]
        assert result["messages"][1].reasoning.reasoning_text == "I need the weather in Paris."
        assert result["messages"][1].meta["finish_reason"] == "tool_calls"
        assert result["messages"][-1].text == "It is 18 °C and sunny in Paris."
        assert result["token_usage"]["total_tokens"] == 102 + 143

    @pytest.mark.parametrize("mode", ["run", "run_async"])
    async def test_structured_output(self, mode: str, transport: dict[str, Any], playback: Any) -> None:
        playback("responses_structured")
        component = AIMLAPIResponsesChatGenerator(generation_kwargs={"text_format": Person}, **transport)

        reply = (await call(component, mode, "Who discovered radium?"))["replies"][0]

        assert Person.model_validate_json(reply.text) == Person(name="Marie Curie", birth_year=1867)


class TestRequest:
    @in_all_modes
    async def test_least(self, mode: str) -> None:
        api = Api()
        await ask(api, mode)
        streaming = {"stream": True} if "streamed" in mode else {}
        assert api.bodies == [{"model": MODEL, "input": HI, **streaming}]
        assert str(api.requests[0].url) == "https://api.aimlapi.com/v1/responses"

    @in_all_modes
    async def test_parameters(self, mode: str) -> None:
        api = Api()
        init = {"temperature": 0.5, "truncation": "auto", "extra_body": {"a": 1}, "text": {"format": {"type": "text"}}}
        run = {
            "temperature": 0,
            "top_p": None,
            "reasoning_effort": "high",
            "reasoning_summary": "auto",
            "text_format": {"type": "json_object"},
            "unheard_of": {"x": [1]},
            "extra_body": {"b": 2},
            "extra_headers": {"X-Client-Request-Id": "mine-1"},
            "timeout": 5,
            "stream": False,
        }
        component = generator(
            api, generation_kwargs=init, extra_headers={"x-title": "Mine", "X-Key": Secret.from_token("s")}
        )

        await call(component, mode, "Hi", generation_kwargs=run)

        streaming = {"stream": True} if "streamed" in mode else {}
        expected = {
            "model": MODEL,
            "input": HI,
            "temperature": 0,
            "truncation": "auto",
            "reasoning": {"effort": "high", "summary": "auto"},
            "text": {"format": {"type": "json_object"}},
            "unheard_of": {"x": [1]},
            "a": 1,
            "b": 2,
            **streaming,
        }
        assert api.bodies == [expected]
        headers = api.requests[0].headers
        names = ("x-title", "x-key", "x-client-request-id", "http-referer", "authorization")
        assert [headers.get(name) for name in names] == [
            "Mine",
            "s",
            "mine-1",
            "https://github.com/deepset-ai/haystack-core-integrations",
            "Bearer test-key",
        ]
        assert headers["x-stainless-read-timeout"] == "5"
        assert component.generation_kwargs == init

    @in_all_modes
    @pytest.mark.parametrize(
        ("parameters", "reasoning"),
        [
            ({"reasoning": None, "reasoning_effort": "low"}, {"effort": "low"}),
            (
                {"reasoning": {"effort": "high", "x": 1}, "reasoning_effort": "low", "reasoning_summary": None},
                {"effort": "low", "x": 1},
            ),
            ({"reasoning": None, "reasoning_effort": None}, None),
        ],
    )
    async def test_entries_of_reasoning(self, mode: str, parameters: dict[str, Any], reasoning: Any) -> None:
        api = Api()
        kept = json.dumps(parameters)
        await ask(api, mode, generation_kwargs=parameters)
        sent = {"reasoning": reasoning} if reasoning else {}
        assert api.bodies == [{"model": MODEL, "input": HI, **sent, **({"stream": True} if "streamed" in mode else {})}]
        assert json.dumps(parameters) == kept

    @in_all_modes
    async def test_text_format_beside_text(self, mode: str) -> None:
        api = Api()
        parameters = {"text": {"unheard_of": 1}, "text_format": Person}
        await ask(api, mode, generation_kwargs=parameters)
        sent = api.bodies[0]["text"]
        assert sent["unheard_of"] == 1
        assert {name: sent["format"][name] for name in ("type", "name", "strict")} == {
            "type": "json_schema",
            "name": "Person",
            "strict": True,
        }
        assert sent["format"]["schema"]["required"] == ["name", "birth_year"]
        assert parameters == {"text": {"unheard_of": 1}, "text_format": Person}

    @in_all_modes
    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("max_tokens", 100, "`max_output_tokens`"),
            ("max_completion_tokens", 100, "`max_output_tokens`"),
            ("response_format", Person, "`text_format`"),
            ("background", True, "`streaming_callback`"),
            ("thinking", {"type": "enabled"}, "`reasoning`"),
            ("verbosity", "low", "endpoint"),
            ("service_tier", "flex", "endpoint"),
            ("stop", ["."], "endpoint"),
            ("n", 2, "endpoint"),
            ("seed", 0, "endpoint"),
            ("messages", [], "`messages` of `run`"),
            ("input", "Hi", "`messages` of `run`"),
            ("model", "o1", "init parameter"),
            ("tools", [], "`tools` of init or `run`"),
        ],
    )
    async def test_what_the_endpoint_does_not_take(self, mode: str, name: str, value: Any, told: str) -> None:
        api = Api()
        with pytest.raises(ValueError, match=f"`{name}`.*{told}"):
            await ask(api, mode, generation_kwargs={name: value})
        assert api.requests == []

    async def test_a_refused_parameter_can_be_forced(self) -> None:
        api = Api()
        parameters = {"background": False, "verbosity": None, "extra_body": {"service_tier": "flex"}}
        await ask(api, generation_kwargs=parameters)
        assert api.bodies == [{"model": MODEL, "input": HI, "background": False, "service_tier": "flex"}]

    async def test_bad_request_id(self) -> None:
        with pytest.raises(ValueError, match="X-Client-Request-Id"):
            await ask(Api(), extra_headers={"X-Client-Request-Id": "a b"})

    @in_all_modes
    async def test_tools(self, mode: str) -> None:
        api = Api()
        optional = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}}
        tools = [Tool("one", "One.", {**optional, "required": ["city"]}, print), Toolset([WEATHER])]
        before = json.dumps(tools[0].parameters)

        component = generator(api, model="openai/gpt-4o", tools=tools)
        for arguments in ({"tools_strict": True}, {}, {"tools": [WEATHER]}, {"tools": []}):
            await call(component, mode, "Hi", **arguments)

        one = {"type": "function", "name": "one", "description": "One."}
        weather = {"type": "function", "name": "weather", "description": "The weather in a city."}
        closed = {"additionalProperties": False}
        assert [body.get("tools") for body in api.bodies] == [
            [
                {**one, "parameters": {**optional, **closed, "required": ["city", "unit"]}, "strict": True},
                {**weather, "parameters": {**CITY, **closed}, "strict": True},
            ],
            [
                {**one, "parameters": {**optional, "required": ["city"]}, "strict": False},
                {**weather, "parameters": CITY, "strict": False},
            ],
            [{**weather, "parameters": CITY, "strict": False}],
            None,
        ]
        assert json.dumps(tools[0].parameters) == before

    async def test_hosted_tools(self) -> None:
        api = Api()
        hosted = [{"type": "web_search_preview"}]
        await ask(api, model="openai/gpt-4o", tools=hosted)
        assert api.bodies == [{"model": "openai/gpt-4o", "input": HI, "tools": hosted}]

    async def test_duplicate_tools(self) -> None:
        with pytest.raises(ValueError, match="weather"):
            await ask(Api(), tools=[WEATHER, Toolset([WEATHER])])

    @pytest.mark.parametrize(
        ("model", "parameters", "include"),
        [
            ("openai/gpt-5-4", {}, ["reasoning.encrypted_content"]),
            ("openai/gpt-5-1-codex-mini", {}, ["reasoning.encrypted_content"]),
            ("openai/gpt-5-mini-2025-08-07", {}, ["reasoning.encrypted_content"]),
            ("openai/o3-pro", {}, ["reasoning.encrypted_content"]),
            ("o1", {}, ["reasoning.encrypted_content"]),
            ("x-ai/grok-4-3", {}, ["reasoning.encrypted_content"]),
            ("openai/gpt-5-5-pro", {}, None),
            ("openai/gpt-5-chat-latest", {}, None),
            ("openai/gpt-4o", {}, None),
            ("openai/gpt-5-4", {"include": None}, None),
            ("openai/gpt-5-4", {"include": ["code_interpreter_call.outputs"]}, ["code_interpreter_call.outputs"]),
            ("openai/gpt-5-4", {"include_reasoning_encrypted_content": False}, None),
            ("openai/gpt-5-4", {"store": True}, None),
            ("openai/gpt-4o", {"include_reasoning_encrypted_content": True}, ["reasoning.encrypted_content"]),
            (
                "openai/gpt-4o",
                {"include": None, "include_reasoning_encrypted_content": True},
                ["reasoning.encrypted_content"],
            ),
            (
                "openai/gpt-4o",
                {"include": ["a", "reasoning.encrypted_content"], "include_reasoning_encrypted_content": True},
                ["a", "reasoning.encrypted_content"],
            ),
        ],
    )
    async def test_reasoning_is_asked_for_in_tool_loops(self, model: str, parameters: Any, include: Any) -> None:
        api = Api()
        await ask(api, model=model, generation_kwargs=parameters, tools=[WEATHER])
        assert api.bodies[0].get("include") == include

    @in_all_modes
    async def test_inputs(self, mode: str) -> None:
        api = Api()
        pdf = base64.b64encode(b"%PDF-1.4").decode()
        nameless = FileContent(pdf, mime_type=None, filename=None, validation=False)
        parts = [
            "Look:",
            CHART,
            ImageContent("iVBO", None, validation=False),
            FileContent(pdf, "text/x", "a.txt"),
            nameless,
        ]
        messages = [
            ChatMessage.from_system("Be brief."),
            ChatMessage.from_user(content_parts=parts),
            ChatMessage.from_assistant(""),
        ]
        await ask(api, mode, messages)
        assert api.bodies[0]["input"] == [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look:"},
                    {
                        "type": "input_image",
                        "image_url": f"data:image/png;base64,{CHART.base64_image}",
                        "detail": "low",
                    },
                    {"type": "input_image", "image_url": "data:image/jpeg;base64,iVBO"},
                    {"type": "input_file", "filename": "a.txt", "file_data": f"data:text/x;base64,{pdf}"},
                    {"type": "input_file", "filename": "file", "file_data": f"data:application/pdf;base64,{pdf}"},
                ],
            },
        ]

    @in_all_modes
    @pytest.mark.parametrize(
        ("unsendable", "told"),
        [
            (ChatMessage.from_dict({"role": "user", "content": []}), "empty"),
            (ChatMessage.from_dict({"role": "system", "content": []}), "empty"),
            (
                ChatMessage.from_dict({"role": "user", "content": [{"reasoning": {"reasoning_text": "x"}}]}),
                "ReasoningContent",
            ),
            (ChatMessage.from_tool([CHART], origin=ToolCall("weather", {}, id="call_1")), "text only"),
            (ChatMessage.from_tool("18 °C", origin=ToolCall("weather", {})), "weather has no id"),
        ],
    )
    async def test_what_cannot_be_sent(self, mode: str, unsendable: ChatMessage, told: str) -> None:
        api = Api()
        with pytest.raises(ValueError, match=f"message at position 1 .*{told}"):
            await ask(api, mode, [ChatMessage.from_user("Hi"), unsendable])
        assert api.requests == []

    @in_all_modes
    async def test_no_chat_message(self, mode: str) -> None:
        api = Api()
        with pytest.raises(TypeError, match="list of ChatMessage, got str at position 1"):
            await ask(api, mode, [ChatMessage.from_user("Hi"), "hello"])
        assert api.requests == []

    async def test_no_message(self) -> None:
        api = Api()
        assert generator(api).run([]) == {"replies": []}
        assert await generator(api).run_async([]) == {"replies": []}
        assert api.requests == []

    def test_async_callback_in_run(self) -> None:
        async def callback(chunk: StreamingChunk) -> None: ...

        with pytest.raises(ValueError, match="callback"):
            generator(Api()).run("Hi", streaming_callback=callback)


class TestMultiTurn:
    @staticmethod
    async def sent(turns: list[ChatMessage], **settings: Any) -> list[dict[str, Any]]:
        api = Api()
        copies = [ChatMessage.from_dict(json.loads(json.dumps(turn.to_dict()))) for turn in turns]
        await ask(api, messages=copies, **settings)
        assert copies == turns
        return api.bodies[0]["input"]

    async def loop(self, *output: dict[str, Any], mode: str = "run", **settings: Any) -> list[dict[str, Any]]:
        """What is sent after a reply with these items."""
        reply = await ask(Api(response(*output)), mode)
        results = [ChatMessage.from_tool("18 °C", origin=tool_call) for tool_call in reply.tool_calls]
        return (await self.sent([ChatMessage.from_user("Hi"), reply, *results], **settings))[1:]

    @in_all_modes
    async def test_reasoning_goes_back_in_a_tool_loop(self, mode: str) -> None:
        second = {**REASONING, "id": "rs_2", "summary": [{"type": "summary_text", "text": t} for t in ("a", "b")]}
        sent = await self.loop(
            REASONING, second, message("Let me see.", phase="commentary"), function_call('{"city": "Paris"}'), mode=mode
        )
        said = {"role": "assistant", "content": "Let me see.", "phase": "commentary"}
        assert sent == [REASONING, second, said, CALL, RESULT]

    @pytest.mark.parametrize(("store", "returned"), [(False, False), (True, True)])
    async def test_reasoning_that_is_stored(self, store: bool, returned: bool) -> None:
        """Without its content, the endpoint can only find it if it was stored."""
        bare = {"id": "rs_1", "type": "reasoning", "summary": []}
        sent = await self.loop(bare, function_call(), generation_kwargs={"store": store})
        assert sent == [*([bare] if returned else []), CALL, RESULT]

    async def test_raw_reasoning(self) -> None:
        raw = {"id": "rs_1", "type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]}
        assert await self.loop(raw, function_call()) == [{**raw, "summary": []}, CALL, RESULT]

    async def test_reasoning_of_the_parent_class(self) -> None:
        reasoning = ReasoningContent(
            "Hm.", extra={"id": "rs_1", "type": "reasoning", "encrypted_content": "e", "event_id": 1}
        )
        reply = ChatMessage.from_assistant(
            reasoning=reasoning, tool_calls=[ToolCall("weather", {}, id="fc", extra={"call_id": "call_1"})]
        )
        sent = await self.sent([ChatMessage.from_user("Hi"), reply])
        summary = [{"type": "summary_text", "text": "Hm."}]
        assert sent[1] == {"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": "e"}

    async def test_nothing_but_text_and_calls_of_earlier_turns(self) -> None:
        first = await ask(Api(response(REASONING, function_call())))
        second = await ask(Api(response(REASONING, message("Sunny.", phase="final_answer"))))
        tool = ChatMessage.from_tool([TextContent("18 °C"), TextContent("sunny")], origin=first.tool_calls[0])
        user = ChatMessage.from_user("Hi")
        assert await self.sent([user, first, tool, second, user]) == [
            *HI,
            CALL,
            {**RESULT, "output": "18 °C\nsunny"},
            {"role": "assistant", "content": "Sunny."},
            *HI,
        ]

    @in_all_modes
    async def test_what_hosted_tools_did(self, mode: str) -> None:
        search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
        broken = function_call("{", call_id="call_2", id="fc_2")
        lost = {"id": "rs_2", "type": "reasoning", "summary": []}
        sent = await self.loop(REASONING, search, lost, message("Found."), function_call(), broken, {"x": 1}, mode=mode)
        assert sent == [REASONING, search, message("Found."), CALL, RESULT]

    async def test_history_of_another_component(self) -> None:
        call_ = ToolCall("weather", {"city": "Zürich"}, id="call_9")
        reasoning = ReasoningContent("Hm.", extra={"reasoning_content": "Hm."})
        turns = [
            ChatMessage.from_user("Hi"),
            ChatMessage.from_assistant(tool_calls=[call_], reasoning=reasoning),
            ChatMessage.from_tool("rain", origin=call_),
        ]
        assert (await self.sent(turns))[1:] == [
            {"type": "function_call", "call_id": "call_9", "name": "weather", "arguments": '{"city": "Zürich"}'},
            {"type": "function_call_output", "call_id": "call_9", "output": "rain"},
        ]

    async def test_refusal(self) -> None:
        refusal = {"type": "refusal", "refusal": "No."}
        assert await self.loop({**message(""), "content": [refusal]}) == [{"role": "assistant", "content": "No."}]


class TestReply:
    @in_all_modes
    async def test_everything(self, mode: str, caplog: pytest.LogCaptureFixture) -> None:
        citation = {"type": "url_citation", "url": "https://example.com"}
        logprob = {"token": "Hi", "logprob": -0.1}
        said = {"type": "output_text", "text": "Hi there", "annotations": [citation], "logprobs": [logprob]}
        summary = [{"type": "summary_text", "text": text} for text in ("First.", "Second.")]
        reasoning = {"id": "rs_1", "type": "reasoning", "summary": summary}
        body = response(
            reasoning,
            {**message(""), "content": [said], "phase": "commentary", "unheard_of": 1},
            function_call(),
            function_call("[1]", id=None, call_id="call_2", status="completed"),
            usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            model="gpt-5.4",
            service_tier=None,
            background=False,
            output_text="Hi there",
            meta={"usage": {"credits_used": 7}, "more": 1},
        )
        api = Api(body, x_inference_id="inf-1", x_client_request_id="mine-1", x_aimlapi_usd_spent="0.5")

        reply = await ask(api, mode)

        assert reply.to_dict() == {
            "role": "assistant",
            "name": None,
            "content": [
                {"reasoning": {"reasoning_text": "First.\nSecond.", "extra": reasoning}},
                {"text": "Hi there"},
                {
                    "tool_call": {
                        "id": "fc_1",
                        "tool_name": "weather",
                        "arguments": {"city": "Paris"},
                        "extra": {"call_id": "call_1"},
                    }
                },
            ],
            "meta": {
                "id": "resp_1",
                "object": "response",
                "status": "completed",
                "model": "gpt-5.4",
                "background": False,
                "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
                "index": 0,
                "finish_reason": "tool_calls",
                "phase": "commentary",
                "unheard_of": 1,
                "annotations": [citation],
                "logprobs": [logprob],
                "meta": {"more": 1},
                "cost": {"credits_used": 7},
                "inference_id": "inf-1",
                "client_request_id": "mine-1",
                "malformed_tool_calls": [
                    {"id": "call_2", "tool_name": "weather", "arguments": "[1]", "call_id": "call_2"}
                ],
            },
        }
        assert "not a JSON object" in caplog.text

    @in_all_modes
    async def test_cost_in_headers(self, mode: str) -> None:
        api = Api(x_aimlapi_credits_used="12", x_aimlapi_usd_spent="0.000006")
        assert (await ask(api, mode)).meta["cost"] == {"credits_used": 12, "usd_spent": 0.000006}

    @in_all_modes
    @pytest.mark.parametrize(
        ("body", "finish_reason", "native"),
        [
            (response(message("Hi")), "stop", None),
            (response(function_call()), "tool_calls", None),
            (
                response({**message(""), "content": [{"type": "refusal", "refusal": "No."}]}),
                "content_filter",
                "refusal",
            ),
            *(
                (response(message("H"), status="incomplete", incomplete_details={"reason": raw}), mapped, native)
                for raw, mapped, native in [
                    ("max_output_tokens", "length", "max_output_tokens"),
                    ("content_filter", "content_filter", None),
                    ("quota", "quota", None),
                ]
            ),
        ],
    )
    async def test_finish_reason(self, mode: str, body: Any, finish_reason: str, native: str | None) -> None:
        reply = await ask(Api(body), mode)
        assert reply.meta["finish_reason"] == finish_reason
        assert reply.meta.get("native_finish_reason") == native

    @pytest.mark.parametrize("mode", ["run", "run_async"])
    async def test_no_status(self, mode: str) -> None:
        """Half of the documented replies have none."""
        body = response(message("Hi"))
        del body["status"]
        assert (await ask(Api(body), mode)).meta["finish_reason"] == "stop"

    @in_all_modes
    @pytest.mark.parametrize(
        "output",
        [
            [message("a"), message("b")],
            [message("ab"), REASONING],
            [message("ab"), {"type": "web_search_call", "id": "ws_1"}],
            [message("ab"), {"id": "untyped"}],
            [message("ab"), function_call(unheard_of=1)],
            [{**message(""), "content": [{"type": "output_text", "text": "ab", "unheard_of": 1}]}],
            [{**message(""), "content": [{"type": "output_text", "text": "ab"}, {"type": "output_audio", "id": "a"}]}],
        ],
    )
    async def test_what_a_message_cannot_hold_is_kept_as_it_is(self, mode: str, output: list[dict[str, Any]]) -> None:
        said = [{"type": "response.completed", "response": response(*output)}]
        reply = await ask(Api(sse(*said) if "streamed" in mode else response(*output)), mode)
        assert reply.text == "ab"
        assert reply.meta["output"] == output

    @in_all_modes
    @pytest.mark.parametrize(
        ("body", "text", "kept"),
        [
            (response({"type": "message", "content": "hello"}), "hello", None),
            (response({"type": "message", "content": ["hel", "lo"]}), "hello", None),
            (response({"type": "message", "content": {"type": "output_text", "text": "hello"}}), "hello", None),
            ({**response(), "output": ["hello"]}, "hello", None),
            (response(output_text="hello"), "hello", None),
            ({"output_text": "hello"}, "hello", None),
            (response(REASONING, output_text="hello"), "hello", None),
            (response(message("hello"), output_text="hello"), "hello", None),
            (response({"type": "message", "content": None}), None, None),
            *(
                (response({"type": "message", "content": content}), None, [{"type": "message", "content": content}])
                for content in (5, [{"type": "output_text", "text": ["a"]}], [{"type": "refusal", "refusal": 5}])
            ),
            (response({"type": ["a"]}), None, [{"type": ["a"]}]),
            (response(message("hello"), {"type": None}), "hello", [message("hello"), {"type": None}]),
        ],
    )
    async def test_output_of_another_shape(self, mode: str, body: dict[str, Any], text: str | None, kept: Any) -> None:
        whole = {"type": "response.completed", "response": body}
        reply = await ask(Api(sse(whole) if "streamed" in mode else body), mode)
        assert reply.text == text
        assert reply.meta.get("output") == kept
        assert reply.meta["finish_reason"] == ("content_filter" if "refusal" in str(body) else "stop")

    @in_all_modes
    @pytest.mark.parametrize(
        ("item", "thought"),
        [
            ({"summary": ["First.", {"text": 5}, {"text": "Last."}]}, "First.\n\nLast."),
            ({"summary": "Hm."}, "Hm."),
            ({"summary": [], "content": "Hm."}, "Hm."),
            ({"summary": 5}, ""),
        ],
    )
    async def test_reasoning_of_another_shape(self, mode: str, item: dict[str, Any], thought: str) -> None:
        reasoning = {"type": "reasoning", **item}
        whole = {"type": "response.completed", "response": response(reasoning)}
        reply = await ask(Api(sse(whole) if "streamed" in mode else response(reasoning)), mode)
        assert reply.reasoning == ReasoningContent(thought, extra=reasoning)

    @in_all_modes
    async def test_details_of_another_shape(self, mode: str) -> None:
        part = {"type": "output_text", "text": "hello", "annotations": 5, "logprobs": "x1"}
        body = response(
            {"type": "message", "content": [part]}, status="incomplete", incomplete_details="content_filter"
        )
        whole = {"type": "response.incomplete", "response": body}
        reply = await ask(Api(sse(whole) if "streamed" in mode else body), mode)
        assert reply.text == "hello"
        assert reply.meta == {
            "id": "resp_1",
            "object": "response",
            "status": "incomplete",
            "model": None,
            "index": 0,
            "usage": None,
            "finish_reason": "content_filter",
            "incomplete_details": "content_filter",
            "annotations": [5],
            "logprobs": ["x1"],
        }

    @in_all_modes
    @pytest.mark.parametrize("output", [[], [None], [{}], "x", {}, {"type": "message"}, 5, None])
    @pytest.mark.parametrize("status", [{"status": "completed"}, {"status": None}, {}])
    async def test_a_response_without_an_output(self, mode: str, output: Any, status: dict[str, Any]) -> None:
        body = {"id": "resp_1", **status, "output": output}
        answer = sse({"type": "response.completed", "response": body}) if "streamed" in mode else body
        with pytest.raises(openai.APIError, match=rf"without a response, status (completed|None) \(model {MODEL}"):
            await ask(Api(answer), mode)

    @in_all_modes
    async def test_an_unfinished_response_without_a_list(self, mode: str) -> None:
        body = {**response(status="incomplete"), "output": "x"}
        answer = sse({"type": "response.incomplete", "response": body}) if "streamed" in mode else body
        with pytest.raises(openai.APIError, match="without a response, status incomplete"):
            await ask(Api(answer), mode)

    @in_all_modes
    async def test_a_response_that_ended_before_its_output(self, mode: str) -> None:
        body = response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
        reply = await ask(Api(body), mode)
        assert (reply.text, reply.meta["finish_reason"]) == (None, "length")

    @pytest.mark.parametrize("mode", ["run", "run_async"])
    async def test_a_response_that_goes_on_elsewhere(self, mode: str) -> None:
        reply = await ask(Api(response(status="queued")), mode, generation_kwargs={"extra_body": {"background": True}})
        assert (reply.text, reply.meta["id"], reply.meta["finish_reason"]) == (None, "resp_1", None)

    @in_all_modes
    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ({"error": {"message": "Bad luck.", "code": "x"}}, "Bad luck."),
            (
                {"message": "Out of luck.", "statusCode": 400, "requestId": "req-1", "path": "/", "timestamp": ""},
                "req-1",
            ),
            (response(status="failed", error={"message": "Bad luck."}), "Bad luck."),
            ("<html>Bad luck.</html>", "Bad luck."),
            ([], "error"),
        ],
    )
    async def test_error_with_status_200(self, mode: str, body: Any, told: str) -> None:
        answer = httpx2.Response(200, html=body) if isinstance(body, str) else httpx2.Response(200, json=body)
        with pytest.raises(openai.APIError, match=told) as raised:
            await ask(Api(answer), mode)
        assert f"model {MODEL}" in str(raised.value)

    @pytest.mark.parametrize("mode", ["run", "run_async"])
    @pytest.mark.parametrize("body", [response(status="failed"), {"id": "resp_1"}])
    async def test_no_response(self, mode: str, body: Any) -> None:
        with pytest.raises(openai.APIError, match=r"without a response, status (failed|None)"):
            await ask(Api(body), mode)

    @in_all_modes
    async def test_cancelled(self, mode: str) -> None:
        with pytest.raises(openai.APIError, match="without a response, status cancelled"):
            await ask(Api(response(message("Hel"), status="cancelled")), mode)

    @in_all_modes
    async def test_error(self, mode: str) -> None:
        body = {"message": "No such model.", "path": "/v1/responses", "requestId": "req-1", "statusCode": 404}
        with pytest.raises(openai.NotFoundError, match=r"No such model.*req-1.*Look the model up"):
            await ask(Api(httpx2.Response(404, json=body)), mode)


STREAMED = MODES[2:]


class TestStream:
    @pytest.mark.parametrize("mode", STREAMED)
    async def test_chunks(self, mode: str, capsys: pytest.CaptureFixture[str]) -> None:
        summary = [{"type": "summary_text", "text": text} for text in ("First.", "Second.")]
        body = response({**REASONING, "summary": summary}, message("Hello you"), function_call())
        chunks: list[StreamingChunk] = []

        def callback(chunk: StreamingChunk) -> None:
            chunks.append(chunk)
            print_streaming_chunk(chunk)

        await call(generator(Api(body)), mode, "Hi", streaming_callback=callback)

        shown = [
            (chunk.index, chunk.start, chunk.reasoning.reasoning_text if chunk.reasoning else chunk.content)
            for chunk in chunks
            if chunk.reasoning or chunk.content
        ]
        assert shown == [
            (0, True, "First"),
            (0, False, "."),
            (0, False, "\nSecon"),
            (0, False, "d."),
            (1, True, "Hello"),
            (1, False, " you"),
        ]
        deltas = [(chunk.index, chunk.start, chunk.tool_calls[0].to_dict()) for chunk in chunks if chunk.tool_calls]
        piece = {"index": 2, "tool_name": None, "id": "fc_1", "extra": None}
        assert deltas == [
            (2, True, {**piece, "tool_name": "weather", "arguments": None, "extra": {"call_id": "call_1"}}),
            (2, False, {**piece, "arguments": '{"cit'}),
            (2, False, {**piece, "arguments": 'y": "Paris"}'}),
        ]
        assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["tool_calls"]
        assert {frozenset(chunk.meta) >= {"type", "received_at"} for chunk in chunks} == {True}
        assert capsys.readouterr().out == (
            "[REASONING]\nFirst.\nSecond.\n\n[ASSISTANT]\nHello you\n\n"
            '[TOOL CALL]\nTool: weather \nArguments: {"city": "Paris"}\n\n'
        )

    async def test_async_callback(self) -> None:
        texts = []

        async def callback(chunk: StreamingChunk) -> None:
            texts.append(chunk.content)

        await generator(Api()).run_async("Hi", streaming_callback=callback)
        assert "".join(texts) == "Hello"

    @pytest.mark.parametrize("mode", STREAMED)
    @pytest.mark.parametrize("last", ["with output", "without output", "none", "items not done"])
    async def test_any_stream_gives_the_plain_reply(
        self, mode: str, last: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        refusal = {"type": "refusal", "refusal": "But no more."}
        thought = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm, let me"}]}
        raw = {"id": "rs_2", "type": "reasoning", "content": [{"type": "reasoning_text", "text": "Raw thought"}]}
        said = message("Hello you")
        said["content"] = [{"type": "output_text", "text": "Hello you"}, refusal]
        body = response(thought, raw, said, function_call(), usage={"total_tokens": 3})
        plain = await ask(Api(body))

        stream = events(body)
        if last != "with output":
            stream[-1] = {"type": "response.completed", "response": {**body, "output": []}}
        if last == "none":
            stream = [event for event in stream[:-1] if event["type"] != "response.created"]
        if last == "items not done":
            kept = ("delta", "completed", "created")
            stream = [event for event in stream if event["type"].endswith(kept) or event.get("output_index") == 3]
            stream = [event for event in stream if event["type"] != "response.output_item.done"]
        reply = await ask(Api(sse(*stream)), mode)

        contents = [content.to_dict() for content in (plain, reply)]
        if last == "none":
            assert "ended without a finish reason" in caplog.text
            for content in contents:
                content["meta"] = {name: content["meta"].get(name) for name in ("refusal",)}
        assert contents[0] == contents[1]

    @pytest.mark.parametrize("mode", STREAMED)
    async def test_whole_calls(self, mode: str) -> None:
        chunks: list[StreamingChunk] = []
        done = {"type": "response.output_item.done", "output_index": 0, "item": function_call()}
        stream = sse(
            done, {"type": "response.completed", "response": {"id": "resp_1"}}, {"meta": {"usage": {"usd_spent": 1}}}
        )

        result = await call(generator(Api(stream)), mode, "Hi", streaming_callback=chunks.append)

        assert result["replies"][0].tool_calls[0].arguments == {"city": "Paris"}
        assert result["replies"][0].meta["cost"] == {"usd_spent": 1}
        assert result["replies"][0].meta["finish_reason"] == "tool_calls"
        assert [chunk.tool_calls[0].arguments for chunk in chunks if chunk.tool_calls] == ['{"city": "Paris"}']

    @pytest.mark.parametrize("mode", STREAMED)
    async def test_arguments_without_their_call(self, mode: str) -> None:
        chunks: list[StreamingChunk] = []
        delta = {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1", "delta": "{}"}
        await call(generator(Api(sse(delta))), mode, "Hi", streaming_callback=chunks.append)
        assert [chunk.tool_calls[0].to_dict() for chunk in chunks] == [
            {"index": 0, "tool_name": None, "arguments": "{}", "id": "fc_1", "extra": None}
        ]

    @pytest.mark.parametrize("mode", STREAMED)
    @pytest.mark.parametrize(
        "odd",
        [
            {"type": "response.in_progress", "response": "x"},
            {"type": "response.completed", "response": "x"},
            {"type": "response.completed", "response": {"output": "x"}},
            {"type": "response.completed", "response": {"output": {"a": 1}}},
            {"type": "response.completed", "response": {"status": None, "incomplete_details": [], "output": 5}},
            {"type": "response.output_item.done", "output_index": 0, "item": "x"},
            {"type": "response.output_item.done", "output_index": 0, "item": None},
            {"type": ["response.output_text.delta"], "delta": "x"},
            {"type": "response.output_text.delta", "output_index": {"a": 1}, "delta": None},
            {"type": "response.output_text.delta", "delta": []},
        ],
    )
    async def test_odd_events_cost_no_text(self, mode: str, odd: dict[str, Any]) -> None:
        stream = [event for event in events(response(message("Hello you"))) if event["type"].endswith("delta")]
        assert (await ask(Api(sse(*stream[:1], odd, *stream[1:])), mode)).text == "Hello you"

    @pytest.mark.parametrize("mode", STREAMED)
    async def test_a_refusal_after_a_content_of_another_shape(self, mode: str) -> None:
        added: dict[str, Any] = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}}
        added["item"]["content"] = {"type": "output_text", "text": "No"}
        stream = sse(added, {"type": "response.refusal.delta", "output_index": 0, "delta": "never."})
        reply = await ask(Api(stream), mode)
        assert (reply.text, reply.meta["refusal"]) == ("No", "never.")

    @pytest.mark.parametrize("mode", STREAMED)
    @pytest.mark.parametrize("whole", [True, False])
    async def test_arguments_as_an_object(self, mode: str, whole: bool, capsys: pytest.CaptureFixture[str]) -> None:
        added = {"type": "response.output_item.added", "output_index": 0}
        delta = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": {"city": "Zürich"}}
        said = [{**added, "item": function_call({"city": "Zürich"})}] if whole else [added, delta]
        if not whole:
            said[0]["item"] = function_call("")
        api = Api(sse(*said, {"type": "response.completed", "response": {}}))
        result = await call(generator(api), mode, "Hi", streaming_callback=print_streaming_chunk)
        assert result["replies"][0].tool_call.arguments == {"city": "Zürich"}
        assert 'Arguments: {"city": "Zürich"}' in capsys.readouterr().out

    @pytest.mark.parametrize("mode", STREAMED)
    @pytest.mark.parametrize(
        ("event", "told"),
        [
            ({"type": "error", "code": "server_error", "message": "Bad luck.", "param": None}, "Bad luck."),
            (
                {"type": "response.failed", "response": response(status="failed", error={"message": "Bad luck."})},
                "Bad luck.",
            ),
            ({"type": "response.failed", "response": response(status="failed")}, "error in the stream"),
            ({"error": {"message": "Bad luck."}}, "Bad luck."),
        ],
    )
    async def test_error_in_the_stream(self, mode: str, event: Any, told: str) -> None:
        stream = events(response(message("Hello")))[:4]
        with pytest.raises(openai.APIError, match=told):
            await ask(Api(sse(*stream, event)), mode)

    @pytest.mark.parametrize("mode", STREAMED)
    async def test_empty_stream(self, mode: str) -> None:
        with pytest.raises(openai.APIError, match="ended without a response"):
            await ask(Api(sse({"type": "response.created", "response": response(status="in_progress")})), mode)

    @pytest.mark.parametrize("mode", STREAMED)
    async def test_a_response_that_was_not_streamed(self, mode: str) -> None:
        """Read as the stream's only frame."""
        with pytest.raises(openai.APIError, match="Bad luck"):
            await ask(Api(httpx2.Response(200, json={"error": {"message": "Bad luck"}})), mode)

    @pytest.mark.parametrize("mode", STREAMED)
    @pytest.mark.parametrize("ending", ["callback", "error", "cut"])
    async def test_a_stream_is_closed_whatever_ends_it(self, mode: str, ending: str) -> None:
        class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
            closed = 0

            def pieces(self) -> Iterator[bytes]:
                yield sse(*events(response(message("Hello")))[:4]).content
                if ending == "cut":
                    raise httpx2.ReadError(ending)
                yield b'data: {"type": "error", "message": "Bad luck"}\n\n'
                pytest.fail("read on")

            def __iter__(self) -> Iterator[bytes]:
                yield from self.pieces()

            async def __aiter__(self) -> AsyncIterator[bytes]:
                for piece in self.pieces():
                    yield piece

            def close(self) -> None:
                self.closed += 1

            async def aclose(self) -> None:
                self.closed += 1

        def callback(chunk: StreamingChunk) -> None:
            if ending == "callback" and chunk.content:
                raise KeyboardInterrupt

        stream = Body()
        api = Api(httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=stream))
        expected = {"callback": KeyboardInterrupt, "cut": openai.APIConnectionError, "error": openai.APIError}[ending]
        with pytest.raises(expected) as raised:
            await call(generator(api), mode, "Hi", streaming_callback=callback)
        assert raised.tb, "keeps every local variable alive"
        assert stream.closed == 1


class TestClient:
    def test_event_loops(self) -> None:
        api = Api()
        component = generator(api)
        for _ in range(3):
            assert asyncio.run(component.run_async("Hi"))["replies"][0].text == "Hello"
        assert len(api.requests) == 3

    async def test_life(self) -> None:
        api = Api()
        component = generator(api)
        component.warm_up()
        await component.warm_up_async()
        component.close()
        await component.close_async()
        assert component.client is component.async_client is None
        assert component.run("Hi")["replies"][0].text == "Hello"

    def test_pickle(self) -> None:
        component = AIMLAPIResponsesChatGenerator(tools=[WEATHER])
        component.warm_up()
        assert pickle.loads(pickle.dumps(component)).to_dict() == component.to_dict()

    def test_nothing_of_openai(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("BASE_URL", "ORG_ID", "PROJECT_ID", "API_KEY", "CUSTOM_HEADERS", "TIMEOUT", "MAX_RETRIES"):
            monkeypatch.setenv(f"OPENAI_{name}", "X-Evil: evil")
        api = Api()
        generator(api, api_base_url=None).run("Hi")
        request = api.requests[0]
        assert request.url.host == "api.aimlapi.com"
        assert "evil" not in str(request.headers.raw).lower()

    def test_no_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AIMLAPI_API_KEY")
        with pytest.raises(ValueError, match="AIMLAPI_API_KEY"):
            AIMLAPIResponsesChatGenerator().run("Hi")

    def test_telemetry(self) -> None:
        assert AIMLAPIResponsesChatGenerator()._get_telemetry_data() == {"model": MODEL}

    def test_default_model_is_documented(self) -> None:
        assert AIMLAPIResponsesChatGenerator().model in AIMLAPIResponsesChatGenerator.SUPPORTED_MODELS


class TestSerialization:
    def test_defaults(self) -> None:
        data = AIMLAPIResponsesChatGenerator().to_dict()
        assert data == {
            "type": TYPE,
            "init_parameters": {
                "api_key": {"type": "env_var", "env_vars": ["AIMLAPI_API_KEY"], "strict": True},
                "model": MODEL,
                "streaming_callback": None,
                "api_base_url": "https://api.aimlapi.com/v1",
                "generation_kwargs": {},
                "tools": None,
                "tools_strict": False,
                "timeout": None,
                "extra_headers": None,
                "max_retries": None,
                "http_client_kwargs": None,
            },
        }
        assert AIMLAPIResponsesChatGenerator.from_dict(data).to_dict() == data

    @pytest.mark.parametrize("tools", [[WEATHER], Toolset([WEATHER]), [{"type": "web_search_preview"}], []])
    def test_round_trip(self, tools: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GATEWAY", "hidden")
        headers = {"X-Gateway": Secret.from_env_var("GATEWAY"), "X-Title": "Mine"}
        parameters = {"text_format": Person, "temperature": 0, "extra_headers": headers}
        component = AIMLAPIResponsesChatGenerator(
            tools=tools,
            tools_strict=True,
            streaming_callback=print_streaming_chunk,
            generation_kwargs=parameters,
            extra_headers=headers,
            timeout=1.5,
            max_retries=1,
            http_client_kwargs={"limits": {"max_connections": 3}},
        )
        data = component.to_dict()
        text = yaml.safe_dump(data)
        loaded = [AIMLAPIResponsesChatGenerator.from_dict(data) for _ in range(2)]

        assert [other.to_dict() for other in loaded] == [data, data]
        assert yaml.safe_dump(data) == text
        assert "hidden" not in text
        assert data["init_parameters"]["generation_kwargs"]["text"]["format"]["name"] == "Person"
        assert component.generation_kwargs == parameters
        assert loaded[0].extra_headers == loaded[0].generation_kwargs["extra_headers"] == headers
        assert loaded[0].streaming_callback is print_streaming_chunk

    def test_token(self) -> None:
        with pytest.raises(ValueError, match="token"):
            AIMLAPIResponsesChatGenerator(api_key=Secret.from_token("x")).to_dict()

    def test_pipeline_of_all_three_components(self) -> None:
        with stand_in() as url:
            pipeline = Pipeline()
            pipeline.add_component("chat", AIMLAPIChatGenerator(api_base_url=url))
            pipeline.add_component("image", AIMLAPIImageGenerator(api_base_url=url, response_format="b64_json"))
            pipeline.add_component("picture", PromptBuilder("A black cat on a red {{ seat }}."))
            question = ChatMessage.from_user("What is the capital of {{ country }}?")
            pipeline.add_component("prompt", ChatPromptBuilder([question]))
            pipeline.add_component("responses", AIMLAPIResponsesChatGenerator(api_base_url=url))
            pipeline.connect("picture", "image.prompt")
            pipeline.connect("prompt", "chat")
            pipeline.connect("prompt", "responses")
            text = pipeline.dumps()
            assert Pipeline.loads(text).dumps() == text
            result = Pipeline.loads(text).run({"prompt": {"country": "France"}, "picture": {"seat": "sofa"}})

        replies = [result[name]["replies"][0].text for name in ("chat", "responses")]
        assert replies == ["The capital of France is Paris."] * 2
        recorded = Recording("image_openai").exchanges[0]["response"]["json"]["data"][0]["b64_json"]
        assert result["image"]["images"] == [recorded]

    async def test_unknown_question_to_the_stand_in(self) -> None:
        with stand_in() as url:
            component = AIMLAPIResponsesChatGenerator(api_base_url=url)
            for mode in MODES:
                reply = (await call(component, mode, "Who?"))["replies"][0]
                assert "no recording of that question" in reply.text
            with pytest.raises(openai.NotFoundError, match="no recording"):
                AIMLAPIImageGenerator(api_base_url=url).run("Who?")


def test_quiet(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        generator(Api()).run("Hi")
    assert caplog.text == ""


@pytest.mark.parametrize("mode", ["run streamed", "run_async streamed"])
async def test_model_that_does_not_stream(mode: str) -> None:
    body = response(message("Hello"))
    streamed = await ask(Api(httpx2.Response(200, json=body)), mode)
    plain = await ask(Api(body), mode.removesuffix(" streamed"))
    assert streamed == plain
