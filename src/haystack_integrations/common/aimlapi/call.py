# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The call under way: what the layers below a component cannot be handed as an argument."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import httpx2

_current: ContextVar["CallContext | None"] = ContextVar("aimlapi_call", default=None)


def _never() -> bool:
    return False


@dataclass
class CallContext:
    """
    One call of a component.

    The SDK keeps only the body of a plain reply, and a traced call returns what the tracer makes of it: the headers
    have no other way back.

    :param response: The response to the latest attempt; None if there was none, as when a connection fails.
    :param is_done: Whether the stream said `[DONE]`; None if there was no stream, or somebody else read it.
    :param attempts: How many requests were begun.
    :param is_abandoned: Whether the component was closed since: what is under way may finish, but is not tried again.
    :param secrets: The values that the call sends and that no message may show.
    :param secret_headers: The headers that hold such values, as they are passed on from function to function.
    :param redirects: How many redirects were followed.
    :param answer_tool: The name of the tool whose call is the text of the reply.
    :param streamed: Whether the reply is streamed; None if it is no chat, and cannot be.
    """

    response: httpx2.Response | None = None
    is_done: bool | None = None
    attempts: int = 0
    is_abandoned: Callable[[], bool] = field(default=_never, repr=False)
    secrets: set[str] = field(default_factory=set, repr=False)
    secret_headers: list[dict[str, str]] = field(default_factory=list, repr=False)
    redirects: int = 0
    answer_tool: str | None = None
    streamed: bool | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response."""
        return {} if self.response is None else self.response.headers

    def keep(self, answer: Any) -> None:
        """
        Keep a response that no client of ours has received.

        :param answer: What a client returned, the user's own perhaps.
        """
        if self.response is None and isinstance(answer, (httpx2.Response, httpx.Response)):
            self.response = cast(httpx2.Response, answer)


@contextmanager
def call_context() -> Iterator[CallContext]:
    """
    Begin a call.

    :returns: The call, which `current_call` finds until the block ends.
    """
    call = CallContext()
    token = _current.set(call)
    try:
        yield call
    except BaseException:
        # The frames of a traceback are read by reporters of crashes.
        for headers in call.secret_headers:
            headers.update({name: "***" for name, value in headers.items() if value in call.secrets})
        raise
    finally:
        # The garbage collector ends a call whose event loop was closed, in another context.
        with suppress(ValueError):
            _current.reset(token)
        # The event loop keeps the context in which a connection was opened for as long as the connection is open.
        call.response = None
        call.is_abandoned = _never
        call.secrets.clear()
        call.secret_headers.clear()


def current_call() -> CallContext | None:
    """
    Get the call under way.

    :returns: The call; None outside of one, as when a client is warmed up or used by itself.
    """
    return _current.get()


def register_secret(value: str) -> None:
    """
    Keep a secret out of what is told of the call under way. Outside of a call nothing is told.

    :param value: The secret.
    """
    if value and (call := current_call()):
        call.secrets.add(value)


def register_headers(headers: dict[str, str]) -> None:
    """
    Have the secrets in headers hidden if the call under way fails: they are in the frames of its traceback.

    :param headers: The headers; more may be added to them.
    """
    if call := current_call():
        call.secret_headers.append(headers)
