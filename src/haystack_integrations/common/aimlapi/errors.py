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

What is tried again, `max_retries` times at most:

- no connection; a request that was not sent whole;
- a kept connection that turned out to be closed before any byte of an answer, or a drop without any byte of an answer
  within two seconds of sending;
- 408, 409, 429 and 5xx that may pass.

What is not, because it could be billed a second time, or would fail alike:

- anything after the first byte of an answer, whole status line or not;
- a timeout while waiting for an answer, or a drop after more than two seconds of silence: something between here and
  the model cut it, and would again;
- 504 and 524; lasting faults; more than 10 redirects, or one to another origin.

`Retry-After` is obeyed, with up to half as much again by chance. If it asks for more than 120 seconds, the call fails.
"""

import json
import math
import re
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Protocol

import httpx
import httpx2
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

from .redaction import chain, mask, masked, redacted, reveals

# httpx2 passes some TLS errors on as they are when it is asynchronous: https://github.com/pydantic/httpx2/issues/854
TRANSPORT_ERRORS = (httpx2.RequestError, httpx.RequestError, ssl.SSLError)
_READ_TIMEOUTS = (httpx2.ReadTimeout, httpx.ReadTimeout)
_TIMEOUTS = (httpx2.TimeoutException, httpx.TimeoutException)
_OUR_MISTAKES = (
    httpx2.LocalProtocolError,
    httpx.LocalProtocolError,
    httpx2.UnsupportedProtocol,
    httpx.UnsupportedProtocol,
)

PATIENCE = 120
"""Seconds that a call waits for the next try if the API asks for it."""
MAX_BYTES = 256 << 20
"""Bytes of a body at most, decompressed: ten large images in base64 are 100 MiB."""
# Seconds without a byte after which whatever ends the wait is no accident of the network.
_SILENCE = 2

# Messages of 429 and 5xx errors that will be the same on the next try (AIMLAPI docs, errors-and-messages): an upstream
# 4xx passed on as 500, a model taken offline, the free tier's hourly limit.
NON_RETRYABLE = re.compile(
    r"""(?:^|"message"\s*:\s*")\s*4(?!08|29)\d\d\b|model\b[^"]{0,40}\bunder maintenance|free-tier limit""",
    re.IGNORECASE,
)
# The next try of a generation that took too long would take, and might cost, the same again.
_GATEWAY_TIMEOUTS = (504, 524)
_PASSING = (408, 409, 429)
_SERVER_ERROR = 500

_MESSAGE_LENGTH = 2000
_STREAM = "Stream the reply with `streaming_callback` instead of waiting for all of it, or limit its length."
_WAIT = "Raise `timeout` (or AIMLAPI_TIMEOUT)"
_TOO_LONG = r"max\w*_tokens.{0,60}(too (large|high|many)|at most|less than|exceed)|maximum context length"
_LOOK_UP = "Look the model up in https://docs.aimlapi.com/api-references/model-database"
# For exceptions that the SDK wants a request for, when nothing was sent by a client of ours.
_NO_REQUEST = httpx2.Request("POST", "https://api.aimlapi.com/v1")

# What is called, as `CallContext.streamed` tells it: a chat that waits for the whole reply, any chat, anything.
_PLAIN_CHAT, _CHAT, _ANY = (False,), (False, True), (None, False, True)
# status (None: any, 0: no answer at all), message, remedy, what is called; the first that fits is told.
_REMEDIES: list[tuple[int | None, str, str, tuple[bool | None, ...]]] = [
    (
        None,
        r"run out of credits|insufficient (credits|funds|balance)",
        "Top up at https://aimlapi.com/app/billing.",
        _ANY,
    ),
    (None, r"free-tier limit", "Wait for the hour to pass, or top up at https://aimlapi.com/app/billing.", _ANY),
    (None, r"under maintenance", "Use another model for now.", _ANY),
    (None, r"moderation|safety system|content.?policy|nsfw", "Moderation refused it: rephrase the prompt.", _ANY),
    (401, r"", "Check the key in AIMLAPI_API_KEY: https://aimlapi.com/app/keys.", _ANY),
    (404, r"", f"{_LOOK_UP}, and check `api_base_url`.", _ANY),
    (
        None,
        r"unable to access model|model.{0,60}(not found|not exist|not available)|(unknown|invalid) model",
        f"{_LOOK_UP}.",
        _ANY,
    ),
    (None, r"(only|not) supported in (the )?v1/", f"{_LOOK_UP}.", _ANY),
    (None, r"'max_tokens' is not supported", "Use `max_completion_tokens` in `generation_kwargs`.", _CHAT),
    (None, _TOO_LONG, "Lower the limit of tokens in `generation_kwargs`, or shorten the input.", _CHAT),
    (None, _TOO_LONG, "Shorten the input.", _ANY),
    (
        None,
        r"max\w*_tokens.{0,60}(too (small|low)|at least|greater than|reached)|truncated.{0,60}max\w*_tokens",
        "Raise the limit of tokens in `generation_kwargs`.",
        _CHAT,
    ),
    (403, r"", "Check that the key and its plan may use this model: https://aimlapi.com/app.", _ANY),
    (429, r"", "Send fewer requests at a time, or raise `max_retries`.", _ANY),
    (504, r"", _STREAM, _PLAIN_CHAT),
    (524, r"", _STREAM, _PLAIN_CHAT),
    (
        0,
        r"s of silence",
        "Stream the reply with `streaming_callback`, since silent connections are cut.",
        _PLAIN_CHAT,
    ),
    (0, r"^AIMLAPI redirected the call to another", "If that is where the API is now, set `api_base_url`.", _ANY),
    (0, r"timed out", f"{_WAIT}, or stream the reply with `streaming_callback`.", _PLAIN_CHAT),
    (0, r"timed out", f"{_WAIT}.", _ANY),
]


class Call(Protocol):
    """What is known of the call that failed: see `CallContext`."""

    response: httpx2.Response | None
    secrets: set[str]
    streamed: bool | None


class Progress(Protocol):
    """How far a request got: see `progress.Progress`."""

    sent: bool | None
    answered: bool | None

    @property
    def silence(self) -> float:
        """Seconds since the request was sent."""


def may_try_again(error: Exception, progress: Progress) -> bool:
    """
    Tell whether a request that got no response may be sent again.

    :param error: What went wrong.
    :param progress: How far the request got.
    :returns: False if the model may be at work already, or the request would fail alike.
    """
    if progress.answered or isinstance(error, _OUR_MISTAKES):
        return False
    if progress.sent is None:
        return not isinstance(error, _READ_TIMEOUTS)
    if not progress.sent:
        return True
    # What cannot be decrypted is something that came.
    has_come = isinstance(error, ssl.SSLError) or any(isinstance(link, ssl.SSLError) for link in chain(error))
    return not has_come and not isinstance(error, _TIMEOUTS) and progress.silence <= _SILENCE


def may_pass(status: int) -> bool:
    """
    Tell whether the fault that a status stands for may pass.

    :param status: The status.
    :returns: True if the next try may fare better.
    """
    return status in _PASSING or (status >= _SERVER_ERROR and status not in _GATEWAY_TIMEOUTS)


def is_retryable(response: httpx2.Response) -> bool:
    """
    Tell whether the next try may fare better.

    :param response: A response without success, read to its end.
    :returns: False if it would fail alike; True leaves the decision to the SDK.
    """
    return may_pass(response.status_code) and not (
        response.status_code >= httpx2.codes.TOO_MANY_REQUESTS and NON_RETRYABLE.search(response.text)
    )


def retry_after(headers: Mapping[str, str]) -> float:
    """
    Read how long the API asks to wait.

    :param headers: The headers of a response.
    :returns: Seconds; 0 if it does not ask.
    """
    for name, seconds in (("retry-after-ms", 0.001), ("retry-after", 1)):
        try:
            wait = float(headers.get(name, "")) * seconds
        except ValueError:
            continue
        return wait if math.isfinite(wait) else 0
    try:
        return parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0


def broken_off(error: Exception, request: httpx2.Request, *, silence: float = 0) -> APIConnectionError:
    """
    Turn a transport error into the SDK's own exception, which the SDK does not retry.

    :param error: What went wrong.
    :param request: The request.
    :param silence: Seconds for which nothing had come after the request.
    :returns: The exception to raise.
    """
    if isinstance(error, _TIMEOUTS):
        return APITimeoutError(request=request)
    message = (
        f"The connection was cut after {silence:.0f} s of silence" if silence > _SILENCE else "The reply broke off"
    )
    return APIConnectionError(message=message, request=request)


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


def check_size(size: int) -> None:
    """
    See that a body has an end.

    :param size: How many bytes of it came, decompressed.
    :raises APIError: If they are too many.
    """
    if size > MAX_BYTES:
        raise reply_error(None, f"AIMLAPI answered with more than {MAX_BYTES >> 20} MiB")


def reply_error(body: Any, reason: str) -> APIError:
    """
    Make the exception for a reply with status 200 that cannot be used.

    :param body: The decoded body.
    :param reason: What is wrong with it.
    :returns: The exception to raise, with the provider's message if there is one.
    """
    # The provider's message is added by `map_api_errors`, without secrets.
    return APIError(reason, _NO_REQUEST, body=body)


def map_api_errors(call: Call, *, model: str, hint: Callable[[str], str] | None = None) -> AbstractContextManager[None]:
    """
    Turn whatever goes wrong in a call into an exception of the SDK that says what happened.

    :param call: The call.
    :param model: The model that is called.
    :param hint: Tells what to do about a model that the API did not find.
    :returns: The context of the call.
    :raises APIError: With the model, AIMLAPI's message, the ids of the call and the remedy in its text, and no secret
        in any of its parts.
    """
    return _ApiErrors(call, model, hint)


class _ApiErrors(AbstractContextManager[None]):
    # No generator: the frame that contextlib adds for one would hold the original exception.

    def __init__(self, call: Call, model: str, hint: Callable[[str], str] | None) -> None:
        self._call = call
        self._model = model
        self._hint = hint

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, APIError):
            failure: APIError = error
        elif isinstance(error, TRANSPORT_ERRORS):
            failure = broken_off(error, _NO_REQUEST)
            failure.__cause__ = error
        elif isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError)):
            failure = reply_error(getattr(error, "doc", None), "AIMLAPI answered with malformed JSON")
            failure.__cause__ = error
        else:
            return
        failure = _described(failure, self._call, model=self._model, hint=self._hint)
        if failure is error:
            return
        del error, traceback  # They would be in the frame, which is in the new traceback.
        try:
            raise failure from failure.__cause__
        except APIError:
            failure.__context__ = failure.__cause__
            raise


def _described(error: APIError, call: Call, *, model: str, hint: Callable[[str], str] | None) -> APIError:
    secrets = call.secrets
    headers: Mapping[str, str] = {} if call.response is None else call.response.headers
    body = masked(error.body, secrets)
    ids = {
        "model": model,
        "request id": body.get("requestId") if isinstance(body, Mapping) else None,
        "inference id": masked(headers.get("x-inference-id"), secrets),
        "client request id": masked(headers.get("x-client-request-id"), secrets),
    }
    text = _what_happened(error, body, secrets)
    ids_text = ", ".join(f"{name} {value}" for name, value in ids.items() if value)
    remedy = _remedy(error, text, call)
    if hint and remedy.startswith(_LOOK_UP) and (hinted := hint(model)):
        remedy = f"{hinted} {remedy}"
    text = f"{text} ({ids_text}) {remedy}".strip()

    if error.request is _NO_REQUEST and call.response is not None:
        error.request = call.response.request
    if reveals(error, headers, secrets):
        error = redacted(error, secrets)
    elif isinstance(error.request, (httpx2.Request, httpx.Request)):
        for name, value in error.request.headers.items():
            error.request.headers[name] = mask(value, secrets)
    error.message = text
    error.args = (text,)
    if isinstance(error, APIStatusError):
        error.request_id = error.request_id or ids["request id"]
    return error


def _what_happened(error: APIError, body: Any, secrets: set[str]) -> str:
    message, link = provider_message(body), " - "
    if isinstance(error, APIStatusError):
        # Some versions of the SDK put the whole body here, others the message only.
        text = f"Error code: {error.status_code}"
        message = message or (json.dumps(body)[:_MESSAGE_LENGTH] if body else "")
        if (wait := retry_after(error.response.headers)) > PATIENCE:
            text = f"{text} (to be tried again in {wait:.0f} s)"
    elif isinstance(error, APIConnectionError):
        text, link = error.message, ": "
        if (cause := error.__cause__) is not None:
            message = mask(str(cause) or type(cause).__name__, secrets)
    elif error.request is _NO_REQUEST:
        text, link = error.message, ": "
    else:
        text = mask(error.message, secrets)
        message = "" if message in text else message
    return f"{text}{' ' if text.endswith('.') else link}{message}" if message else text


def _remedy(error: APIError, text: str, call: Call) -> str:
    status = error.status_code if isinstance(error, APIStatusError) else 0
    for code, pattern, remedy, called in _REMEDIES:
        fits = code in (None, status) and call.streamed in called
        if fits and re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return remedy
    return ""
