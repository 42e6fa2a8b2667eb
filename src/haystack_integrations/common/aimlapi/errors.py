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

And what is not tried again, because the next attempt would fail alike, or be billed a second time.
"""

import json
import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import httpx
import httpx2
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

# httpx2 passes some TLS errors on as they are when it is asynchronous: https://github.com/pydantic/httpx2/issues/854
TRANSPORT_ERRORS = (httpx2.RequestError, httpx.RequestError, ssl.SSLError)
READ_TIMEOUTS = (httpx2.ReadTimeout, httpx.ReadTimeout)
_TIMEOUTS = (httpx2.TimeoutException, httpx.TimeoutException)

# Messages of 429 and 5xx errors that will be the same on the next try (AIMLAPI docs, errors-and-messages): an upstream
# 4xx passed on as 500, a model taken offline, the free tier's hourly limit.
NON_RETRYABLE = re.compile(
    r"""(?:^|"message"\s*:\s*")\s*4(?!08|29)\d\d\b|model\b[^"]{0,40}\bunder maintenance|free-tier limit""",
    re.IGNORECASE,
)
_GATEWAY_TIMEOUT = 504

_MESSAGE_LENGTH = 2000
_LOOK_UP = "Look the model up in https://docs.aimlapi.com/api-references/model-database"
# For exceptions that the SDK wants a request for, when nothing was sent by a client of ours.
_NO_REQUEST = httpx2.Request("POST", "https://api.aimlapi.com/v1")

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
        f"{_LOOK_UP}, and check `api_base_url`.",
    ),
    (
        None,
        r"unable to access model|model.{0,60}(not found|not exist|not available)|(unknown|invalid) model",
        f"{_LOOK_UP}.",
    ),
    (None, r"(only|not) supported in (the )?v1/", f"{_LOOK_UP}."),
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


class Call(Protocol):
    """What is known of the call that failed: see `CallContext`."""

    response: httpx2.Response | None
    secrets: set[str]


def is_retryable(response: httpx2.Response) -> bool:
    """
    Tell whether the next attempt may fare better.

    :param response: An error response, read to its end.
    :returns: False if it would fail alike; True leaves the decision to the SDK.
    """
    # The next try of a generation that took too long would take, and might cost, the same again.
    return response.status_code != _GATEWAY_TIMEOUT and not (
        response.status_code >= httpx2.codes.TOO_MANY_REQUESTS and NON_RETRYABLE.search(response.text)
    )


def broken_off(error: Exception, request: httpx2.Request) -> APIConnectionError:
    """
    Turn a transport error into the SDK's own exception, which the SDK does not retry.

    :param error: What went wrong once the request had reached the model: another try could be billed a second time.
    :param request: The request.
    :returns: The exception to raise.
    """
    if isinstance(error, _TIMEOUTS):
        return APITimeoutError(request=request)
    return APIConnectionError(message=f"The reply broke off: {str(error) or type(error).__name__}", request=request)


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


def reply_error(body: Any, reason: str) -> APIError:
    """
    Make the exception for a reply with status 200 that cannot be used.

    :param body: The decoded body.
    :param reason: What is wrong with it.
    :returns: The exception to raise, with the provider's message if there is one.
    """
    message = provider_message(body)
    return APIError(f"{reason}: {message}" if message else reason, _NO_REQUEST, body=body)


@contextmanager
def map_api_errors(call: Call, *, model: str, hint: Callable[[str], str] | None = None) -> Iterator[None]:
    """
    Turn whatever goes wrong in a call into an exception of the SDK that says what happened.

    :param call: The call.
    :param model: The model that is called.
    :param hint: Tells what to do about a model that the API did not find.
    :raises APIError: With the model, AIMLAPI's message, the ids of the call and the remedy in its text.
    """
    try:
        try:
            yield
        except TRANSPORT_ERRORS as error:
            raise broken_off(error, _NO_REQUEST) from error
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise reply_error(getattr(error, "doc", None), "AIMLAPI answered with malformed JSON") from error
    except APIError as error:
        if error.request is _NO_REQUEST and call.response is not None:
            error.request = call.response.request
        _describe(error, call, model, hint)
        raise


def _describe(error: APIError, call: Call, model: str, hint: Callable[[str], str] | None) -> None:
    headers: Mapping[str, str] = {} if call.response is None else call.response.headers
    ids = {
        "model": model,
        "request id": error.body.get("requestId") if isinstance(error.body, Mapping) else None,
        "inference id": headers.get("x-inference-id"),
        "client request id": headers.get("x-client-request-id"),
    }
    text = _what_happened(error)
    ids_text = ", ".join(f"{name} {value}" for name, value in ids.items() if value)
    remedy = _remedy(error, text)
    if hint and remedy.startswith(_LOOK_UP) and (hinted := hint(model)):
        remedy = f"{hinted} {remedy}"
    text = mask(f"{text} ({ids_text}) {remedy}".strip(), call.secrets)

    error.message = text
    error.args = (text,)
    if isinstance(error, APIStatusError):
        error.request_id = error.request_id or ids["request id"]


def _what_happened(error: APIError) -> str:
    text, message = error.message, provider_message(error.body)
    if isinstance(error, APIStatusError):
        # Some versions of the SDK put the whole body here, others the message only.
        text = f"Error code: {error.status_code}"
        message = message or (json.dumps(error.body)[:_MESSAGE_LENGTH] if error.body else "")
    if message and message not in text:
        text = f"{text} - {message}"
    if isinstance(error, APIConnectionError) and error.__cause__ and str(error.__cause__) not in text:
        text = f"{text} {error.__cause__}"
    return text.strip()


def _remedy(error: APIError, text: str) -> str:
    status = error.status_code if isinstance(error, APIStatusError) else 0
    for code, pattern, remedy in _REMEDIES:
        if code in (None, status) and re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return remedy
    return ""


def mask(text: str, secrets: Iterable[str]) -> str:
    """
    Hide secrets in a text.

    :param text: The text.
    :param secrets: The secrets.
    :returns: The text with asterisks in their places.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        # What is quoted in JSON is escaped.
        for shown in (secret, json.dumps(secret)[1:-1]):
            text = text.replace(shown, "***")
    return text
