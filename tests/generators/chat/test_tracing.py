# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Whoever wraps the SDK's `create`, as tracers do, sees the call and may put anything around what comes back."""

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from haystack.tools import Tool
from openai import APIError, AsyncOpenAI, AsyncStream, NotGiven, Omit, OpenAI, Stream
from openai.resources.chat.completions import AsyncCompletions, Completions
from openai.resources.images import AsyncImages, Images
from openai.resources.responses import AsyncResponses, Responses
from openai.types.chat import ChatCompletion

from tests.support.api import Api, chat_body, chat_generator, image_generator, responses_generator, responses_sse, sse
from tests.support.modes import PLAIN, STREAMED, Mode, in_all_modes, plain_only, streamed_only
from tests.support.replies import COST, MODEL, USAGE, completion, failure, message, response

ECHO = Tool("echo", "Say it again.", {"type": "object", "properties": {}}, print)
ECHO_SENT = {"type": "function", "function": ECHO.tool_spec}


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
        *((mode, around) for mode in PLAIN for around in (as_it_came, Proxy, ChatCompletion.to_dict)),
        *((mode, around) for mode in STREAMED for around in (as_it_came, Wrapped, as_typed_chunks)),
    ],
)
async def test_wrapped_create_sees_the_call_and_changes_nothing(
    mode: Mode, around: Any, disguised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = patch_create(monkeypatch, around, disguised=disguised)
    api, texts = Api(completion({"content": "Hello", "reasoning_content": "Hm.", "odd": {"a": 1}})), []
    component = chat_generator(api, tools=[ECHO], generation_kwargs={"seed": 1})
    streaming = {"streaming_callback": lambda chunk: texts.append(chunk.content)} if mode.streamed else {}
    (reply,) = (await mode.call(component, "Hi", **streaming))["replies"]

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
    assert seen["extra_body"] == {}

    assert api.bodies == [chat_body(mode, tools=[ECHO_SENT], seed=1)]
    assert (reply.text, reply.reasoning.reasoning_text, reply.meta["odd"]) == ("Hello", "Hm.", {"a": 1})
    assert (reply.meta["finish_reason"], reply.meta["usage"]) == ("stop", USAGE)
    assert "".join(texts) == ("Hello" if streaming else "")


@in_all_modes
async def test_wrapped_responses_see_by_name_what_the_sdk_declares(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = patch(monkeypatch, (Responses, AsyncResponses), "create", as_it_came, disguised=False)
    api = Api()
    await mode.call(responses_generator(api, generation_kwargs={"temperature": 0.5, "odd": 1}), "Hi")
    ((_, seen),) = calls
    assert (seen["temperature"], seen["extra_body"]) == (0.5, {"odd": 1})
    assert "odd" not in seen
    assert (api.bodies[0]["temperature"], api.bodies[0]["odd"]) == (0.5, 1)


@plain_only
async def test_wrapped_images_see_by_name_what_the_sdk_declares(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = patch(monkeypatch, (Images, AsyncImages), "generate", as_it_came, disguised=False)
    await mode.call(image_generator(Api(), generation_kwargs={"n": 2, "odd": 1}), "A cat")
    ((_, seen),) = calls
    assert (seen["n"], "odd" in seen, seen["extra_body"]["odd"]) == (2, False, 1)


@in_all_modes
@pytest.mark.parametrize("method", ["request", "post"])
async def test_wrapped_request_sees_options_and_typed_reply(
    mode: Mode, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some tracers wrap what all calls of a client go through, and read its options and its typed reply."""
    answers: list[Any] = []

    def around(answer: Any) -> Any:
        answers.append(answer)
        return answer

    calls = patch(monkeypatch, (OpenAI, AsyncOpenAI), method, around, disguised=True)
    api = Api()
    (reply,) = (await mode.call(chat_generator(api, tools=[ECHO]), "Hi"))["replies"]
    ((args, kwargs),), (answer,) = calls, answers
    sent = args[2].json_data if method == "request" else kwargs["body"]
    assert sent["messages"] == [{"role": "user", "content": "Hi"}]
    assert sent["tools"] == [ECHO_SENT]
    assert isinstance(answer, (Stream, AsyncStream) if mode.streamed else ChatCompletion)
    assert api.bodies == [chat_body(mode, tools=[ECHO_SENT])]
    assert reply.text == "Hello"


@in_all_modes
async def test_a_reply_that_nobody_traces_is_not_typed(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the objects of the SDK are made, nor its streams."""
    typed: list[str] = []
    for kind, name in ((ChatCompletion, "construct"), (Stream, "__init__"), (AsyncStream, "__init__")):
        monkeypatch.setattr(kind, name, lambda *_, seen=f"{kind.__name__}.{name}", **__: typed.append(seen))
    (reply,) = (await mode.call(chat_generator(Api()), "Hi"))["replies"]
    assert (reply.text, typed) == ("Hello", [])


def check_seen(chunks: list[Any]) -> None:
    contents = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(filter(None, contents)) == "Hello"
    assert [chunk.usage.to_dict() for chunk in chunks if chunk.usage] == [USAGE]


@streamed_only
@pytest.mark.parametrize("closes", [True, False])
async def test_a_wrapped_stream_is_seen_whole_and_closed(
    mode: Mode, closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams: list[Wrapped] = []

    def around(stream: Any) -> Wrapped:
        streams.append((Wrapped if closes else Unclosing)(stream))
        return streams[-1]

    patch_create(monkeypatch, around, disguised=False)
    await mode.call(chat_generator(Api()), "Hi")
    with pytest.raises(ZeroDivisionError):
        await mode.call(chat_generator(Api()), "Hi", streaming_callback=lambda chunk: 1 / 0)
    check_seen(streams[0].seen)
    assert [stream.closed for stream in streams] == [True, True]
    assert [stream.stream.response.is_closed for stream in streams] == [True, True]


@streamed_only
async def test_a_stream_hooked_from_within_is_seen_whole(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
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
    reply = await mode.complete_async(chat_generator(Api()))
    assert reply.text == "Hello"
    check_seen(seen)


FRAME = '{"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}]}'


@streamed_only
@pytest.mark.parametrize(
    "content",
    [
        f"retry: 3000\n\nevent: ping\n\nping\n\ndata: {FRAME}\n\n",
        f'data: {FRAME[:-1]},\ndata: "a": 1}}',
        FRAME.replace("delta", "message"),
    ],
    ids=["other events", "lines", "no events"],
)
async def test_a_wrapped_stream_is_read_as_any_other(mode: Mode, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patch_create(monkeypatch, as_it_came, disguised=False)
    reply = await mode.complete_async(chat_generator(Api(httpx2.Response(200, content=content))))
    assert (reply.text, reply.meta["finish_reason"]) == ("Hello", "stop")


@streamed_only
async def test_a_stream_may_come_from_elsewhere(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
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
    api = Api()
    reply = await mode.complete_async(chat_generator(api))
    assert (reply.text, api.bodies) == ("Hello", [])


@in_all_modes
async def test_a_client_may_be_wrapped_by_hand(mode: Mode) -> None:
    api, calls = Api(), []
    component = chat_generator(api)
    component.warm_up()
    await component.warm_up_async()
    completions = (component.async_client if mode.asynchronous else component.client).chat.completions
    original = completions.create
    completions.create = lambda **kwargs: [calls.append(kwargs), original(**kwargs)][1]
    await mode.call(component, "Hi")
    assert [seen["messages"] for seen in calls] == [[{"role": "user", "content": "Hi"}]]
    assert api.bodies == [chat_body(mode)]


async def frames_seen(mode: Mode, monkeypatch: pytest.MonkeyPatch, *said: Any) -> tuple[Any, list[Any]]:
    streams: list[Wrapped] = []

    def around(stream: Any) -> Wrapped:
        streams.append(Wrapped(stream))
        return streams[-1]

    patch_create(monkeypatch, around, disguised=False)
    reply = await mode.complete_async(chat_generator(Api(sse(*said))))
    return reply, streams[0].seen


HELLO = {"index": 0, "delta": {"content": "Hello"}}
STOP = {"index": 0, "delta": {}, "finish_reason": "stop"}
CALL = {"id": "c-1", "model": "m-1", "created": 1, "object": "chat.completion.chunk"}
BARE: dict[str, Any] = {**CALL, "choices": []}
BILL = {"meta": {"usage": COST}}


@streamed_only
@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (
            [{**CALL, "choices": [HELLO]}, {**CALL, "choices": [STOP]}, {**BARE, "usage": USAGE}, BILL],
            [
                {**CALL, "choices": [HELLO]},
                {**CALL, "choices": [STOP]},
                {**CALL, "choices": [], "usage": USAGE, **BILL},
            ],
        ),
        (
            [{**CALL, "choices": [HELLO]}, {**CALL, "choices": [STOP], "usage": USAGE}, BILL],
            [{**CALL, "choices": [HELLO]}, {**CALL, "choices": [STOP], "usage": USAGE, **BILL}],
        ),
        (
            [{**CALL, "choices": [HELLO], "usage": USAGE}, {**CALL, "choices": [STOP]}, BILL],
            [
                {**CALL, "choices": [HELLO], "usage": USAGE},
                {**CALL, "choices": [STOP]},
                {**CALL, "choices": [], **BILL},
            ],
        ),
        (
            [{"filter": 1}, {**CALL, "choices": [HELLO]}, {**CALL, "choices": [STOP]}, {"a": 1}, {"a": 2}],
            [
                {"filter": 1, "choices": []},
                {**CALL, "choices": [HELLO]},
                {**CALL, "choices": [STOP]},
                {**BARE, "a": 1},
                {**BARE, "a": 2},
            ],
        ),
    ],
    ids=["usage of its own", "usage with the end", "usage before the end", "values that differ"],
)
async def test_every_frame_that_a_tracer_sees_has_choices(
    mode: Mode, said: list[Any], seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tracers walk over the choices of each frame, and take the model and the usage from the last."""
    reply, frames = await frames_seen(mode, monkeypatch, *said)
    assert [frame.to_dict() for frame in frames] == seen
    assert (reply.text, reply.meta["finish_reason"]) == ("Hello", "stop")
    untraced = await mode.complete_async(chat_generator(Api(sse(*said))))
    assert told(reply) == told(untraced)


def told(reply: Any) -> dict[str, Any]:
    return {name: value for name, value in reply.meta.items() if name != "completion_start_time"}


@streamed_only
async def test_a_tracer_sees_an_error_inside_a_stream(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Watching(Wrapped):
        def __iter__(self) -> Iterator[Any]:
            try:
                yield from super().__iter__()
            except APIError as error:
                seen.append((self.seen, error.body))
                raise

        async def __aiter__(self) -> AsyncIterator[Any]:
            try:
                async for chunk in super().__aiter__():
                    yield chunk
            except APIError as error:
                seen.append((self.seen, error.body))
                raise

    patch_create(monkeypatch, Watching, disguised=False)
    with pytest.raises(APIError, match="Overloaded"):
        frames = [{"choices": [HELLO], "usage": USAGE}, failure("Overloaded", 503)]
        await mode.complete_async(chat_generator(Api(sse(*frames))))
    (((chunk,), body),) = seen
    assert (chunk.choices[0].delta.content, body["message"]) == ("Hello", "Overloaded")


@streamed_only
async def test_events_of_responses_are_seen_as_they_came(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = await responses_seen(mode, monkeypatch, Api())
    assert [event.type for event in seen][-1] == "response.completed"
    assert not any(hasattr(event, "choices") for event in seen)


@streamed_only
async def test_a_whole_response_in_a_stream_is_seen_as_it_came(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = await responses_seen(mode, monkeypatch, Api(responses_sse(response(message("Hello")))))
    assert not hasattr(whole, "choices")


async def responses_seen(mode: Mode, monkeypatch: pytest.MonkeyPatch, api: Api) -> list[Any]:
    """What a tracer sees of a streamed response that says "Hello"."""
    streams: list[Wrapped] = []

    def around(stream: Any) -> Wrapped:
        streams.append(Wrapped(stream))
        return streams[-1]

    patch(monkeypatch, (Responses, AsyncResponses), "create", around, disguised=False)
    assert (await mode.complete_async(responses_generator(api))).text == "Hello"
    return streams[0].seen
