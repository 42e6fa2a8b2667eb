# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import functools
import inspect
from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from typing import Any

import httpx2
import pytest
from haystack import Pipeline, component
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import FallbackChatGenerator, OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, StreamingCallbackT
from haystack.tools import Tool, ToolsType
from haystack.utils import Secret
from openai import AsyncOpenAI, AsyncStream, NotGiven, Omit, OpenAI, Stream
from openai.resources.chat.completions import AsyncCompletions, Completions
from openai.types.chat import ChatCompletion

from haystack_integrations.components.generators import aimlapi
from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.api import MODEL, MODES, USAGE, Wire, body, call, generator, in_all_modes


def echo(text: str) -> str:
    return text


ECHO = Tool("echo", "Say it again.", {"type": "object", "properties": {"text": {"type": "string"}}}, echo)
ECHO_SENT = {"type": "function", "function": ECHO.tool_spec}


# What the component is


def test_init_parameters() -> None:
    parameters = list(inspect.signature(AIMLAPIChatGenerator.__init__).parameters.values())[1:]
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}
    assert [(parameter.name, parameter.default, parameter.annotation) for parameter in parameters] == [
        ("api_key", Secret.from_env_var("AIMLAPI_API_KEY"), Secret),
        ("model", "openai/gpt-5-chat-latest", str),
        ("streaming_callback", None, StreamingCallbackT | None),
        ("api_base_url", "https://api.aimlapi.com/v1", str | None),
        ("generation_kwargs", None, dict[str, Any] | None),
        ("tools", None, ToolsType | None),
        ("tools_strict", False, bool),
        ("timeout", None, float | None),
        ("extra_headers", None, dict[str, str | Secret] | None),
        ("max_retries", None, int | None),
        ("http_client_kwargs", None, dict[str, Any] | None),
    ]


@pytest.mark.parametrize("method", ["run", "run_async"])
def test_run_parameters(method: str) -> None:
    parameters = list(inspect.signature(getattr(AIMLAPIChatGenerator, method)).parameters.values())[1:]
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    assert [(parameter.name, parameter.default, parameter.kind) for parameter in parameters] == [
        ("messages", inspect.Parameter.empty, positional),
        ("streaming_callback", None, positional),
        ("generation_kwargs", None, positional),
        ("tools", None, keyword),
        ("tools_strict", None, keyword),
    ]


def test_it_is_an_openai_chat_generator_with_models_of_its_own() -> None:
    models = AIMLAPIChatGenerator.SUPPORTED_MODELS
    assert issubclass(AIMLAPIChatGenerator, OpenAIChatGenerator)
    assert len(models) == len(set(models)) >= 40
    assert AIMLAPIChatGenerator().model in models
    assert not set(models) & set(OpenAIChatGenerator.SUPPORTED_MODELS)
    assert len({model.partition("/")[0] for model in models if "/" in model}) >= 10


def test_types_ship_with_the_package() -> None:
    assert files(aimlapi).joinpath("py.typed").is_file()


def test_telemetry_is_the_model_alone() -> None:
    assert generator(Wire())._get_telemetry_data() == {"model": MODEL}


# What a call does


@in_all_modes
async def test_an_empty_list_sends_nothing(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIMLAPI_API_KEY")
    wire = Wire()
    assert await call(generator(wire), mode, []) == {"replies": []}
    assert wire.requests == []


@in_all_modes
@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "https://api.aimlapi.com/v1/chat/completions"),
        ({"api_base_url": None}, "https://api.aimlapi.com/v1/chat/completions"),
        ({"api_base_url": "http://127.0.0.1:9/v2/"}, "http://127.0.0.1:9/v2/chat/completions"),
    ],
)
async def test_base_url(mode: str, settings: Any, url: str) -> None:
    wire = Wire()
    result = await call(generator(wire, **settings), mode, "Hi")
    assert [(request.method, str(request.url)) for request in wire.requests] == [("POST", url)]
    (reply,) = result["replies"]
    reply.meta.pop("completion_start_time", None)
    assert reply == ChatMessage.from_assistant("Hello", meta=reply.meta)
    assert reply.meta == {
        "model": MODEL,
        "index": 0,
        "finish_reason": "stop",
        "usage": USAGE,
        "id": "chatcmpl-1",
        "created": 1,
        "object": "chat.completion",
    }


