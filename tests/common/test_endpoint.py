# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How a request reaches a client: past the SDK's types, or through whatever stands in the place of its method."""

import functools
from types import MethodType, SimpleNamespace
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from haystack_integrations.common.aimlapi.endpoint import Endpoint, request
from tests.support.api import Api

ENDPOINT = Endpoint(
    name="embeddings",
    path="/embeddings",
    resource=lambda client: client.embeddings,
    declared={"model": str, "user": str},
)
ARGUMENTS: dict[str, Any] = {
    "model": "m-1",
    "input": "a",
    "extra_headers": {"X-Mine": "1"},
    "extra_body": {"user": "me", "task_type": "x"},
}
ALL_BY_NAME = {**ARGUMENTS, "user": "me", "extra_body": {"task_type": "x"}}


def sdk_client(api: Api) -> OpenAI:
    return OpenAI(api_key="key", http_client=httpx2.Client(transport=api), max_retries=0)


def test_a_client_of_the_sdk_is_asked_past_its_types() -> None:
    api = Api()
    answer = request(sdk_client(api), ENDPOINT, ARGUMENTS)
    assert isinstance(answer, httpx2.Response)
    assert api.bodies == [{"model": "m-1", "input": "a", "user": "me", "task_type": "x"}]
    assert api.requests[0].headers["x-mine"] == "1"


def test_a_client_may_have_nothing_but_the_method() -> None:
    """Anything else that is asked of it would be an AttributeError."""
    client = SimpleNamespace(embeddings=SimpleNamespace(create=lambda **arguments: arguments))
    assert request(client, ENDPOINT, ARGUMENTS) == ALL_BY_NAME


def test_what_3_0_0_had_in_extra_body_can_be_looked_up_there() -> None:
    client = SimpleNamespace(embeddings=SimpleNamespace(create=lambda **arguments: arguments))
    seen = request(client, ENDPOINT, ARGUMENTS)
    assert seen["extra_body"]["user"] == "me"
    assert seen["extra_body"] == {"task_type": "x"}
    with pytest.raises(KeyError):
        seen["extra_body"]["temperature"]


def test_a_wrapper_may_change_what_is_sent() -> None:
    api = Api()
    client = sdk_client(api)
    create = client.embeddings.create
    client.embeddings.create = lambda **arguments: create(**{**arguments, "user": "you"})  # type: ignore[method-assign]
    request(client, ENDPOINT, ARGUMENTS)
    assert api.bodies[0]["user"] == "you"


def test_a_resource_of_the_sdk_may_be_all_there_is() -> None:
    api = Api()
    answer = request(SimpleNamespace(embeddings=sdk_client(api).embeddings), ENDPOINT, ARGUMENTS)
    assert answer.model == "m-1"
    assert len(api.requests) == 1


@pytest.mark.parametrize("name", ["post", "request"])
def test_a_wrapped_client_is_asked_by_its_method(name: str) -> None:
    api = Api()
    client = sdk_client(api)
    setattr(client, name, functools.partial(getattr(client, name)))
    assert request(client, ENDPOINT, ARGUMENTS).model == "m-1"
    assert len(api.requests) == 1


def test_a_method_may_be_any_callable() -> None:
    client = sdk_client(Api())
    client.post = MethodType(
        functools.partial(lambda post, _, *args, **kwargs: post(*args, **kwargs), client.post), client
    )
    assert request(client, ENDPOINT, ARGUMENTS).model == "m-1"


def test_another_method_can_be_named() -> None:
    client = SimpleNamespace(embeddings=SimpleNamespace(parse=lambda **arguments: arguments))
    assert request(client, ENDPOINT, {**ARGUMENTS, "openai_endpoint": "parse"}) == ALL_BY_NAME
