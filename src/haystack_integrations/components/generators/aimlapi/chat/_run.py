# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""One call of a chat component, plain or streamed, on either endpoint."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypedDict, Unpack, cast

from haystack.dataclasses import (
    ChatMessage,
    ComponentInfo,
    StreamingCallbackT,
    StreamingChunk,
    SyncStreamingCallbackT,
    select_streaming_callback,
)

from haystack_integrations.common.aimlapi.body import checked_body, decode
from haystack_integrations.common.aimlapi.call import CallContext, call_context, current_call
from haystack_integrations.common.aimlapi.checks import check_types
from haystack_integrations.common.aimlapi.client import ClientOwner
from haystack_integrations.common.aimlapi.endpoint import Endpoint, request
from haystack_integrations.common.aimlapi.errors import map_api_errors
from haystack_integrations.common.aimlapi.process import PerProcess
from haystack_integrations.common.aimlapi.stream import iter_chunks, iter_chunks_async

from ._inputs import ToolWarmUp, normalize_messages

_SYNC_HOOK, _ASYNC_HOOK = "_handle_stream_response", "_handle_async_stream_response"


class StreamAccumulator(Protocol):
    """Accumulates the events of a stream, as they arrive, into the replies that a plain call would have returned."""

    def add(self, event: dict[str, Any]) -> list[StreamingChunk]:
        """
        Take the next event.

        :param event: The event as a dictionary.
        :returns: The chunks for the callback.
        :raises APIError: If it cannot be read.
        """

    def finish(self, headers: Mapping[str, str], *, is_done: bool | None) -> list[ChatMessage]:
        """
        Take the end of the stream.

        :param headers: The headers of the response.
        :param is_done: Whether the stream said that it is at its end; None if nobody knows.
        :returns: The replies.
        :raises APIError: If the stream had none.
        """

    def partial(self) -> dict[str, Any] | None:
        """
        Get what has come so far, of a stream that broke off.

        :returns: The text, the reasoning and the tool calls, as plain data; None if nothing came.
        """


@dataclass(frozen=True, kw_only=True)
class ChatEndpoint(Endpoint):
    """
    An endpoint that completes chats.

    :param answer: What it answers with, as the message of an error names it.
    :param decode: Turns the body of a plain answer, with the headers of the response, into replies.
    :param accumulator: Makes what accumulates a stream into replies; its chunks name the given component.
    """

    answer: str
    decode: Callable[[dict[str, Any], Mapping[str, str]], list[ChatMessage]]
    accumulator: Callable[[ComponentInfo], StreamAccumulator]


class RunParameters(TypedDict):
    """The parameters of a run that go into the request."""

    generation_kwargs: dict[str, Any] | None
    tools: Any
    tools_strict: bool | None


class ChatComponent(ClientOwner):
    """A component that completes chats, with the hooks that Haystack's own generators have for subclasses."""

    _endpoint: ClassVar[ChatEndpoint]
    model: str
    streaming_callback: StreamingCallbackT | None
    tools: Any

    def __init__(self, **init_parameters: Any) -> None:
        """
        Set up the component.

        :param init_parameters: The parameters of `ClientOwner`, and of the Haystack component that comes next.
        """
        super().__init__(**init_parameters)
        self._tool_warm_up = PerProcess(ToolWarmUp)

    def warm_up(self) -> None:
        """
        Make the synchronous client, if there is none, and warm up the tools of init, once.

        :raises ValueError: If there is no API key, or a number in the environment is none.
        """
        super().warm_up()
        self._tool_warm_up.get().warm_up(self.tools)

    async def warm_up_async(self) -> None:
        """
        Make the client of the running event loop, if it has none, and warm up the tools of init, once.

        A tool without `warm_up_async` blocks the event loop while it is warmed up.

        :raises ValueError: If there is no API key, or a number in the environment is none.
        """
        await super().warm_up_async()
        await self._tool_warm_up.get().warm_up_async(self.tools)

    def _prepare_api_call(
        self,
        *,
        messages: list[ChatMessage],
        streaming_callback: StreamingCallbackT | None = None,
        **parameters: Unpack[RunParameters],
    ) -> dict[str, Any]:
        raise NotImplementedError

    def _handle_stream_response(self, chat_completion: Any, callback: SyncStreamingCallbackT) -> list[ChatMessage]:
        call = current_call() or CallContext()
        accumulator = self._endpoint.accumulator(ComponentInfo.from_component(cast(Any, self)))
        with closing(iter_chunks(chat_completion, call, accumulator, model=self.model)) as chunks:
            for chunk in chunks:
                callback(chunk)
        return _finish(accumulator, call, self.model)

    async def _handle_async_stream_response(
        self, chat_completion: Any, callback: StreamingCallbackT
    ) -> list[ChatMessage]:
        call = current_call() or CallContext()
        accumulator = self._endpoint.accumulator(ComponentInfo.from_component(cast(Any, self)))
        async with aclosing(iter_chunks_async(chat_completion, call, accumulator, model=self.model)) as chunks:
            async for chunk in chunks:
                result = callback(chunk)
                if inspect.isawaitable(result):
                    await result
        return _finish(accumulator, call, self.model)


