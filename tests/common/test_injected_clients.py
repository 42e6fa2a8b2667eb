# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Clients that a user puts into a component, or a subclass does: used as they are, never replaced, never closed."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable
from copy import copy, deepcopy
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import httpx2
import openai
import pytest
from haystack import component
from openai import AsyncOpenAI, AsyncStream, OpenAI, Stream
from openai.types import ImagesResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator, AIMLAPIResponsesChatGenerator
from tests.support.api import IDS, Api, chat_generator, image_generator, over, plain, responses_generator
from tests.support.modes import ASYNC_STREAMED, MODES, PLAIN, Mode, in_all_modes, plain_only, streamed_only
from tests.support.replies import HELLO, PIXEL, events, frames, message, response

RESPONSE = response(message("Hello"), created_at=1, model="m-1", tools=[], tool_choice="auto", parallel_tool_calls=True)
IMAGE = {"created": 1, "data": [{"b64_json": PIXEL}]}
CALLS = [
    pytest.param(make, mode, id=f"{make.__name__} {mode}")
    for make, modes in ((chat_generator, MODES), (responses_generator, MODES), (image_generator, PLAIN))
    for mode in modes
]
in_all_calls = pytest.mark.parametrize(("make", "mode"), CALLS)


def attribute(mode: Mode) -> str:
    return "async_client" if mode.asynchronous else "client"


def real_client(api: Api, mode: Mode) -> Any:
    """A client of the user's own, which has another key and another address."""
    settings: dict[str, Any] = {"api_key": "their-key", "base_url": "https://theirs.example/v1", "max_retries": 0}
    if mode.asynchronous:
        return AsyncOpenAI(http_client=httpx2.AsyncClient(transport=api), **settings)
    return OpenAI(http_client=httpx2.Client(transport=api), **settings)


def mock_client(mode: Mode) -> Any:
    """A mock of the whole client, as unit tests make it: all that is asked of it is a mock, and true."""
    client = AsyncMock() if mode.asynchronous else MagicMock()
    client.chat.completions.create.side_effect = lambda **kwargs: (
        streamed([ChatCompletionChunk.construct(**frame) for frame in frames(HELLO)], mode)
        if kwargs.get("stream")
        else ChatCompletion.construct(**HELLO)
    )
    client.responses.create.side_effect = lambda **kwargs: (
        streamed(events(RESPONSE), mode) if kwargs.get("stream") else Response.construct(**RESPONSE)
    )
    client.images.generate.side_effect = lambda **kwargs: ImagesResponse.construct(**IMAGE)
    return client


def streamed(said: list[Any], mode: Mode) -> Any:
    async def stream() -> AsyncIterator[Any]:
        for event in said:
            yield event

    return stream() if mode.asynchronous else iter(said)


def said(result: dict[str, Any]) -> Any:
    return result["replies"][0].text if "replies" in result else result["images"][0]


def expected(make: Callable[..., Any]) -> str:
    return PIXEL if make is image_generator else "Hello"


# The user's


@in_all_calls
def test_client_of_the_user_is_used_by_all_loops(make: Any, mode: Mode) -> None:
    theirs, ours = Api(*([IMAGE] if make is image_generator else ())), Api()
    generator = make(ours)
    client = real_client(theirs, mode)
    setattr(generator, attribute(mode), client)
    for _ in range(2):
        assert said(mode.run(generator, "Hi")) == expected(make)
        assert getattr(generator, attribute(mode)) is client
    assert ours.requests == []
    assert [request.url.host for request in theirs.requests] == ["theirs.example"] * 2
    assert [request.headers["authorization"] for request in theirs.requests] == ["Bearer their-key"] * 2


