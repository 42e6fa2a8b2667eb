# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import subprocess
import sys
from typing import get_args

import pytest

from haystack_integrations.common.aimlapi.models import (
    CHAT_MODELS,
    DECLARED,
    DEFAULT_CHAT_MODEL,
    DEFAULT_EMBEDDING_MODEL,
    DEFAULT_IMAGE_MODEL,
    DEFAULT_RESPONSES_MODEL,
    EMBEDDING_MODELS,
    IMAGE_MODELS,
    MODEL_IDS,
    PROFILES,
    RESPONSES_MODELS,
    RESPONSES_ONLY,
    RETIRED,
    EmbeddingInput,
    Endpoint,
    ImageInput,
    ModelProfile,
    closest,
    is_current,
    profile,
    similar_parameter,
    successor,
)

ENDPOINTS = get_args(Endpoint)
LISTS = {
    "chat": (DEFAULT_CHAT_MODEL, CHAT_MODELS),
    "responses": (DEFAULT_RESPONSES_MODEL, RESPONSES_MODELS),
    "images": (DEFAULT_IMAGE_MODEL, IMAGE_MODELS),
    "embeddings": (DEFAULT_EMBEDDING_MODEL, EMBEDDING_MODELS),
}


def test_importing_the_data_imports_neither_haystack_nor_the_sdk():
    code = (
        "import sys, haystack_integrations.common.aimlapi.models;"
        "sys.exit(bool(sys.modules.keys() & {'haystack', 'openai', 'httpx2', 'pydantic'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("endpoint", ENDPOINTS)
class TestIds:
    def test_the_default_is_current_and_listed(self, endpoint):
        default, listed = LISTS[endpoint]
        assert is_current(default, endpoint)
        assert default in listed

    def test_all_listed_ids_are_current_and_none_is_retired(self, endpoint):
        for model in LISTS[endpoint][1]:
            assert is_current(model, endpoint), model
            assert successor(model, endpoint) is None, model

    def test_no_id_is_there_twice(self, endpoint):
        for models in (LISTS[endpoint][1], MODEL_IDS[endpoint].split()):
            assert len({model.lower() for model in models}) == len(models)

    def test_retired_ids_are_not_current_and_have_one_successor_that_is(self, endpoint):
        retired = [model.lower() for models in RETIRED[endpoint].values() for model in models.split()]
        assert len(set(retired)) == len(retired)
        assert not [model for model in retired if is_current(model, endpoint)]
        assert not [model for model in RETIRED[endpoint] if model and not is_current(model, endpoint)]


def test_responses_only_ids_are_no_chat_models():
    assert set(RESPONSES_MODELS) >= RESPONSES_ONLY
    assert not [model for model in RESPONSES_ONLY if is_current(model, "chat")]


@pytest.mark.parametrize(
    ("model", "endpoint", "expected"),
    [
        ("openai/gpt-5-chat-latest", "chat", DEFAULT_CHAT_MODEL),
        ("openai/gpt-5-chat-latest", "responses", DEFAULT_RESPONSES_MODEL),
        ("OpenAI/GPT-5-Chat-Latest", "chat", DEFAULT_CHAT_MODEL),
        ("claude-3-5-sonnet-20241022", "chat", "anthropic/claude-sonnet-5"),
        ("dall-e-3", "images", "openai/gpt-image-2"),
        ("dall-e-3", "chat", None),
        ("textembedding-gecko@003", "embeddings", "text-multilingual-embedding-002"),
        ("switchpoint/router", "chat", None),
        ("openai/gpt-5.6-terra", "chat", None),
        ("nobody/nothing", "chat", None),
        ("", "chat", None),
    ],
)
def test_a_retired_id_has_a_successor(model, endpoint, expected):
    assert successor(model, endpoint) == expected


@pytest.mark.parametrize(
    ("model", "endpoint", "expected"),
    [
        ("openai/gpt-5.6-tera", "chat", "openai/gpt-5.6-terra"),
        # The shortest of those that begin so.
        ("openai/gpt-5.6", "chat", "openai/gpt-5.6-sol"),
        ("gpt-5.6-terra", "chat", "openai/gpt-5.6-terra"),
        ("OPENAI/GPT-5.6-TERRA", "chat", "openai/gpt-5.6-terra"),
        ("anthropic/claude-opus-4.8", "chat", "anthropic/claude-opus-4-8"),
        ("gpt-4.1", "chat", "openai/gpt-4.1-2025-04-14"),
        ("openai/gpt-5.4", "responses", "openai/gpt-5-4"),
        ("gpt-image", "images", "openai/gpt-image-1"),
        ("text-embeding-3-large", "embeddings", "text-embedding-3-large"),
    ],
)
def test_the_closest_id_comes_first(model, endpoint, expected):
    found = closest(model, endpoint)
    assert found[0] == expected
    assert len(found) <= 3
    assert all(is_current(candidate, endpoint) for candidate in found)


def test_an_id_like_no_other_has_no_closest_ones():
    assert closest("zzz-9", "chat") == []


CLAUDE = ModelProfile(structured_output="tool", forced_tool="unless_thinking", stop_parameter="stop_sequences")
UNFORCED_CLAUDE = ModelProfile(structured_output="tool", forced_tool="never", stop_parameter="stop_sequences")


class TestProfiles:
    @pytest.mark.parametrize("model", ["openai/gpt-5.6-terra", "moonshot/kimi-k2-6", "x-ai/grok-4-3", "nobody/nothing"])
    def test_most_models_and_unknown_ones_do_as_openai_does(self, model):
        assert profile(model) == ModelProfile()

    @pytest.mark.parametrize(
        ("model", "expected"),
        [
            ("anthropic/claude-opus-4-8", CLAUDE),
            ("anthropic/claude-opus-5", CLAUDE),
            ("anthropic/claude-sonnet-4.6", CLAUDE),
            ("anthropic/claude-sonnet-4-6-20260218", CLAUDE),
            ("claude-haiku-4-5-20251001", CLAUDE),
            ("Anthropic/Claude-Opus-5", CLAUDE),
            ("anthropic/claude-fable-latest", UNFORCED_CLAUDE),
            ("anthropic/claude-sonnet-latest", UNFORCED_CLAUDE),
            ("anthropic/claude-opus-5-5", UNFORCED_CLAUDE),
            ("anthropic/claude-opus-5.5", UNFORCED_CLAUDE),
            ("claude-next", UNFORCED_CLAUDE),
            ("anthropic/claude-sonnet-4", ModelProfile()),
            ("anthropic/claude-opus-4.8-fast", ModelProfile()),
        ],
    )
    def test_claude_has_no_response_format_but_on_one_route(self, model, expected):
        assert profile(model) == expected

    @pytest.mark.parametrize(
        ("model", "expected"),
        [
            ("x-ai/grok-4-5", ModelProfile(structured_output="tool")),
            ("meta-llama/Llama-3.3-70B-Instruct-Turbo", ModelProfile(structured_output="tool")),
            ("alibaba/qwen3.8-max", ModelProfile(structured_output="tool", forced_tool="never")),
            ("deepseek/deepseek-v4-pro-0813", ModelProfile(structured_output="json_object")),
            ("deepseek/deepseek-v4-pro", ModelProfile()),
            ("deepseek/deepseek-r1", ModelProfile(structured_output="none")),
        ],
    )
    def test_structured_output_takes_the_way_that_a_model_has(self, model, expected):
        assert profile(model) == expected

    @pytest.mark.parametrize(
        ("model", "expected"),
        [
            ("openai/gpt-image-2", ImageInput(field="image", most=16, required=False, edits=True)),
            ("openai/gpt-image-1", ImageInput(field="image", most=16, required=False, edits=True)),
            ("openai/gpt-image-1-mini", None),
            ("bytedance/seedream-5-0-pro", ImageInput(field="image_urls", most=14, required=False)),
            ("flux/kontext-max/image-to-image", ImageInput(field="image_url", most=4)),
            ("flux/kontext-max/text-to-image", None),
            ("alibaba/qwen-image-edit", ImageInput(field="image")),
            ("alibaba/qwen-image", None),
        ],
    )
    def test_images_go_into_the_field_that_a_model_has(self, model, expected):
        assert profile(model).images == expected

    @pytest.mark.parametrize(
        ("model", "parameters", "most"),
        [
            ("text-embedding-3-small", {"dimensions", "encoding_format"}, 2048),
            ("text-multilingual-embedding-002", {"auto_truncate", "dimensions", "task_type", "title"}, 250),
            ("alibaba/qwen-text-embedding-v4", {"dimensions"}, 10),
            ("voyage-law-2", {"input_type"}, 128),
        ],
    )
    def test_embedding_models_declare_different_parameters(self, model, parameters, most):
        assert profile(model).embedding == EmbeddingInput(parameters=frozenset(parameters), most=most)

    def test_every_embedding_model_has_a_profile(self):
        assert all(profile(model).embedding for model in EMBEDDING_MODELS)

    def test_prefixes_are_in_lower_case_and_there_once(self):
        prefixes = [prefix for prefix, _ in PROFILES]
        assert prefixes == [prefix.lower() for prefix in prefixes]
        assert len(set(prefixes)) == len(prefixes)


class TestSimilarParameters:
    @pytest.mark.parametrize(
        ("name", "endpoint", "expected"),
        [
            ("max_token", "chat", "max_tokens"),
            ("maxTokens", "chat", "max_tokens"),
            ("max-tokens", "chat", "max_tokens"),
            ("max_output_tokens", "chat", "max_tokens"),
            ("reasonning_effort", "chat", "reasoning_effort"),
            ("temprature", "chat", "temperature"),
            ("topP", "chat", "top_p"),
            ("tool", "chat", "tools"),
            ("max_tokens", "responses", "max_output_tokens"),
            ("max_completion_tokens", "responses", "max_output_tokens"),
            ("reasoning_effort", "responses", "reasoning"),
            ("response_format", "responses", "text"),
            ("num_image", "images", "num_images"),
            ("dimension", "embeddings", "dimensions"),
        ],
    )
    def test_a_look_alike_is_recognized(self, name, endpoint, expected):
        assert expected in DECLARED[endpoint]
        assert similar_parameter(name, endpoint) == expected

    @pytest.mark.parametrize(
        "name", ["store", "service_tier", "verbosity", "prompt_cache_key", "top_n", "plugins", "x"]
    )
    def test_what_resembles_nothing_is_let_be(self, name):
        assert similar_parameter(name, "chat") is None

    @pytest.mark.parametrize("name", ["metadata", "service_tier", "max_tool_calls", "top_logprobs", "stream_options"])
    def test_parameters_that_openai_has_are_let_be(self, name):
        assert similar_parameter(name, "responses") is None

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_declared_names_resemble_no_other(self, endpoint):
        assert not [name for name in DECLARED[endpoint] if similar_parameter(name, endpoint)]
