# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Components as dictionaries and back: what all of them have in common."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from haystack import default_to_dict
from haystack.dataclasses import ImageContent
from haystack.tools import deserialize_tools_or_toolset_inplace, serialize_tools_or_toolset
from haystack.utils import Secret, deserialize_callable

_SHARED = ("api_key", "model", "api_base_url", "timeout", "max_retries", "http_client_kwargs")


def component_to_dict(component: Any, **init_parameters: Any) -> dict[str, Any]:
    """
    Serialize a component.

    :param component: The component.
    :param init_parameters: The init parameters that only components of its kind have, serialized.
    :returns: The component as a dictionary. Secrets are written as the names of their variables.
    """
    generation_kwargs = init_parameters.pop("generation_kwargs", component.generation_kwargs)
    if "extra_headers" in generation_kwargs:
        generation_kwargs = {
            **generation_kwargs,
            "extra_headers": _serialize_headers(generation_kwargs["extra_headers"]),
        }
    return default_to_dict(
        component,
        **{name: getattr(component, name) for name in _SHARED},
        generation_kwargs=dict(generation_kwargs),
        extra_headers=_serialize_headers(component.extra_headers),
        **init_parameters,
    )


def _serialize_headers(headers: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if headers is None:
        return None
    return {name: value.to_dict() if isinstance(value, Secret) else value for name, value in headers.items()}


def deserialize_component_data(data: dict[str, Any]) -> dict[str, Any]:
    """
    Copy the dictionary of a component, with its callback, tools, images and secret headers as what they are.

    :param data: The dictionary. It is left as it is.
    :returns: The copy.
    """
    data = deepcopy(data)
    init_parameters = data.get("init_parameters", {})
    if callback := init_parameters.get("streaming_callback"):
        init_parameters["streaming_callback"] = deserialize_callable(callback)
    if "tools" in init_parameters:
        init_parameters["tools"] = _deserialize_tools(init_parameters["tools"])
    if images := init_parameters.get("images"):
        init_parameters["images"] = [ImageContent.from_dict(image) for image in images]
    for parameters in (init_parameters, init_parameters.get("generation_kwargs") or {}):
        if headers := parameters.get("extra_headers"):
            parameters["extra_headers"] = {
                name: Secret.from_dict(value) if isinstance(value, dict) else value for name, value in headers.items()
            }
    return data


def serialize_tools(tools: Any) -> Any:
    """
    Serialize the tools of a chat component.

    :param tools: The tools, among them definitions as the API takes them.
    :returns: The serialized tools, with the definitions as they are.
    """
    if not isinstance(tools, list):
        return serialize_tools_or_toolset(tools)
    return [tool if isinstance(tool, dict) else tool.to_dict() for tool in tools]


def _deserialize_tools(tools: Any) -> Any:
    if isinstance(tools, list):
        # A definition has a type as well, but no data.
        return [_deserialize_by_type([tool])[0] if "data" in tool else tool for tool in tools]
    return _deserialize_by_type(tools)


def _deserialize_by_type(tools: Any) -> Any:
    data = {"tools": tools}
    deserialize_tools_or_toolset_inplace(data)
    return data["tools"]
