# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Parameters that cannot be meant, told when a component is made; and what a component tells of itself."""

import math
from types import MappingProxyType
from typing import Any

import httpx
import httpx2
import pytest
from haystack import Pipeline, component
from haystack.utils import Secret

from haystack_integrations.components.embedders.aimlapi import AIMLAPIDocumentEmbedder, AIMLAPITextEmbedder
from haystack_integrations.components.generators.aimlapi import (
    AIMLAPIChatGenerator,
    AIMLAPIImageGenerator,
    AIMLAPIResponsesChatGenerator,
)
from tests.support.api import Api, chat_generator, image_generator, responses_generator
from tests.support.modes import MODES, PLAIN, Mode, in_all_modes

CHAT_KINDS = [AIMLAPIChatGenerator, AIMLAPIResponsesChatGenerator]
KINDS = [*CHAT_KINDS, AIMLAPIImageGenerator, AIMLAPIDocumentEmbedder, AIMLAPITextEmbedder]
of_all_kinds = pytest.mark.parametrize("kind", KINDS)
in_all_calls = pytest.mark.parametrize(
    ("make", "mode"),
    [
        pytest.param(make, mode, id=f"{make.__name__} {mode}")
        for make, modes in ((chat_generator, MODES), (responses_generator, MODES), (image_generator, PLAIN))
        for mode in modes
    ],
)


# Types


@of_all_kinds
@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("api_key", None, "a Secret, such as"),
        ("model", None, "a string, got NoneType"),
        ("api_base_url", httpx2.URL("https://api.example"), "a string or None, got URL"),
        ("timeout", "30", "a number of seconds or None, got str"),
        ("timeout", True, "a number of seconds or None, got bool"),
        ("max_retries", "5", "a whole number or None, got str"),
        ("max_retries", 2.0, "a whole number or None, got float"),
        ("max_retries", False, "a whole number or None, got bool"),
        ("generation_kwargs", "temperature=1", "a dictionary or None, got str"),
        ("extra_headers", [("X-Title", "Mine")], "a mapping of names to strings or Secrets, or None, got list"),
        ("http_client_kwargs", "verify=False", "a dictionary or None, got str"),
    ],
)
def test_type_of_a_parameter_of_init(kind: Any, name: str, value: Any, allowed: str) -> None:
    with pytest.raises(TypeError, match=f"^`{name}` must be {allowed}"):
        kind(**{name: value})


@pytest.mark.parametrize("kind", CHAT_KINDS)
@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [("streaming_callback", True, "a function or None, got bool"), ("tools_strict", "yes", "True or False, got str")],
)
def test_type_of_a_parameter_of_a_chat(kind: Any, name: str, value: Any, allowed: str) -> None:
    with pytest.raises(TypeError, match=f"^`{name}` must be {allowed}"):
        kind(**{name: value})


@pytest.mark.parametrize("name", ["size", "quality"])
def test_type_of_a_parameter_of_images(name: str) -> None:
    with pytest.raises(TypeError, match=f"^`{name}` must be a string or None, got int"):
        AIMLAPIImageGenerator(**{name: 1024})
    with pytest.raises(TypeError, match=f"^`{name}` must be a string or None, got int"):
        AIMLAPIImageGenerator(api_key=Secret.from_token("key")).run("A cat", **{name: 1024})


