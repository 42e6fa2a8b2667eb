# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What holds for every component; what more there is to it is tested with the chat generator."""

import asyncio
import pickle
from typing import Any

import pytest
import yaml
from haystack import Document
from haystack.components.generators.utils import print_streaming_chunk
from haystack.utils import Secret

from haystack_integrations.components.embedders.aimlapi import AIMLAPIDocumentEmbedder, AIMLAPITextEmbedder
from haystack_integrations.components.generators.aimlapi import (
    AIMLAPIChatGenerator,
    AIMLAPIImageGenerator,
    AIMLAPIResponsesChatGenerator,
)
from tests.support.api import Api, over

PACKAGE = "haystack_integrations.components.generators.aimlapi"
EMBEDDERS = "haystack_integrations.components.embedders.aimlapi"
EMBEDDING: dict[str, Any] = {"model": "text-embedding-3-small", "dimensions": None, "prefix": "", "suffix": ""}
# What they write of themselves by default, beside what all of them write. The chat generator: see test_serialization.
WRITTEN: dict[Any, tuple[str, dict[str, Any]]] = {
    AIMLAPIResponsesChatGenerator: (
        f"{PACKAGE}.chat.responses_chat_generator.AIMLAPIResponsesChatGenerator",
        {"model": "openai/gpt-5-4", "streaming_callback": None, "tools": None, "tools_strict": False},
    ),
    AIMLAPIImageGenerator: (
        f"{PACKAGE}.image_generator.AIMLAPIImageGenerator",
        {"model": "openai/gpt-image-2", "quality": None, "size": None, "response_format": None, "images": None},
    ),
    AIMLAPITextEmbedder: (f"{EMBEDDERS}.text_embedder.AIMLAPITextEmbedder", EMBEDDING),
    AIMLAPIDocumentEmbedder: (
        f"{EMBEDDERS}.document_embedder.AIMLAPIDocumentEmbedder",
        {
            **EMBEDDING,
            "batch_size": 32,
            "progress_bar": True,
            "meta_fields_to_embed": [],
            "embedding_separator": "\n",
            "raise_on_failure": True,
            "concurrency_limit": 4,
        },
    ),
}
SETTINGS: dict[Any, dict[str, Any]] = {
    AIMLAPIChatGenerator: {"streaming_callback": print_streaming_chunk},
    AIMLAPIResponsesChatGenerator: {"streaming_callback": print_streaming_chunk, "tools_strict": True},
    AIMLAPIImageGenerator: {"quality": "hd", "size": "512x512", "response_format": "url"},
    AIMLAPITextEmbedder: {"dimensions": 8, "prefix": "a", "suffix": "b"},
    AIMLAPIDocumentEmbedder: {
        "dimensions": 8,
        "prefix": "a",
        "suffix": "b",
        "batch_size": 3,
        "progress_bar": False,
        "meta_fields_to_embed": ["title"],
        "embedding_separator": " ",
        "raise_on_failure": False,
        "concurrency_limit": 2,
    },
}


def question(kind: Any) -> Any:
    return [Document(content="Hi")] if kind is AIMLAPIDocumentEmbedder else "Hi"


of_every_kind = pytest.mark.parametrize("kind", SETTINGS)
with_telemetry = pytest.mark.parametrize("kind", [kind for kind in SETTINGS if kind is not AIMLAPIImageGenerator])


@of_every_kind
def test_event_loops_in_a_row_are_served(kind: Any) -> None:
    api = Api()
    component = kind(**over(api))
    results = [asyncio.run(component.run_async(question(kind))) for _ in range(3)]
    assert [bool(next(iter(result.values()))) for result in results] == [True] * 3
    assert len(api.requests) == 3


@of_every_kind
async def test_it_can_be_closed_and_used_again(kind: Any) -> None:
    api = Api()
    component = kind(**over(api))
    component.warm_up()
    await component.warm_up_async()
    component.close()
    await component.close_async()
    assert component.client is component.async_client is None
    component.run(question(kind))
    assert len(api.requests) == 1


@of_every_kind
def test_it_can_be_pickled(kind: Any) -> None:
    component = kind(**SETTINGS[kind])
    component.warm_up()
    assert pickle.loads(pickle.dumps(component)).to_dict() == component.to_dict()


@of_every_kind
def test_openai_environment_has_no_effect(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASE_URL", "ORG_ID", "PROJECT_ID", "API_KEY", "CUSTOM_HEADERS", "TIMEOUT", "MAX_RETRIES"):
        monkeypatch.setenv(f"OPENAI_{name}", "X-Evil: evil")
    api = Api()
    kind(**over(api), api_base_url=None).run(question(kind))
    assert [request.url.host for request in api.requests] == ["api.aimlapi.com"]
    assert "evil" not in str([request.headers.raw for request in api.requests + api.downloads]).lower()


@of_every_kind
def test_missing_key_is_named(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIMLAPI_API_KEY")
    with pytest.raises(ValueError, match="AIMLAPI_API_KEY"):
        kind().run(question(kind))


@with_telemetry
def test_telemetry_is_the_model_alone(kind: Any) -> None:
    assert kind(model="vendor/model")._get_telemetry_data() == {"model": "vendor/model"}


@of_every_kind
def test_default_model_is_documented(kind: Any) -> None:
    assert kind().model in kind.SUPPORTED_MODELS


@pytest.mark.parametrize("kind", WRITTEN)
def test_to_dict_writes_every_setting(kind: Any) -> None:
    name, more = WRITTEN[kind]
    data = kind().to_dict()
    assert data == {
        "type": name,
        "init_parameters": {
            "api_key": {"type": "env_var", "env_vars": ["AIMLAPI_API_KEY"], "strict": True},
            "api_base_url": "https://api.aimlapi.com/v1",
            "generation_kwargs": {},
            "timeout": None,
            "extra_headers": None,
            "max_retries": None,
            "http_client_kwargs": None,
            **more,
        },
    }
    assert kind.from_dict(data).to_dict() == data


@of_every_kind
def test_to_dict_and_from_dict_are_a_round_trip(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY", "hidden")
    headers = {"X-Gateway": Secret.from_env_var("GATEWAY"), "X-Title": "Mine"}
    component = kind(
        model="flux/dev",
        generation_kwargs={"seed": 1, "extra_headers": headers},
        extra_headers=headers,
        timeout=1.5,
        max_retries=1,
        http_client_kwargs={"limits": {"max_connections": 3}},
        **SETTINGS[kind],
    )
    data = component.to_dict()
    text = yaml.safe_dump(data)
    loaded = [kind.from_dict(data) for _ in range(2)]
    assert [other.to_dict() for other in loaded] == [data, data]
    assert yaml.safe_dump(data) == text
    assert "hidden" not in text
    assert loaded[0].extra_headers == loaded[0].generation_kwargs["extra_headers"] == headers
    assert component.generation_kwargs["extra_headers"] is headers
    assert [getattr(loaded[0], name) for name in SETTINGS[kind]] == list(SETTINGS[kind].values())


@of_every_kind
def test_a_token_is_never_written(kind: Any) -> None:
    with pytest.raises(ValueError, match="token"):
        kind(api_key=Secret.from_token("x")).to_dict()
