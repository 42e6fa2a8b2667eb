# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What the calls of every endpoint share: parameters, headers, and what comes back beside the answer."""

import json
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from haystack.utils import Secret, deserialize_callable

from ._client import sendable

ATTRIBUTION_HEADERS = {
    "HTTP-Referer": "https://github.com/deepset-ai/haystack-core-integrations",
    "X-Title": "Haystack",
}
# AIMLAPI docs, capabilities/request-tracing-and-cost.md: anything else is dropped silently, and billed.
_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_OPTIONS = ("extra_headers", "extra_query", "timeout")


def merge_headers(*layers: Mapping[str, str | Secret] | None) -> dict[str, str]:
    """
    Lay headers over each other, later ones winning, and resolve secrets.

    :param layers: The headers, the least important first. Names are compared without case.
    :returns: The headers to send. A secret that has no value is left out.
    :raises ValueError: If `X-Client-Request-Id` is one that AIMLAPI would drop.
    """
    merged = {name.lower(): (name, value) for layer in layers for name, value in (layer or {}).items()}
    headers = {}
    for lower_name, (name, value) in merged.items():
        resolved = value.resolve_value() if isinstance(value, Secret) else value
        if resolved is None:
            continue
        if isinstance(value, Secret):
            resolved = sendable(str(resolved), f"The header {name}")
        if lower_name == "x-client-request-id" and not _CLIENT_REQUEST_ID.fullmatch(str(resolved)):
            got = "a secret" if isinstance(value, Secret) else f"'{resolved}'"
            msg = f"{name} must be 1 to 128 characters of A-Z a-z 0-9 . _ : and -, got {got}."
            raise ValueError(msg)
        headers[name] = str(resolved)
    return headers


def merge_parameters(init: dict[str, Any], run: dict[str, Any] | None) -> dict[str, Any]:
    """
    Lay the `generation_kwargs` of a run over those of init.

    :param init: The `generation_kwargs` of init.
    :param run: The `generation_kwargs` of the run.
    :returns: A new dictionary, merged per key; `extra_body` and `extra_headers` are merged one level deeper.
    """
    merged = {**init, **(run or {})}
    for name in ("extra_body", "extra_headers"):
        if init.get(name) and merged.get(name):
            merged[name] = {**init[name], **merged[name]}
    return merged


def split_parameters(
    parameters: dict[str, Any], headers: Mapping[str, str | Secret] | None, places: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Tell the options of a request from the fields of its body.

    :param parameters: The merged `generation_kwargs`.
    :param headers: The headers of init.
    :param places: Where fields are set that `generation_kwargs` cannot set.
    :returns: The options, with all headers, and the fields.
    :raises ValueError: If a parameter has another place, or a header is not accepted.
    """
    options = {name: parameters[name] for name in _OPTIONS if parameters.get(name) is not None}
    options["extra_headers"] = merge_headers(ATTRIBUTION_HEADERS, headers, parameters.get("extra_headers"))
    body = {name: value for name, value in parameters.items() if name not in (*_OPTIONS, "extra_body")}
    body.update(parameters.get("extra_body") or {})
    body.pop("stream", None)
    for name, place in places.items():
        if name in body:
            msg = f"`{name}` cannot be set in `generation_kwargs`. Use {place}."
            raise ValueError(msg)
    return options, body


def present(fields: Mapping[str, Any], without: Iterable[str] = ()) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in without and is_present(value)}


def is_present(value: Any) -> bool:
    # Zero and False are values; nulls, empty strings and empty containers are not.
    return bool(value) or value == 0


def as_list(value: Any) -> list[Any]:
    # What is to be a list and is none counts as its only item.
    if isinstance(value, list):
        return value
    return [value] if is_present(value) else []


def call_meta(service_meta: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """
    Read what AIMLAPI tells about a call: its cost and ids.

    :param service_meta: The field `meta` of the body.
    :param headers: The headers of the response.
    :returns: The entries for the meta of a reply.
    """
    return present(
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
    return present({"meta": present(service_meta, {"usage"}) if isinstance(service_meta, dict) else service_meta})


def _cost(service_meta: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """
    Find the cost of the call: `credits_used`, and `usd_spent` in USD.

    See AIMLAPI docs, capabilities/request-tracing-and-cost.md.
    """
    if isinstance(service_meta, dict) and isinstance(usage := service_meta.get("usage"), dict) and present(usage):
        return present(usage)
    cost = {}
    for name, header in (("credits_used", "x-aimlapi-credits-used"), ("usd_spent", "x-aimlapi-usd-spent")):
        if value := headers.get(header):
            try:
                cost[name] = json.loads(value)
            except json.JSONDecodeError:
                cost[name] = value
    return cost


def serialize_headers(headers: dict[str, Any] | None) -> dict[str, Any] | None:
    if headers is None:
        return None
    return {name: value.to_dict() if isinstance(value, Secret) else value for name, value in headers.items()}


def serialize_parameters(generation_kwargs: dict[str, Any]) -> dict[str, Any]:
    """
    Copy `generation_kwargs` for a file: secrets among their headers are written as the names of their variables.

    :param generation_kwargs: The parameters.
    :returns: The copy.
    """
    copied = dict(generation_kwargs)
    if "extra_headers" in copied:
        copied["extra_headers"] = serialize_headers(copied["extra_headers"])
    return copied


def deserialize_component_data(data: dict[str, Any]) -> dict[str, Any]:
    """
    Copy the dictionary of a component, with its callback and the secrets among its headers as what they are.

    :param data: The dictionary. It is left as it is.
    :returns: The copy.
    """
    data = deepcopy(data)
    init_parameters = data.get("init_parameters", {})
    if callback := init_parameters.get("streaming_callback"):
        init_parameters["streaming_callback"] = deserialize_callable(callback)
    for parameters in (init_parameters, init_parameters.get("generation_kwargs") or {}):
        if headers := parameters.get("extra_headers"):
            parameters["extra_headers"] = {
                name: Secret.from_dict(value) if isinstance(value, dict) else value for name, value in headers.items()
            }
    return data