@in_all_modes
@pytest.mark.parametrize("place", ["init", "run"])
async def test_pipeline(mode: str, place: str) -> None:
    method, _, streamed = mode.partition(" ")
    wire, texts = Wire(), []

    async def collect_async(chunk: Any) -> None:
        texts.append(chunk.content)

    def collect(chunk: Any) -> None:
        texts.append(chunk.content)

    callback = (collect if method == "run" else collect_async) if streamed else None
    pipeline = Pipeline()
    pipeline.add_component(
        "prompt", ChatPromptBuilder([ChatMessage.from_user("Hi {{ name }}")], required_variables="*")
    )
    pipeline.add_component("llm", generator(wire, streaming_callback=callback if place == "init" else None))
    pipeline.connect("prompt.prompt", "llm.messages")
    data = {"prompt": {"name": "Ada"}, "llm": {"generation_kwargs": {"seed": 1}}}
    if place == "run":
        data["llm"]["streaming_callback"] = callback
    result = await call(pipeline, method, data)
    assert [reply.text for reply in result["llm"]["replies"]] == ["Hello"]
    assert "".join(texts) == ("Hello" if streamed else "")
    assert wire.bodies == [body(mode, [{"role": "user", "content": "Hi Ada"}], seed=1)]


@pytest.mark.parametrize("method", ["run", "run_async"])
async def test_agent_streams_through_run_time_callback_in_a_pipeline(method: str) -> None:
    arguments = {"name": "echo", "arguments": '{"text": "Hi"}'}
    wire = Wire({"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": arguments}]})
    texts: list[str] = []
    pipeline = Pipeline()
    pipeline.add_component("agent", Agent(chat_generator=generator(wire), tools=[ECHO]))

    async def collect_async(chunk: Any) -> None:
        texts.append(chunk.content)

    callback = collect_async if method == "run_async" else lambda chunk: texts.append(chunk.content)
    data = {"agent": {"messages": [ChatMessage.from_user("Hi")], "streaming_callback": callback}}
    result = await call(pipeline, method, data)
    assert [message.text for message in result["agent"]["messages"][-1:]] == ["Hello"]
    assert "Hello" in "".join(texts)


@in_all_modes
async def test_fallback(mode: str) -> None:
    failing = generator(Wire(), http_client_kwargs={"transport": httpx2.MockTransport(lambda _: httpx2.Response(404))})
    wire = Wire()
    fallback = FallbackChatGenerator([failing, generator(wire, model="vendor/other")])
    result = await call(fallback, mode, [ChatMessage.from_user("Hi")], tools=[ECHO], generation_kwargs={"seed": 1})
    assert [reply.text for reply in result["replies"]] == ["Hello"]
    assert result["meta"]["successful_chat_generator_index"] == 1
    assert wire.bodies == [{**body(mode, tools=[ECHO_SENT], seed=1), "model": "vendor/other"}]


@in_all_modes
async def test_a_component_made_of_this_one(mode: str) -> None:
    @component
    class Terse(AIMLAPIChatGenerator):
        def __init__(self, *, words: int, **settings: Any) -> None:
            super(Terse, self).__init__(generation_kwargs={"max_tokens": words}, **settings)  # noqa: UP008

    wire = Wire()
    terse = Terse(words=3, model=MODEL, http_client_kwargs={"transport": wire})
    assert [reply.text for reply in (await call(terse, mode, "Hi"))["replies"]] == ["Hello"]
    assert wire.bodies == [body(mode, max_tokens=3)]


# Whoever wraps the SDK's `create`, as tracers do, sees the call and may put anything around what comes back.


class Wrapped:
    """A stream in a tracer's clothes: neither the SDK's type nor its attributes, but iteration and closing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.seen: list[Any] = []
        self.closed = False

    def __iter__(self) -> Iterator[Any]:
        for chunk in self.stream:
            self.seen.append(chunk)
            yield chunk

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for chunk in self.stream:
            self.seen.append(chunk)
            yield chunk

    def close(self) -> Any:
        self.closed = True
        return self.stream.close()


class Unclosing(Wrapped):
    """One whose close is synchronous in either mode, and goes no further."""

    def close(self) -> None:
        self.closed = True


class Proxy:
    """A completion in a tracer's clothes."""

    def __init__(self, completion: ChatCompletion) -> None:
        self.completion = completion

    def __getattr__(self, name: str) -> Any:
        return getattr(self.completion, name)


async def chunks_of(stream: Any) -> AsyncIterator[Any]:
    for chunk in [chunk async for chunk in stream]:
        yield chunk


def as_it_came(answer: Any) -> Any:
    return answer


