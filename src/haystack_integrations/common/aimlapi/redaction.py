# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What must not leave with an exception: secrets in its parts, and headers in its pickle."""

import copyreg
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx
import httpx2
from openai import APIError

_RESPONSES = (httpx2.Response, httpx.Response)
# Shorter secrets are parts of words.
_LONG_SECRET = 8


def mask(text: str, secrets: Iterable[str]) -> str:
    """
    Hide secrets in a text.

    :param text: The text.
    :param secrets: The secrets. One of less than eight characters is hidden where it is a word of its own.
    :returns: The text with asterisks in their places.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        # What is quoted in JSON is escaped.
        for shown in (secret, json.dumps(secret)[1:-1]):
            if len(secret) >= _LONG_SECRET:
                text = text.replace(shown, "***")
            elif shown in text:
                text = re.sub(rf"(?<!\w){re.escape(shown)}(?!\w)", "***", text)
    return text


def masked(value: Any, secrets: set[str], depth: int = 100) -> Any:
    """
    Hide secrets in all texts of plain data.

    :param value: The data.
    :param secrets: The secrets.
    :param depth: How deep the data are looked at. What is nested deeper is hidden.
    :returns: The data with asterisks in their places.
    """
    if isinstance(value, str):
        return mask(value, secrets)
    if not depth:
        return "***"
    if isinstance(value, dict):
        return {masked(name, secrets): masked(item, secrets, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(masked(item, secrets, depth - 1) for item in value)
    return value


def reveals(error: APIError, headers: Mapping[str, str], secrets: set[str]) -> bool:
    """
    Tell whether a secret is in an exception, since the server repeated it.

    :param error: The exception.
    :param headers: The headers of the response.
    :param secrets: The secrets.
    :returns: True if one is in the body, the response or a cause, and so in the frames of the traceback as well.
    """
    told: list[Any] = [vars(error), dict(headers)]
    told += [(repr(link.args), getattr(link, "doc", ""), getattr(link, "body", None)) for link in chain(error)]
    if isinstance(response := getattr(error, "response", None), _RESPONSES):
        told += [dict(response.headers), response.text]
    return bool(masked(told, secrets) != told)


def redacted(error: APIError, secrets: set[str]) -> APIError:
    """
    Make an exception anew without secrets, and without what may hold some: headers, causes, frames.

    :param error: The exception.
    :param secrets: The secrets.
    :returns: The new exception.
    """
    return _rebuild(*masked(_reduce(error)[1], secrets))


def chain(error: BaseException) -> Iterator[BaseException]:
    """
    Go through what led to an exception.

    :param error: The exception.
    :returns: Its cause or context, the cause of that, and so on.
    """
    while (link := error.__cause__ or error.__context__) is not None:
        yield link
        error = link


# Pickling. The SDK's exceptions cannot be made anew from their text alone, and hold a request with all its headers.

_PICKLED_HEADERS = ("content-type", "retry-after", "x-request-id", "x-inference-id", "x-client-request-id")


def _reduce(error: APIError) -> tuple[Any, ...]:
    state = {name: value for name, value in vars(error).items() if name not in ("request", "response")}
    request, response = error.request, getattr(error, "response", None)
    sent, received = ("POST", ""), None
    if isinstance(request, (httpx2.Request, httpx.Request)):
        sent = request.method, str(request.url.copy_with(userinfo=b"", query=None))
    if isinstance(response, _RESPONSES):
        headers = {name: response.headers[name] for name in _PICKLED_HEADERS if name in response.headers}
        received = response.status_code, headers
    return _rebuild, (type(error), error.args, state, sent, received)


def _rebuild(
    kind: type[APIError],
    args: tuple[Any, ...],
    state: dict[str, Any],
    request: tuple[str, str],
    response: tuple[int, dict[str, str]] | None,
) -> APIError:
    error = kind.__new__(kind, *args)
    vars(error).update(state, request=httpx2.Request(*request))
    if response:
        vars(error)["response"] = httpx2.Response(response[0], headers=response[1], request=error.request)
    return error


def _kinds(kind: type[APIError]) -> Iterator[type[APIError]]:
    yield kind
    for subclass in kind.__subclasses__():
        yield from _kinds(subclass)


for _kind in [kind for kind in _kinds(APIError) if kind.__module__.partition(".")[0] == "openai"]:
    copyreg.pickle(_kind, _reduce)