@in_all_calls
def test_client_of_the_user_needs_no_key(make: Any, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIMLAPI_API_KEY")
    generator = make(Api())
    setattr(generator, attribute(mode), real_client(Api(*([IMAGE] if make is image_generator else ())), mode))
    assert said(mode.run(generator, "Hi")) == expected(make)


@in_all_calls
def test_mock_is_used(make: Any, mode: Mode) -> None:
    api = Api()
    generator = make(api)
    client = mock_client(mode)
    setattr(generator, attribute(mode), client)
    for _ in range(2):
        assert said(mode.run(generator, "Hi")) == expected(make)
    assert getattr(generator, attribute(mode)) is client
    assert api.requests == []


@in_all_calls
def test_client_that_is_set_after_a_call_is_used_from_then_on(make: Any, mode: Mode) -> None:
    api = Api(*([IMAGE] if make is image_generator else ()))
    generator = make(api)
    mode.run(generator, "Hi")
    client = mock_client(mode)
    setattr(generator, attribute(mode), client)
    mode.run(generator, "Hi")
    assert getattr(generator, attribute(mode)) is client
    assert len(api.requests) == 1
    setattr(generator, attribute(mode), None)
    mode.run(generator, "Hi")
    assert len(api.requests) == 2


@in_all_calls
async def test_client_of_the_user_is_let_go_of_but_not_closed(make: Any, mode: Mode) -> None:
    api = Api(*([IMAGE] if make is image_generator else ()))
    generator = make(api)
    mock = mock_client(mode)
    client = real_client(Api(), mode)
    for theirs in (mock, client):
        setattr(generator, attribute(mode), theirs)
        if mode.asynchronous:
            await generator.warm_up_async()
            await generator.close_async()
        else:
            generator.warm_up()
            generator.close()
        assert getattr(generator, attribute(mode)) is None
    assert not mock.close.called
    assert not client.is_closed()
    assert said(await mode.call(generator, "Hi")) == expected(make)
    assert len(api.requests) == 1


@in_all_modes
def test_client_that_the_user_closed_is_not_replaced(mode: Mode) -> None:
    api = Api()
    generator = chat_generator(api)
    client = real_client(Api(), mode)
    if mode.asynchronous:
        asyncio.run(client.close())
    else:
        client.close()
    setattr(generator, attribute(mode), client)
    with pytest.raises((openai.APIError, RuntimeError)):
        mode.complete(generator)
    assert api.requests == []


@in_all_modes
def test_ids_and_secrets_of_a_client_of_the_user(mode: Mode) -> None:
    generator = chat_generator(Api())
    setattr(generator, attribute(mode), real_client(Api(**IDS), mode))
    assert mode.complete(generator).meta["inference_id"] == "inf-1"
    setattr(generator, attribute(mode), real_client(Api(plain({"error": {"message": "their-key is unknown"}})), mode))
    with pytest.raises(openai.APIError) as raised:
        mode.complete(generator)
    assert "*** is unknown" in str(raised.value)
    assert "their-key" not in str(raised.value)


@pytest.mark.parametrize("make", [chat_generator, responses_generator, image_generator])
@plain_only
@pytest.mark.parametrize("duplicate", [copy, deepcopy])
def test_copies_share_the_client_of_the_user(make: Any, mode: Mode, duplicate: Callable[[Any], Any]) -> None:
    api = Api(*([IMAGE] if make is image_generator else ()))
    generator = make(api)
    client = mock_client(mode)
    setattr(generator, attribute(mode), client)
    copied = duplicate(generator)
    assert copied.model == generator.model
    assert said(mode.run(copied, "Hi")) == expected(make)
    assert getattr(copied, attribute(mode)) is getattr(generator, attribute(mode)) is client
    assert api.requests == []


def test_a_copy_holds_itself_where_the_component_did() -> None:
    generator: Any = chat_generator(Api())
    generator.holders = [generator]
    copied = deepcopy(generator)
    assert copied.holders == [copied]


class PicklableClient:
    """Says the same, and travels."""

    api_key = None

    def __init__(self) -> None:
        self.chat = self.completions = self
        self.post = self.request = None

    def create(self, **kwargs: Any) -> dict[str, Any]:
        return HELLO


def test_pickle_takes_the_client_of_the_user_along() -> None:
    """Or fails: what arrives calls no other API than what was sent."""
    generator = AIMLAPIChatGenerator()
    generator.client = PicklableClient()
    arrived = pickle.loads(pickle.dumps(generator))
    assert isinstance(arrived.client, PicklableClient)
    assert arrived.run("Hi")["replies"][0].text == "Hello"
    generator.client = MagicMock()
    with pytest.raises((pickle.PicklingError, TypeError)):
        pickle.dumps(generator)


# Of mocked streams


class MockStream(Stream[Any]):
    """As Haystack's own tests have it: without a response."""

    def __init__(self, said: list[Any]) -> None:
        self.said = said
        self.closings = 0
        super().__init__(cast_to=None, response=None, client=MagicMock())

    def __stream__(self) -> Any:
        yield from self.said

    def close(self) -> None:
        self.closings += 1
        super().close()


class AsyncMockStream(AsyncStream[Any]):
    def __init__(self, said: list[Any]) -> None:
        self.said = said
        self.closings = 0
        super().__init__(cast_to=None, response=None, client=MagicMock())

    async def __stream__(self) -> Any:
        for event in self.said:
            yield event

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closings += 1
        await super().close()


@streamed_only
@pytest.mark.parametrize("make", [chat_generator, responses_generator])
async def test_mocked_stream_of_the_sdk(make: Any, mode: Mode) -> None:
    said = frames(HELLO) if make is chat_generator else events(RESPONSE)
    stream = AsyncMockStream(said) if mode.asynchronous else MockStream(said)
    client = AsyncMock() if mode.asynchronous else MagicMock()
    client.chat.completions.create.return_value = client.responses.create.return_value = stream
    api = Api()
    generator = make(api)
    setattr(generator, attribute(mode), client)
    assert (await mode.complete_async(generator)).text == "Hello"
    assert api.requests == []
    assert stream.closings == 1


def mocked(value: Any, kind: Callable[..., Any]) -> Any:
    """The SDK's objects as unit tests fake them: with what Haystack's own generators read as attributes."""
    if isinstance(value, list):
        return [mocked(item, kind) for item in value]
    return kind(**{name: mocked(field, kind) for name, field in value.items()}) if isinstance(value, dict) else value


@in_all_modes
@pytest.mark.parametrize("kind", [MagicMock, SimpleNamespace])
@pytest.mark.parametrize("make", [chat_generator, responses_generator])
async def test_mocked_replies(make: Any, mode: Mode, kind: Callable[..., Any]) -> None:
    if make is chat_generator:
        frame = {"index": 0, "delta": {"content": "Hello", "tool_calls": None}, "finish_reason": "stop"}
        message = {"index": 0, "message": {"content": "Hello", "tool_calls": None}, "finish_reason": "stop"}
        said = [{"model": "m", "choices": [frame], "usage": None}]
        whole = {"model": "m", "choices": [message], "usage": {"total_tokens": 3}}
    else:
        said, whole = events(RESPONSE), RESPONSE
    reply = streamed(mocked(said, kind), mode) if mode.streamed else mocked(whole, kind)
    client = AsyncMock() if mode.asynchronous else MagicMock()
    client.chat.completions.create.return_value = client.responses.create.return_value = reply
    generator = make(Api())
    setattr(generator, attribute(mode), client)
    answer = await mode.complete_async(generator)
    assert (answer.text, answer.meta["finish_reason"]) == ("Hello", "stop")
    assert "method_calls" not in answer.meta


@plain_only
async def test_mocked_reply_whose_attributes_are_set_one_by_one(mode: Mode) -> None:
    whole = MagicMock(spec=ChatCompletion)
    choice = MagicMock()
    choice.message.content = "Hello"
    choice.message.tool_calls = None
    choice.finish_reason = "stop"
    whole.choices = [choice]
    whole.usage = MagicMock()
    whole.usage.details.total_tokens = 3
    client = AsyncMock() if mode.asynchronous else MagicMock()
    client.chat.completions.create.return_value = whole
    generator = chat_generator(Api())
    setattr(generator, attribute(mode), client)
    reply = await mode.complete_async(generator)
    assert (reply.text, reply.meta["usage"]) == ("Hello", {"details": {"total_tokens": 3}})


@streamed_only
async def test_a_mock_of_a_stream_is_closed_as_by_haystack(mode: Mode) -> None:
    stream = AsyncMock(spec=AsyncStream) if mode.asynchronous else MagicMock(spec=Stream)
    if mode.asynchronous:
        stream.__aiter__.return_value = frames(HELLO)
    else:
        stream.__iter__.return_value = iter(frames(HELLO))
    client = AsyncMock() if mode.asynchronous else MagicMock()
    client.chat.completions.create.return_value = stream
    generator = chat_generator(Api())
    setattr(generator, attribute(mode), client)
    assert (await mode.complete_async(generator)).text == "Hello"
    assert [name for name, *_ in stream.method_calls] == ["close"]


@plain_only
@pytest.mark.parametrize(
    ("text", "told"), [("It failed.", "It failed. Overloaded ("), ("It was Overloaded", "It was Overloaded (")]
)
async def test_an_error_of_the_sdk_says_what_its_body_does(mode: Mode, text: str, told: str) -> None:
    client = AsyncMock() if mode.asynchronous else MagicMock()
    request = httpx2.Request("POST", "https://theirs.example/v1")
    client.chat.completions.create.side_effect = openai.APIError(text, request, body={"message": "Overloaded"})
    generator = chat_generator(Api())
    setattr(generator, attribute(mode), client)
    with pytest.raises(openai.APIError) as raised:
        await mode.complete_async(generator)
    assert str(raised.value).startswith(told)


async def test_a_stream_that_can_only_be_closed_asynchronously_is() -> None:
    stream = MagicMock(spec=["__aiter__", "aclose"])
    stream.aclose = AsyncMock()
    stream.__aiter__.return_value = frames(HELLO)
    client = AsyncMock()
    client.chat.completions.create.return_value = stream
    generator = chat_generator(Api())
    generator.async_client = client
    assert (await ASYNC_STREAMED.complete_async(generator)).text == "Hello"
    stream.aclose.assert_awaited_once_with()


@plain_only
async def test_reply_of_other_types_than_the_sdk_declares_comes_without_warnings(
    mode: Mode, recwarn: pytest.WarningsRecorder
) -> None:
    client = AsyncMock() if mode.asynchronous else MagicMock()
    client.chat.completions.create.return_value = ChatCompletion.construct(**{**HELLO, "created": "today"})
    generator = chat_generator(Api())
    setattr(generator, attribute(mode), client)
    assert (await mode.complete_async(generator)).meta["created"] == "today"
    assert [str(warning.message) for warning in recwarn] == []


@streamed_only
async def test_stream_that_cannot_be_closed_hides_no_error(mode: Mode) -> None:
    said = [{"error": {"message": "Overloaded"}}]
    client = AsyncMock() if mode.asynchronous else MagicMock()
    client.chat.completions.create.return_value = AsyncMockStream(said) if mode.asynchronous else MockStream(said)
    generator = chat_generator(Api())
    setattr(generator, attribute(mode), client)
    with pytest.raises(openai.APIError, match="Overloaded"):
        await mode.complete_async(generator)


# A subclass's


@in_all_modes
@pytest.mark.parametrize("kind", [AIMLAPIChatGenerator, AIMLAPIResponsesChatGenerator])
async def test_subclass_makes_the_client_in_warm_up(kind: Any, mode: Mode) -> None:
    """As components of older versions of Haystack do."""
    theirs, ours = Api(), Api()

    @component
    class Subclass(kind):
        def warm_up(self) -> None:
            if self.client is None:
                self.client = real_client(theirs, mode)

        async def warm_up_async(self) -> None:
            if self.async_client is None:
                self.async_client = real_client(theirs, mode)

    generator = Subclass(model="vendor/model", **over(ours))
    for _ in range(2):
        assert (await mode.complete_async(generator)).text == "Hello"
    assert len(theirs.requests) == 2
    assert ours.requests == []


@in_all_modes
async def test_subclass_wraps_the_client(mode: Mode) -> None:
    """What it puts in place of ours is used, and ours is closed in the end."""
    made: list[Any] = []

    @component
    class Subclass(AIMLAPIChatGenerator):
        def warm_up(self) -> None:
            if self.client is None:
                AIMLAPIChatGenerator.warm_up(self)
                made.append(self.client)
                self.client = self.client.with_options(default_headers={"X-Wrapped": "yes"})

        async def warm_up_async(self) -> None:
            if self.async_client is None:
                await AIMLAPIChatGenerator.warm_up_async(self)
                made.append(self.async_client)
                self.async_client = self.async_client.with_options(default_headers={"X-Wrapped": "yes"})

    api = Api()
    generator = Subclass(model="vendor/model", **over(api))
    for _ in range(2):
        assert (await mode.complete_async(generator)).text == "Hello"
    assert [request.headers["x-wrapped"] for request in api.requests] == ["yes"] * 2
    (client,) = made
    assert not client.is_closed()
    if mode.asynchronous:
        await generator.close_async()
    else:
        generator.close()
    assert client.is_closed()


@in_all_modes
async def test_settings_of_client_kwargs_reach_the_client(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "openai-org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "openai-project")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Openai: yes")
    theirs, ours = Api(), Api()
    http_client = (httpx2.AsyncClient if mode.asynchronous else httpx2.Client)(transport=theirs)

    @component
    class Subclass(AIMLAPIChatGenerator):
        def _client_kwargs(self) -> dict[str, Any]:
            return {
                **AIMLAPIChatGenerator._client_kwargs(self),
                "organization": "mine",
                "project": "ours",
                "default_headers": {"X-Mine": "yes"},
                "http_client": http_client,
            }

    generator = Subclass(model="vendor/model", **over(ours))
    await mode.complete_async(generator)
    (request,) = theirs.requests
    assert ours.requests == []
    assert (request.headers["openai-organization"], request.headers["openai-project"]) == ("mine", "ours")
    assert request.headers["x-mine"] == "yes"
    assert "x-openai" not in request.headers
