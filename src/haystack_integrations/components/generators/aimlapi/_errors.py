# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
What the user sees when a call fails: always an exception of the SDK, with what AIMLAPI said and what helps.

    openai.APIError                  a reply with status 200 that is an error, or nothing that can be read
     ├── APIConnectionError          no connection, or one that broke off
     │    └── APITimeoutError        no answer in time
     └── APIStatusError              the API refused: BadRequestError, AuthenticationError, PermissionDeniedError,
                                     NotFoundError, RateLimitError, InternalServerError, ...
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

import httpx2
from openai import APIConnectionError, APIError, APIStatusError

from ._client import BASE_URL, BREAKS, broken_off, current

_MESSAGE_LENGTH = 2000

# status (None: any, 0: no answer at all), message, remedy; the first that fits is told.
_REMEDIES: list[tuple[int | None, str, str]] = [
    (None, r"run out of credits|insufficient (credits|funds|balance)", "Top up at https://aimlapi.com/app/billing."),
    (None, r"free-tier limit", "Wait for the hour to pass, or top up at https://aimlapi.com/app/billing."),
    (None, r"under maintenance", "Use another model for now, for example through FallbackChatGenerator."),
    (None, r"moderation|safety system|content.?policy|nsfw", "Moderation refused it: rephrase the prompt."),
    (401, r"", "Check the key in AIMLAPI_API_KEY: https://aimlapi.com/app/keys."),
    (
        404,
        r"",
        "Look the model up in https://docs.aimlapi.com/api-references/model-database, and check `api_base_url`.",
    ),
    (
        None,
        r"unable to access model|model.{0,60}(not found|not exist|not available)|(unknown|invalid) model",
        "Look the model up in https://docs.aimlapi.com/api-references/model-database.",
    ),
    (None, r"'max_tokens' is not supported", "Use `max_completion_tokens` in `generation_kwargs`."),
    (
        None,
        r"max\w*_tokens.{0,60}(too (large|high|many)|at most|less than|exceed)|maximum context length",
        "Lower `max_tokens` in `generation_kwargs`, or shorten the input.",
    ),
    (
        None,
        r"max\w*_tokens.{0,60}(too (small|low)|at least|greater than|reached)|truncated.{0,60}max\w*_tokens",
        "Raise `max_tokens` in `generation_kwargs`.",
    ),
    (403, r"", "Check that the key and its plan may use this model: https://aimlapi.com/app."),
    (429, r"", "Send fewer requests at a time, or raise `max_retries`."),
    (504, r"", "Stream the reply with `streaming_callback` instead of waiting for all of it, or lower `max_tokens`."),
    (0, r"timed out", "Raise `timeout` (or AIMLAPI_TIMEOUT), or stream the reply with `streaming_callback`."),
]


class Caller(Protocol):
    """The component that makes a call."""

    model: str


def provider_message(body: Any) -> str:
    """
    Find what an error body says.

    :param body: The decoded body: AIMLAPI puts the message at the root, OpenAI under `error`, MiniMax in `base_resp`.
    :returns: The message, or an empty string.
    """
    if isinstance(body, str):
        return " ".join(body.split())[:_MESSAGE_LENGTH]
    if not isinstance(body, Mapping):
        return ""
    if isinstance(base_resp := body.get("base_resp"), Mapping) and base_resp.get("status_code"):
        return f"{base_resp['status_code']}: {base_resp.get('status_msg')}"
    for value in (body.get("error"), body.get("message"), body.get("response")):
        if isinstance(value, Mapping) and (message := provider_message(value)):
            return message
        if value and not isinstance(value, Mapping):
            return (value if isinstance(value, str) else json.dumps(value))[:_MESSAGE_LENGTH]
    return ""


def is_error(body: Any) -> bool:
    """
    Tell whether a decoded body with status 200, or a frame of a stream, is an error.

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


def reject(body: Any, reason: str) -> NoReturn:
    """
    Refuse a reply with status 200 that is no completion.

    :param body: The decoded body.
    :param reason: What is wrong with it.
    :raises APIError: Always, with the provider's message if there is one.
    """
    raise _rejection(body, reason)


@contextmanager
def failures(caller: Caller) -> Iterator[None]:
    """
    Turn whatever goes wrong in a call into an exception of the SDK that says what happened.

    :param caller: The component that makes the call.
    :raises APIError: With the model, AIMLAPI's message, the ids of the call and the remedy in its text.
    """
    try:
        try:
            yield
        except BREAKS as error:
            raise broken_off(error, _request()) from error
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _rejection(getattr(error, "doc", None), "AIMLAPI answered with malformed JSON") from error
    except APIError as error:
        _explain(error, caller)
        raise


def _request() -> httpx2.Request:
    response = current().response
    # Only what a tool puts in the place of the SDK can answer without a response.
    return httpx2.Request("POST", BASE_URL) if response is None else response.request


def _rejection(body: Any, reason: str) -> APIError:
    said = provider_message(body)
    return APIError(f"{reason}: {said}" if said else reason, _request(), body=body)


def _explain(error: APIError, caller: Caller) -> None:
    body = error.body if isinstance(error.body, Mapping) else {}
    received = current()
    headers = received.headers
    status = error.status_code if isinstance(error, APIStatusError) else 0

    text, said = error.message, provider_message(error.body)
    if status:
        # Some versions of the SDK put the whole body here, others the message only.
        text = f"Error code: {status}"
        said = said or (json.dumps(error.body)[:_MESSAGE_LENGTH] if error.body else "")
    if said and said not in text:
        text = f"{text} - {said}"
    if isinstance(error, APIConnectionError) and error.__cause__ and str(error.__cause__) not in text:
        text = f"{text} {error.__cause__}"
    remedy = next(
        (
            remedy
            for code, pattern, remedy in _REMEDIES
            if code in (None, status) and re.search(pattern, text, re.IGNORECASE | re.DOTALL)
        ),
        "",
    )
    ids = {
        "model": caller.model,
        "request id": body.get("requestId"),
        "inference id": headers.get("x-inference-id"),
        "client request id": headers.get("x-client-request-id"),
    }
    told = ", ".join(f"{name} {value}" for name, value in ids.items() if value)
    text = f"{text.strip()} ({told}) {remedy}".strip()
    for secret in sorted(received.secrets, key=len, reverse=True):
        # What is quoted in JSON is escaped.
        for shown in (secret, json.dumps(secret)[1:-1]):
            text = text.replace(shown, "***")

    error.message = text
    error.args = (text,)
    if isinstance(error, APIStatusError):
        error.request_id = error.request_id or ids["request id"]
