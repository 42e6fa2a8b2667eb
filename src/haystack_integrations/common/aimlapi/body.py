# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Bodies of replies: parsed, checked, and what AIMLAPI tells in them of a call's cost and ids."""

import json
from collections.abc import Callable, Container, Mapping
from typing import Any, TypeVar, cast

import httpx
import httpx2
import jiter
from openai import APIError

from .errors import reply_error
from .surrogates import parse_leniently, repair

T = TypeVar("T")


def parse_json(data: bytes) -> Any:
    """
    Parse JSON.

    :param data: The bytes.
    :returns: What they stand for.
    :raises json.JSONDecodeError: If they are no JSON.
    :raises RecursionError: If it is nested too deep.
    """
    try:
        # A third of the time that `json` takes. Field names are kept for the next body, values are not.
        return jiter.from_json(data, cache_mode="keys")
    except ValueError:
        # Takes what jiter does not, such as half of a surrogate pair, and tells what is wrong with the rest.
        return repair(parse_leniently(data))


def is_response(answer: Any) -> bool:
    """
    Tell whether an answer is an HTTP response, and none of the SDK's objects.

    :param answer: What a call returned.
    :returns: True if it is a response of httpx2 or httpx.
    """
    return isinstance(answer, (httpx2.Response, httpx.Response))


def body_parts(response: Any, *, asynchronous: bool) -> Any:
    """
    Get the parts of a body as they come, decompressed.

    :param response: The response.
    :param asynchronous: Whether an asynchronous client received it.
    :returns: An iterator, or an asynchronous one.
    """
    if response.is_closed or response.is_stream_consumed or "content-encoding" in response.headers:
        return response.aiter_bytes() if asynchronous else response.iter_bytes()
    # A body that is not compressed needs none of what these do for each part. As they do, tell that it can be read only
    # once: without that, the SDK takes a closed response for one that was never read.
    response.is_stream_consumed = True
    return aiter(response.stream) if asynchronous else iter(response.stream)


def to_plain(answer: Any) -> Any:
    """
    Get an answer as plain data.

    :param answer: A response, one of the SDK's models, or plain data.
    :returns: The data.
    """
    if is_response(answer):
        return parse_json(answer.content)
    # The SDK's models warn of every value that is not of the type they declare.
    plain = answer.to_dict(warnings=False) if hasattr(answer, "to_dict") else answer
    return plain if isinstance(plain, (Mapping, list, str)) else _attributes(answer)


def _attributes(value: Any) -> Any:
    """
    Get what a mock was given: Haystack's own generators read nothing but the attributes of the SDK's objects.
    """
    if isinstance(value, list):
        return [_attributes(item) for item in value]
    fields = getattr(value, "__dict__", None)
    if fields is None:
        return value
    # What a mock was asked for in passing is not among its fields, and neither is what was set on that.
    fields = {**fields.get("_mock_children", {}), **fields}
    return {name: _attributes(field) for name, field in fields.items() if name[0] != "_" and name != "method_calls"}


def checked_body(answer: Any, expected: str) -> dict[str, Any]:
    """
    Get the body of a plain answer.

    :param answer: What the call returned.
    :param expected: What was asked for, as the message of an error names it.
    :returns: The body as a dictionary.
    :raises APIError: If it is an error, or no JSON object.
    """
    body = to_plain(answer)
    if is_error(body):
        raise reply_error(body, f"AIMLAPI answered with an error instead of {expected}")
    return cast(dict[str, Any], body)


def checked_event(event: Any) -> dict[str, Any]:
    """
    Get the data of an event in a stream.

    :param event: The data, parsed; or one of the SDK's models.
    :returns: The data as a dictionary.
    :raises APIError: If it is an error, or no JSON object.
    """
    if not isinstance(event, dict):
        event = to_plain(event)
    elif event.get("choices") and "error" not in event:
        return event
    if is_error(event):
        raise reply_error(event, "AIMLAPI reported an error in the stream")
    return cast(dict[str, Any], event)


def decode(decoder: Callable[[], T]) -> T:
    """
    Decode what the API sent. Whatever a decoder stumbles over is an error of the API: no user code runs in here.

    :param decoder: What decodes it.
    :returns: What the decoder makes of it.
    :raises APIError: If it cannot be read.
    """
    try:
        return decoder()
    except (APIError, json.JSONDecodeError, UnicodeDecodeError):
        raise
    except Exception as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> APIError:
    """
    Make the exception for what a decoder stumbled over.

    :param error: What it raised.
    :returns: The exception to raise.
    """
    return reply_error(None, f"AIMLAPI answered with what cannot be read: {error!r}")


def is_error(body: Any) -> bool:
    """
    Tell whether a decoded body with status 200, or an event of a stream, is an error.

    :param body: The decoded body.
    :returns: True if it reports an error, or is not a JSON object.
    """
    if not isinstance(body, Mapping):
        return True
    base_resp = body.get("base_resp")
    return (
        bool(body.get("error"))
        or (not body.get("choices") and isinstance(base_resp, Mapping) and bool(base_resp.get("status_code")))
        or body.get("type") in ("error", "response.failed")
        or ("choices" not in body and "message" in body and bool(body.keys() & {"statusCode", "requestId"}))
    )


def has_value(value: Any) -> bool:
    """
    Tell whether a field says something.

    :param value: Its value.
    :returns: False for null, an empty string and an empty container. Zero and False are values.
    """
    return bool(value) or value == 0


def drop_empty(fields: Mapping[str, Any], exclude: Container[str] = ()) -> dict[str, Any]:
    """
    Leave out the fields that say nothing.

    :param fields: The fields.
    :param exclude: Names of fields to leave out as well.
    :returns: The others.
    """
    return {name: value for name, value in fields.items() if name not in exclude and has_value(value)}


def ensure_list(value: Any) -> list[Any]:
    """
    Get a list where one is expected.

    :param value: A list, or what counts as its only item.
    :returns: The list.
    """
    if isinstance(value, list):
        return value
    return [value] if has_value(value) else []


def call_meta(service_meta: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """
    Read what AIMLAPI tells about a call: its cost and ids.

    :param service_meta: The field `meta` of the body.
    :param headers: The headers of the response.
    :returns: The entries for the meta of a reply.
    """
    return drop_empty(
        {
            "cost": _cost(service_meta, headers),
            "inference_id": headers.get("x-inference-id"),
            "client_request_id": headers.get("x-client-request-id"),
        }
    )


def rest_of_service_meta(service_meta: Any) -> dict[str, Any]:
    """
    Keep what `call_meta` does not read of the field `meta` of a body.

    :param service_meta: The field `meta` of the body.
    :returns: The entry for the meta of a reply, if anything is left.
    """
    return drop_empty({"meta": drop_empty(service_meta, {"usage"}) if isinstance(service_meta, dict) else service_meta})


def _cost(service_meta: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """
    Find the cost of the call: `credits_used`, and `usd_spent` in USD.

    See AIMLAPI docs, capabilities/request-tracing-and-cost.md.
    """
    if isinstance(service_meta, dict) and isinstance(usage := service_meta.get("usage"), dict) and drop_empty(usage):
        return drop_empty(usage)
    cost = {}
    for name, header in (("credits_used", "x-aimlapi-credits-used"), ("usd_spent", "x-aimlapi-usd-spent")):
        if value := headers.get(header):
            try:
                cost[name] = json.loads(value)
            except (ValueError, RecursionError):
                cost[name] = value
    return cost