def complete(
    component: ChatComponent,
    messages: list[ChatMessage] | str,
    streaming_callback: StreamingCallbackT | None,
    **parameters: Unpack[RunParameters],
) -> dict[str, list[ChatMessage]]:
    """
    Complete a chat.

    :param component: The component that is run.
    :param messages: The conversation, or the text of a single user message.
    :param streaming_callback: The callback of the run.
    :param parameters: The other parameters of the run.
    :returns: The result of the run.
    :raises TypeError: If a parameter is of another type than it is declared with.
    :raises ValueError: If there is no API key, or something cannot be sent.
    :raises APIError: If the call fails.
    """
    check_types(streaming_callback=streaming_callback)
    callback = select_streaming_callback(component.streaming_callback, streaming_callback, requires_async=False)
    messages = normalize_messages(messages)
    if not messages:
        return {"replies": []}
    with call_context() as call, component._sync_client() as client:
        call.streamed = callback is not None
        component._tool_warm_up.get().warm_up(parameters["tools"])
        arguments = component._prepare_api_call(messages=messages, streaming_callback=callback, **parameters)
        with map_api_errors(call, model=component.model, hint=component._endpoint.model_hint):
            answer = request(client, component._endpoint, arguments, typed=_has_hook(component, callback, _SYNC_HOOK))
            call.keep(answer)
            if callback is None:
                return {"replies": _decode(answer, component._endpoint, call)}
        return {"replies": component._handle_stream_response(answer, callback)}


async def complete_async(
    component: ChatComponent,
    messages: list[ChatMessage] | str,
    streaming_callback: StreamingCallbackT | None,
    **parameters: Unpack[RunParameters],
) -> dict[str, list[ChatMessage]]:
    """
    Complete a chat asynchronously.

    :param component: The component that is run.
    :param messages: The conversation, or the text of a single user message.
    :param streaming_callback: The callback of the run.
    :param parameters: The other parameters of the run.
    :returns: The result of the run.
    :raises TypeError: If a parameter is of another type than it is declared with.
    :raises ValueError: If there is no API key, or something cannot be sent.
    :raises APIError: If the call fails.
    """
    check_types(streaming_callback=streaming_callback)
    callback = select_streaming_callback(component.streaming_callback, streaming_callback, requires_async=True)
    messages = normalize_messages(messages)
    if not messages:
        return {"replies": []}
    with call_context() as call:
        call.streamed = callback is not None
        async with component._async_client() as client:
            await component._tool_warm_up.get().warm_up_async(parameters["tools"])
            arguments = component._prepare_api_call(messages=messages, streaming_callback=callback, **parameters)
            with map_api_errors(call, model=component.model, hint=component._endpoint.model_hint):
                typed = _has_hook(component, callback, _ASYNC_HOOK)
                answer = await request(client, component._endpoint, arguments, typed=typed)
                call.keep(answer)
                if callback is None:
                    return {"replies": _decode(answer, component._endpoint, call)}
            return {"replies": await component._handle_async_stream_response(answer, callback)}


def _has_hook(component: ChatComponent, callback: Any, name: str) -> bool:
    # Haystack's own generators hand the SDK's stream to whoever overrides the hook.
    return callback is not None and getattr(type(component), name) is not getattr(ChatComponent, name)


def _decode(answer: Any, endpoint: ChatEndpoint, call: CallContext) -> list[ChatMessage]:
    body = checked_body(answer, endpoint.answer)
    return decode(lambda: endpoint.decode(body, call.headers))


def _finish(accumulator: StreamAccumulator, call: CallContext, model: str) -> list[ChatMessage]:
    with map_api_errors(call, model=model):
        return decode(lambda: accumulator.finish(call.headers, is_done=call.is_done))
