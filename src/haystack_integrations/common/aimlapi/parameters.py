# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""`generation_kwargs` and headers become the options and the body of a request."""

import re
from collections.abc import Mapping
from typing import Any, TypedDict

from haystack import logging
from haystack.utils import Secret

from .call import register_headers, register_secret
from .checks import check_types
from .models import Endpoint, similar_parameter

logger = logging.getLogger(__name__)

ATTRIBUTION_HEADERS = {
    "HTTP-Referer": "https://github.com/deepset-ai/haystack-core-integrations",
    "X-Title": "Haystack",
}
_warned: set[str] = set()
# AIMLAPI docs, capabilities/request-tracing-and-cost.md: anything else is dropped silently, and billed.
_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestOptions(TypedDict, total=False):
    """The parameters of a call that are no fields of its body, by the names that the SDK's methods have for them."""

    extra_headers: dict[str, str]
    extra_query: dict[str, Any]
    timeout: Any


def header_value(value: Any, name: str) -> str:
    """
    Make the value of a header, and keep a secret out of what is told of the call under way.

    :param value: The value, or a secret; an empty one is an empty string.
    :param name: What the value is.
    :returns: The value. A secret comes without white space around it: read from a file it often ends with a line break.
    :raises ValueError: If no header can carry it: httpx would quote it in its exception.
    """
    text = str(value.resolve_value() or "").strip() if isinstance(value, Secret) else str(value)
    if not (text.isascii() and text.isprintable()):
        del text, value  # Reporters of crashes show what is in a frame.
        msg = f"{name} contains characters that no HTTP header can carry."
        raise ValueError(msg)
    if isinstance(value, Secret):
        register_secret(text)
    return text


def merge_headers(*layers: Mapping[str, str | Secret] | None) -> dict[str, str]:
    """
    Lay headers over each other, later ones winning, and resolve secrets.

    :param layers: The headers, the least important first. Names are compared without case.
    :returns: The headers to send. A secret that has no value is left out.
    :raises ValueError: If no header can carry a value, or `X-Client-Request-Id` is one that AIMLAPI would drop.
    """
    merged = {name.lower(): (name, value) for layer in layers for name, value in (layer or {}).items()}
    headers: dict[str, str] = {}
    register_headers(headers)
    for lower_name, (name, value) in merged.items():
        if value is None or (isinstance(value, Secret) and value.resolve_value() is None):
            continue
        headers[name] = header_value(value, f"The header {name}")
        if lower_name == "x-client-request-id" and not _CLIENT_REQUEST_ID.fullmatch(headers[name]):
            got = "a secret" if isinstance(value, Secret) else f"'{value}'"
            msg = f"{name} must be 1 to 128 characters of A-Z a-z 0-9 . _ : and -, got {got}."
            raise ValueError(msg)
    return headers


def merge_parameters(
    init: dict[str, Any], run: dict[str, Any] | None, *, headers: Mapping[str, str | Secret] | None
) -> dict[str, Any]:
    """
    Lay the `generation_kwargs` of a run over those of init.

    :param init: The `generation_kwargs` of init.
    :param run: The `generation_kwargs` of the run.
    :param headers: The `extra_headers` of init, which those of `generation_kwargs` are laid over.
    :returns: A new dictionary, merged per key; `extra_body` and `extra_headers` are merged one level deeper.
    :raises TypeError: If those of the run are no dictionary.
    """
    check_types(generation_kwargs=run)
    merged = {**init, **(run or {})}
    for name in ("extra_body", "extra_headers"):
        if init.get(name) and merged.get(name):
            merged[name] = {**init[name], **merged[name]}
    if headers:
        merged["extra_headers"] = {**headers, **(merged.get("extra_headers") or {})}
    return merged


def warn_once(text: str) -> None:
    """
    Log a warning about parameters, unless it was logged before: components are run many times with the same ones.

    :param text: The warning.
    """
    if text not in _warned:
        _warned.add(text)
        logger.warning(text)


def split_parameters(
    parameters: dict[str, Any], *, reserved: Mapping[str, str], endpoint: Endpoint
) -> tuple[RequestOptions, dict[str, Any]]:
    """
    Tell the options of a request from the fields of its body.

    :param parameters: The merged `generation_kwargs`.
    :param reserved: Where fields are set that `generation_kwargs` cannot set.
    :param endpoint: The endpoint, whose parameters are known. What is in `extra_body` is not looked at.
    :returns: The options, with all headers, and the fields.
    :raises ValueError: If a parameter has another place, or a header is not accepted.
    """
    options: RequestOptions = {"extra_headers": merge_headers(ATTRIBUTION_HEADERS, parameters.get("extra_headers"))}
    if parameters.get("extra_query") is not None:
        options["extra_query"] = parameters["extra_query"]
    if parameters.get("timeout") is not None:
        options["timeout"] = parameters["timeout"]
    body = {
        name: value
        for name, value in parameters.items()
        if name not in RequestOptions.__annotations__ and name != "extra_body"
    }
    for name in body:
        if similar := similar_parameter(name, endpoint):
            warn_once(f"AIMLAPI drops the parameter `{name}`, which it does not know. Did you mean `{similar}`?")
    body.update(parameters.get("extra_body") or {})
    body.pop("stream", None)
    for name, place in reserved.items():
        if name in body:
            msg = f"`{name}` cannot be set in `generation_kwargs`. Use {place}."
            raise ValueError(msg)
    return options, body
