# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""AIMLAPI without a socket: what components send is kept, and answered as told."""

import base64
import inspect
import json
from collections.abc import Sequence
from typing import Any

import httpx2

from haystack_integrations.components.embedders.aimlapi import AIMLAPIDocumentEmbedder, AIMLAPITextEmbedder
from haystack_integrations.components.generators.aimlapi import (
    AIMLAPIChatGenerator,
    AIMLAPIImageGenerator,
    AIMLAPIResponsesChatGenerator,
)
from tests.support.modes import Mode
from tests.support.multipart import sent_body
from tests.support.replies import HELLO, MODEL, PIXEL, embeddings, events, frames, message, response

PNG = base64.b64decode(PIXEL)
IDS = {"x-inference-id": "inf-1", "x-client-request-id": "mine-1"}


def plain(body: Any, status: int = 200, **headers: str) -> httpx2.Response:
    """A response in JSON. Underscores in the names of headers stand for hyphens."""
    return httpx2.Response(
        status,
        headers={"content-type": "application/json", **hyphenated(headers)},
        # Not httpx2's own JSON, which takes no half of a surrogate pair.
        content=json.dumps(body).encode(),
    )


def sse(*said: Any, end: str = "data: [DONE]\n\n", **headers: str) -> httpx2.Response:
    """A stream of frames, each of them an object or the text of an event."""
    text = "".join(event if isinstance(event, str) else f"data: {json.dumps(event)}\n\n" for event in said)
    return httpx2.Response(
        200, headers={"content-type": "text/event-stream", **hyphenated(headers)}, content=(text + end).encode()
    )


def responses_sse(*said: dict[str, Any], **headers: str) -> httpx2.Response:
    """A stream of `/v1/responses`, whose events have names, and whose end is one of them."""
    return sse(*(f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n" for event in said), end="", **headers)


def hyphenated(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Api(httpx2.MockTransport):
    """
    Answers each request in turn, and from then on as the last time; without any answer, with "Hello", a picture,
    or the vectors of the texts.

    :param answers: The body of a completion, a response, images or embeddings, streamed if the request asks for it; or
        a whole HTTP response; or an exception to raise; or a function of the request that gives one of them.
    :param downloads: The same for the requests by GET. Bytes are a picture.
    :param headers: Headers of the answers that are bodies. Underscores in their names stand for hyphens.
    """

    def __init__(self, *answers: Any, downloads: Sequence[Any] = (), **headers: str) -> None:
        super().__init__(self._answer)
        self.requests: list[httpx2.Request] = []
        self.downloads: list[httpx2.Request] = []
        self._answers = answers
        self._downloads = downloads or [PNG]
        self._headers = headers

    @property
    def bodies(self) -> list[Any]:
        return [sent_body(request) for request in self.requests]

    def _answer(self, request: httpx2.Request) -> Any:
        if request.method == "GET":
            asked, answers = self.downloads, self._downloads
        else:
            asked, answers = self.requests, self._answers or [DEFAULTS[request.url.path.rpartition("/")[2]]]
        asked.append(request)
        answer = answers[min(len(asked), len(answers)) - 1]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx2.Response):
            # A stream that is not read yet cannot be copied, and the others may be asked for again.
            return copied(answer) if answer.is_closed else answer
        if isinstance(answer, bytes):
            return httpx2.Response(200, headers={"content-type": "image/png"}, content=answer)
        if inspect.isawaitable(answer):
            return answer
        if request.method == "POST" and self.bodies[-1].get("stream"):
            if "output" in answer:
                return responses_sse(*events(answer), **self._headers)
            return sse(*frames(answer), **self._headers)
        return plain(answer, **self._headers)


def copied(response: httpx2.Response) -> httpx2.Response:
    return httpx2.Response(response.status_code, headers=response.headers, content=response.content)


def embedded(request: httpx2.Request) -> dict[str, Any]:
    """The embeddings of the texts of a request, in the form that it asks for."""
    body = json.loads(request.content)
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    return embeddings(*texts, as_base64=body.get("encoding_format") == "base64")


DEFAULTS: dict[str, Any] = {
    "embeddings": embedded,
    "completions": HELLO,
    "responses": response(message("Hello")),
    "generations": {"data": [{"b64_json": PIXEL}]},
    "edits": {"data": [{"b64_json": PIXEL}]},
}


def chat_generator(api: httpx2.BaseTransport, **settings: Any) -> AIMLAPIChatGenerator:
    """A component that asks this API, without retries."""
    return AIMLAPIChatGenerator(**{"model": MODEL, **over(api), **settings})


def responses_generator(api: httpx2.BaseTransport, **settings: Any) -> AIMLAPIResponsesChatGenerator:
    return AIMLAPIResponsesChatGenerator(**{**over(api), **settings})


def image_generator(api: httpx2.BaseTransport, **settings: Any) -> AIMLAPIImageGenerator:
    return AIMLAPIImageGenerator(**{**over(api), **settings})


def text_embedder(api: httpx2.BaseTransport, **settings: Any) -> AIMLAPITextEmbedder:
    return AIMLAPITextEmbedder(**{**over(api), **settings})


def document_embedder(api: httpx2.BaseTransport, **settings: Any) -> AIMLAPIDocumentEmbedder:
    return AIMLAPIDocumentEmbedder(**{"progress_bar": False, **over(api), **settings})


def over(api: httpx2.BaseTransport) -> dict[str, Any]:
    return {"max_retries": 0, "http_client_kwargs": {"transport": api}}


def chat_body(mode: Mode, messages: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """The body that a chat generator sends in a mode, by default for the text Hi."""
    streaming = {"stream": True, "stream_options": {"include_usage": True}} if mode.streamed else {}
    return {"model": MODEL, "messages": messages or [{"role": "user", "content": "Hi"}], **streaming, **fields}