def as_typed_chunks(answer: Any) -> Any:
    return chunks_of(answer) if hasattr(answer, "__aiter__") else list(answer)


Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


def patch_create(monkeypatch: pytest.MonkeyPatch, around: Any, *, disguised: bool) -> Calls:
    return patch(monkeypatch, (Completions, AsyncCompletions), "create", around, disguised=disguised)


def patch(
    monkeypatch: pytest.MonkeyPatch, kinds: tuple[type, type], name: str, around: Any, *, disguised: bool
) -> Calls:
    """Wrap a method as tracers do: by a function, or by an object that passes for the function it wraps."""
    calls: Calls = []
    method, method_async = (getattr(kind, name) for kind in kinds)

    @functools.wraps(method)
    def traced(*args: Any, **kwargs: Any) -> Any:
        calls.append((args, kwargs))
        return around(method(*args, **kwargs))

    @functools.wraps(method_async)
    async def traced_async(*args: Any, **kwargs: Any) -> Any:
        calls.append((args, kwargs))
        return around(await method_async(*args, **kwargs))

    monkeypatch.setattr(kinds[0], name, Disguise(traced, method) if disguised else traced)
    monkeypatch.setattr(kinds[1], name, Disguise(traced_async, method_async) if disguised else traced_async)
    return calls


class Disguise:
    def __init__(self, function: Any, original: Any) -> None:
        self.function, self.original = function, original

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return Disguise(functools.partial(self.function, instance), self.original.__get__(instance, owner))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    @property
    def __class__(self) -> type:  # type: ignore[override]
        return type(self.original)