@of_all_kinds
@pytest.mark.parametrize(
    ("name", "value"), [("timeout", -1), ("timeout", math.nan), ("timeout", math.inf), ("max_retries", -1)]
)
def test_number_that_none_can_be_meant_by(kind: Any, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^`{name}` must be .*, neither negative nor endless, got {value}"):
        kind(**{name: value})


@of_all_kinds
@pytest.mark.parametrize(
    "parameters",
    [
        {"timeout": 30, "max_retries": 0},
        {"timeout": 0.5},
        {"timeout": httpx.Timeout(3)},
        {"timeout": httpx2.Timeout(3)},
        {"extra_headers": MappingProxyType({"X-Title": "Mine", "X-Key": Secret.from_token("key")})},
        {"generation_kwargs": None, "extra_headers": None, "http_client_kwargs": None, "api_base_url": None},
    ],
)
def test_what_can_be_meant(kind: Any, parameters: dict[str, Any]) -> None:
    made = kind(**parameters)
    assert {name: getattr(made, name) for name in parameters if name != "generation_kwargs"} == {
        name: value for name, value in parameters.items() if name != "generation_kwargs"
    }


@in_all_calls
def test_generation_kwargs_of_a_run(make: Any, mode: Mode) -> None:
    api = Api()
    with pytest.raises(TypeError, match=r"^`generation_kwargs` must be a dictionary or None, got str.$"):
        mode.run(make(api), "Hi", generation_kwargs="temperature=1")
    assert api.requests == []


@pytest.mark.parametrize("mode", PLAIN, ids=str)
@pytest.mark.parametrize("make", [chat_generator, responses_generator])
def test_callback_of_a_run(make: Any, mode: Mode) -> None:
    """Without this it would fail at the first chunk, when the call is billed."""
    api = Api()
    with pytest.raises(TypeError, match=r"^`streaming_callback` must be a function or None, got bool.$"):
        mode.run(make(api), "Hi", streaming_callback=True)
    assert api.requests == []


# Keys


@of_all_kinds
def test_key_that_is_no_secret_is_not_quoted(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"^`api_key` must be a Secret, such as `Secret.from_token\(...\)`") as raised:
        kind(api_key="sk-very-secret")
    assert "sk-very-secret" not in str(raised.value)


@in_all_calls
@pytest.mark.parametrize("value", [None, " "])
def test_missing_key(make: Any, mode: Mode, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIMLAPI_API_KEY")
    if value is not None:
        monkeypatch.setenv("SECOND_KEY", value)
    api = Api()
    # What Haystack says of variables that are not set is what users look for.
    unset = r"^None of the following authentication environment variables are set: \('FIRST_KEY', 'SECOND_KEY'\)\. "
    blank = r"^There is no API key\. "
    for key, variables, said in (
        (Secret.from_env_var("AIMLAPI_API_KEY", strict=False), "AIMLAPI_API_KEY", blank),
        (Secret.from_env_var(["FIRST_KEY", "SECOND_KEY"]), "FIRST_KEY or SECOND_KEY", blank if value else unset),
    ):
        with pytest.raises(ValueError, match=said) as raised:
            mode.run(make(api, api_key=key), "Hi")
        assert f"the environment variable {variables} or" in str(raised.value)
        assert "https://aimlapi.com/app/keys" in str(raised.value)
    assert api.requests == []


@in_all_modes
def test_token_that_is_blank(mode: Mode) -> None:
    with pytest.raises(ValueError, match=r"^There is no API key.* AIMLAPI_API_KEY"):
        mode.run(chat_generator(Api(), api_key=Secret.from_token(" ")), "Hi")


# What a component tells of itself


@of_all_kinds
def test_repr(kind: Any) -> None:
    made = kind(
        model="vendor/model",
        api_key=Secret.from_token("sk-very-secret"),
        api_base_url="https://user:pass@word@api.example/v1?key=sk-in-url",
        extra_headers={"X-Key": Secret.from_token("sk-in-header")},
    )
    first, *sockets = repr(made).splitlines()
    assert first == f"{kind.__name__}(model='vendor/model', api_base_url='https://***@api.example/v1')"
    told_by_haystack = super(kind, made).__repr__().splitlines()  # where the class and the address are the first line
    assert sockets == told_by_haystack[1:]
    assert (sockets[0], len(sockets) > 4) == ("Inputs:", True)
    assert repr(kind(model="m", api_base_url=None)).startswith(
        f"{kind.__name__}(model='m', api_base_url='https://api.aimlapi.com/v1')\n"
    )
    Pipeline().add_component("mine", made)
    assert repr(made).splitlines()[:3] == [first, "mine", "Inputs:"]
    for secret in ("sk-", "user", "word"):
        assert secret not in repr(made)


def test_repr_of_a_subclass() -> None:
    """Haystack gives each component its own; a subclass tells no key either."""

    @component
    class Subclass(AIMLAPIChatGenerator):
        pass

    assert "sk-very-secret" not in repr(Subclass(api_key=Secret.from_token("sk-very-secret")))
