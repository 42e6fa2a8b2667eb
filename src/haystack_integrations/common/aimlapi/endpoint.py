# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Where a request goes, and how the SDK is asked to send it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any

import httpx2
from openai import NotGiven, Omit

from .models import Endpoint as EndpointName
from .models import model_hint

# The parameters of the SDK's methods that are no fields of the body, and what its `post` calls them.
_OPTIONS = {"extra_headers": "headers", "extra_query": "params", "timeout": "timeout"}


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """
    An endpoint of the API.

    :param name: Its name in the data on models.
    :param path: The path below the base URL.
    :param resource: Gets the resource of a client of the SDK that stands for the endpoint.
    :param declared: The fields of the body that the SDK's method has as parameters.
    :param method: The name of that method.
    """

    name: EndpointName
    path: str
    resource: Callable[[Any], Any]
    declared: Mapping[str, Any]
    method: str = "create"

    def by_name(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """
        Take the fields that the SDK's method has as parameters out of `extra_body`: subclasses look for them by name.

        :param arguments: The arguments of the method.
        :returns: The arguments, which ask for the same.
        """
        body = arguments["extra_body"]
        declared = {name: value for name, value in body.items() if name in self.declared}
        rest = {name: value for name, value in body.items() if name not in declared}
        return {**arguments, **declared, "extra_body": rest}

    def model_hint(self, model: str) -> str:
        """
        Tell what to do about a model that the API did not find.

        :param model: The id.
        :returns: A sentence, or an empty string.
        """
        return model_hint(model, self.name)


def request(client: Any, endpoint: Endpoint, arguments: Mapping[str, Any], *, typed: bool = False) -> Any:
    """
    Send a request.

    The SDK walks over all typed parameters (0.15 ms a message) to rename and format fields that no endpoint of ours
    has, and makes typed objects of what comes back. A call that nobody watches goes past both. Tracers, which wrap the
    methods of the SDK, look for messages, tools, parameters and replies in their own places: whoever wraps one, or puts
    something else in its place, gets the typed call with everything by name.

    :param client: The client.
    :param endpoint: The endpoint.
    :param arguments: The arguments of the SDK's method. `openai_endpoint`, if it is among them, is its name.
    :param typed: Whether whoever takes the answer wants the SDK's objects.
    :returns: What the client returns: a response, or what the SDK or a tracer made of it; awaitable, if the client is
        asynchronous.
    """
    named = {name: value for name, value in arguments.items() if name not in ("extra_body", "openai_endpoint")}
    body = arguments.get("extra_body") or {}
    create = getattr(endpoint.resource(client), arguments.get("openai_endpoint", endpoint.method))
    if typed or not _is_plain(client, create):
        named = endpoint.by_name({**named, "extra_body": body})
        return create(**{**named, "extra_body": _ExtraBody(named)})
    options = {option: named.pop(name) for name, option in _OPTIONS.items() if name in named}
    sent = {name: value for name, value in {**named, **body}.items() if not isinstance(value, (NotGiven, Omit))}
    return client.post(
        endpoint.path, cast_to=httpx2.Response, body=sent, options=options, stream=bool(sent.get("stream"))
    )


class _ExtraBody(dict[str, Any]):
    """
    The fields that go by no name.

    Tests of users of 3.0.0, which had all fields here, look up others: they find them, though these go out by name.
    """

    def __init__(self, named: dict[str, Any]) -> None:
        super().__init__(named["extra_body"])
        self._named = named

    def __missing__(self, name: str) -> Any:
        return self._named[name]


def _is_plain(client: Any, create: Any) -> bool:
    # What somebody put in the place of a client may have nothing but `create`.
    methods = (getattr(client, name, None) for name in ("post", "request"))
    return _belongs_to_the_sdk(create) and all(map(_belongs_to_the_sdk, methods))


def _belongs_to_the_sdk(method: Any) -> bool:
    # Wrappers copy the name and the module of what they wrap, and pass for it, but they do not run in its namespace.
    return type(method) is MethodType and getattr(method, "__globals__", {}).get("__name__", "").startswith("openai.")