@pytest.mark.parametrize("disguised", [False, True])
@pytest.mark.parametrize(
    ("mode", "around"),
    [
        *((mode, around) for mode in MODES[:2] for around in (as_it_came, Proxy, ChatCompletion.to_dict)),
        *((mode, around) for mode in MODES[2:] for around in (as_it_came, Wrapped, as_typed_chunks)),
    ],
)
async def test_wrapped_create(mode: str, around: Any, disguised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = patch_create(monkeypatch, around, disguised=disguised)
    wire, texts = Wire({"content": "Hello", "reasoning_content": "Hm.", "odd": {"a": 1}}), []
    component = generator(wire, tools=[ECHO], generation_kwargs={"seed": 1})
    streaming = {"streaming_callback": lambda chunk: texts.append(chunk.content)} if mode in MODES[2:] else {}
    (reply,) = (await call(component, mode, "Hi", **streaming))["replies"]

    ((_, seen),) = calls
    assert seen["model"] == MODEL
    assert type(seen["messages"]) is list
    assert seen["messages"] == [{"role": "user", "content": "Hi"}]
    assert type(seen["tools"]) is list
    assert seen["tools"] == [ECHO_SENT]
    assert seen.get("stream", False) is bool(streaming)
    # Tracers leave out what the SDK counts as left out, and show the rest.
    assert not any(isinstance(value, (NotGiven, Omit)) for value in seen.values())
    assert seen["seed"] == 1
    assert seen.get("stream_options") == ({"include_usage": True} if streaming else None)
    assert seen["extra_body"].keys() == {"seed", *(["stream_options"] if streaming else [])}

    assert wire.bodies == [body(mode, tools=[ECHO_SENT], seed=1)]
    assert (reply.text, reply.reasoning.reasoning_text, reply.meta["odd"]) == ("Hello", "Hm.", {"a": 1})
    assert (reply.meta["finish_reason"], reply.meta["usage"]) == ("stop", USAGE)
    assert "".join(texts) == ("Hello" if streaming else "")


@in_all_modes
@pytest.mark.parametrize("method", ["request", "post"])
async def test_wrapped_request(mode: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tracers wrap what all calls of a client go through, and read its options and its typed reply."""
    answers: list[Any] = []

    def around(answer: Any) -> Any:
        answers.append(answer)
        return answer

    calls = patch(monkeypatch, (OpenAI, AsyncOpenAI), method, around, disguised=True)
    wire = Wire()
    (reply,) = (await call(generator(wire, tools=[ECHO]), mode, "Hi"))["replies"]
    ((args, kwargs),), (answer,) = calls, answers
    sent = args[2].json_data if method == "request" else kwargs["body"]
    assert sent["messages"] == [{"role": "user", "content": "Hi"}]
    assert sent["tools"] == [ECHO_SENT]
    assert isinstance(answer, (Stream, AsyncStream) if mode in MODES[2:] else ChatCompletion)
    assert wire.bodies == [body(mode, tools=[ECHO_SENT])]
    assert reply.text == "Hello"


@in_all_modes
async def test_a_reply_that_nobody_traces_is_not_typed(mode: str) -> None:
    wire = Wire()
    await call(generator(wire), mode, "Hi")
    assert wire.requests[0].headers["x-stainless-raw-response"] == "true"


def check_seen(chunks: list[Any]) -> None:
    contents = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(filter(None, contents)) == "Hello"
    assert [chunk.usage.to_dict() for chunk in chunks if chunk.usage] == [USAGE]


@pytest.mark.parametrize("mode", MODES[2:])
@pytest.mark.parametrize("closes", [True, False])
async def test_a_wrapped_stream_is_seen_whole_and_closed(
    mode: str, closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams: list[Wrapped] = []

    def around(stream: Any) -> Wrapped:
        streams.append((Wrapped if closes else Unclosing)(stream))
        return streams[-1]

    patch_create(monkeypatch, around, disguised=False)
    await call(generator(Wire()), mode, "Hi")
    with pytest.raises(ZeroDivisionError):
        await call(generator(Wire()), mode, "Hi", streaming_callback=lambda chunk: 1 / 0)
    check_seen(streams[0].seen)
    assert [stream.closed for stream in streams] == [True, True]
    assert [stream.stream.response.is_closed for stream in streams] == [True, True]


@pytest.mark.parametrize("mode", MODES[2:])
async def test_a_stream_hooked_from_within_is_seen_whole(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tracers leave the stream what it is, and patch its class or what it iterates over."""
    seen: list[Any] = []
    chunks, chunks_async = Stream.__iter__, AsyncStream.__aiter__

    def hooked(self: Any) -> Iterator[Any]:
        for chunk in chunks(self):
            seen.append(chunk)
            yield chunk

    async def hooked_async(self: Any) -> AsyncIterator[Any]:
        async for chunk in chunks_async(self):
            seen.append(chunk)
            yield chunk

    patch_create(monkeypatch, as_it_came, disguised=True)
    monkeypatch.setattr(Stream, "__iter__", hooked)
    monkeypatch.setattr(AsyncStream, "__aiter__", hooked_async)
    (reply,) = (await call(generator(Wire()), mode, "Hi"))["replies"]
    assert reply.text == "Hello"
    check_seen(seen)


FRAME = '{"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}]}'


@pytest.mark.parametrize("mode", MODES[2:])
@pytest.mark.parametrize(
    "content",
    [
        f"retry: 3000\n\nevent: ping\n\nping\n\ndata: {FRAME}\n\n",
        f'data: {FRAME[:-1]},\ndata: "a": 1}}',
        FRAME.replace("delta", "message"),
    ],
    ids=["other events", "lines", "no events"],
)
async def test_a_wrapped_stream_is_read_as_any_other(mode: str, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patch_create(monkeypatch, as_it_came, disguised=False)
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=content))
    component = AIMLAPIChatGenerator(http_client_kwargs={"transport": transport})
    (reply,) = (await call(component, mode, "Hi"))["replies"]
    assert (reply.text, reply.meta["finish_reason"]) == ("Hello", "stop")


@pytest.mark.parametrize("mode", MODES[2:])
async def test_a_stream_may_come_from_elsewhere(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a cache, say: no response to close."""
    choice = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}

    def cached(self: Any, **kwargs: Any) -> list[Any]:
        return [{"choices": [choice]}]

    async def cached_async(self: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async def chunks() -> AsyncIterator[Any]:
            yield {"choices": [choice]}

        return chunks()

    monkeypatch.setattr(Completions, "create", cached)
    monkeypatch.setattr(AsyncCompletions, "create", cached_async)
    wire = Wire()
    (reply,) = (await call(generator(wire), mode, "Hi"))["replies"]
    assert (reply.text, wire.bodies) == ("Hello", [])


@in_all_modes
async def test_a_client_may_be_wrapped_by_hand(mode: str) -> None:
    wire, calls = Wire(), []
    component = generator(wire)
    component.warm_up()
    await component.warm_up_async()
    completions = (
        component.client if mode.startswith("run ") or mode == "run" else component.async_client
    ).chat.completions
    original = completions.create
    completions.create = lambda **kwargs: [calls.append(kwargs), original(**kwargs)][1]
    await call(component, mode, "Hi")
    assert [seen["messages"] for seen in calls] == [[{"role": "user", "content": "Hi"}]]
    assert wire.bodies == [body(mode)]
