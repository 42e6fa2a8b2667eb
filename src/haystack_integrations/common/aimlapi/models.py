# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
What differs by model, as data: which ids there are, what their requests take, and what was meant by an unknown name.

Paths in comments are those of AIMLAPI's docs, from `docs/api-references`. `scripts/check_models.py` holds the rows
against a checkout of them.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Literal

from .declared_parameters import DECLARED
from .model_ids import (
    CHAT_MODELS,
    EMBEDDING_MODELS,
    IMAGE_MODELS,
    MODEL_IDS,
    RESPONSES_MODELS,
    RESPONSES_ONLY,
    Endpoint,
)
from .retired_models import RETIRED

__all__ = [
    "CHAT_MODELS",
    "DECLARED",
    "DEFAULT_CHAT_MODEL",
    "DEFAULT_EMBEDDING_MODEL",
    "DEFAULT_IMAGE_MODEL",
    "DEFAULT_RESPONSES_MODEL",
    "EMBEDDING_MODELS",
    "IMAGE_MODELS",
    "MODEL_IDS",
    "PROFILES",
    "RESPONSES_MODELS",
    "RESPONSES_ONLY",
    "RETIRED",
    "EmbeddingInput",
    "Endpoint",
    "ImageInput",
    "ModelProfile",
    "closest",
    "is_current",
    "model_hint",
    "profile",
    "similar_parameter",
    "successor",
]

DEFAULT_CHAT_MODEL = "openai/gpt-5.6-terra"
DEFAULT_RESPONSES_MODEL = "openai/gpt-5-4"
DEFAULT_IMAGE_MODEL = "openai/gpt-image-2"
DEFAULT_EMBEDDING_MODEL = "text-embedding-3-small"


@dataclass(frozen=True, slots=True)
class ImageInput:
    """
    How an image model takes images.

    :param field: The field of the body.
    :param most: How many it takes. One is sent as a string, of more the field takes a list.
    :param required: Whether there is nothing to do without one.
    :param edits: Whether they are sent as files, to `/v1/images/edits`. Without images such a model generates.
    """

    field: str
    most: int = 1
    required: bool = True
    edits: bool = False


@dataclass(frozen=True, slots=True)
class EmbeddingInput:
    """
    What an embedding model takes beside texts.

    :param parameters: The declared parameters. Others are dropped, or refused by OpenAI's models.
    :param most: How many texts it takes at a time. The vendor's limit: AIMLAPI's docs name none.
    """

    parameters: frozenset[str]
    most: int


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """
    What differs by model. The defaults are what most models, and all unknown ones, are taken to do.

    :param structured_output: How a reply is bound to a schema: by `response_format`, which takes a schema (`native`) or
        JSON only (`json_object`); by a tool that the model calls (`tool`); not at all (`none`).
    :param forced_tool: Whether `tool_choice` can make the model call a tool: `always`, `never`, or not beside
        `thinking={"type": "enabled"}` (`unless_thinking`).
    :param stop_parameter: The parameter for stop sequences.
    :param images: How an image model takes images; None if it takes none, or nothing is known of it.
    :param embedding: What an embedding model takes; None if nothing is known of it.
    """

    structured_output: Literal["native", "json_object", "tool", "none"] = "native"
    forced_tool: Literal["always", "unless_thinking", "never"] = "always"
    stop_parameter: Literal["stop", "stop_sequences"] = "stop"
    images: ImageInput | None = None
    embedding: EmbeddingInput | None = None


_DEFAULT = ModelProfile()
_JSON_OBJECT = ModelProfile(structured_output="json_object")
_TOOL = ModelProfile(structured_output="tool")
_UNFORCED_TOOL = ModelProfile(structured_output="tool", forced_tool="never")
_NO_STRUCTURED_OUTPUT = ModelProfile(structured_output="none")
_CLAUDE = ModelProfile(structured_output="tool", forced_tool="unless_thinking", stop_parameter="stop_sequences")
_UNFORCED_CLAUDE = ModelProfile(structured_output="tool", forced_tool="never", stop_parameter="stop_sequences")


def _images(field: str, most: int = 1, *, required: bool = True, edits: bool = False) -> ModelProfile:
    return ModelProfile(images=ImageInput(field=field, most=most, required=required, edits=edits))


def _embedding(parameters: str, most: int) -> ModelProfile:
    return ModelProfile(embedding=EmbeddingInput(parameters=frozenset(parameters.split()), most=most))


# By prefix of the id in lower case, of which the longest counts.
PROFILES: tuple[tuple[str, ModelProfile], ...] = (
    # text-models-llm/Anthropic: no `response_format`, and `stop_sequences`. Whether a tool can be forced is from
    # Anthropic's docs: not beside a thinking budget ("extended thinking", tool choice limitation), and not at all on
    # Fable and the generation after Opus 5 ("Forced tool use returns an error"), to which `-latest` may point.
    ("anthropic/claude-", _UNFORCED_CLAUDE),
    ("claude-", _UNFORCED_CLAUDE),
    ("anthropic/claude-haiku-4", _CLAUDE),
    ("claude-haiku-4", _CLAUDE),
    ("anthropic/claude-opus-4", _CLAUDE),
    ("claude-opus-4", _CLAUDE),
    ("claude-sonnet-4", _CLAUDE),
    ("anthropic/claude-sonnet-4-", _CLAUDE),
    ("anthropic/claude-sonnet-4.", _CLAUDE),
    ("anthropic/claude-opus-5", _CLAUDE),
    ("anthropic/claude-opus-5-", _UNFORCED_CLAUDE),
    ("anthropic/claude-opus-5.", _UNFORCED_CLAUDE),
    ("anthropic/claude-sonnet-5", _CLAUDE),
    ("anthropic/claude-sonnet-5-", _UNFORCED_CLAUDE),
    ("anthropic/claude-sonnet-5.", _UNFORCED_CLAUDE),
    # text-models-llm/Anthropic/{claude-3-haiku,claude-opus-4.8-fast,claude-sonnet-4}.json: OpenAI's fields.
    ("anthropic/claude-3-haiku", _DEFAULT),
    ("anthropic/claude-opus-4.8-fast", _DEFAULT),
    ("anthropic/claude-sonnet-4", _DEFAULT),
    # text-models-llm/{ByteDance,inclusionAI,Meta,MiniMax,xAI,xai}: tools, but no `response_format`.
    ("bytedance/dola-seed-2-0-code", _TOOL),
    ("bytedance/dola-seed-2-0-pro", _TOOL),
    ("inclusionai/ling-3.0-", _TOOL),
    ("meta-llama/llama-3.3-70b-instruct-turbo", _TOOL),
    ("minimax/m2-7-20260402", _TOOL),
    ("minimax/m2-her", _TOOL),
    ("x-ai/grok-4-1-fast", _TOOL),
    ("x-ai/grok-4-5", _TOOL),
    ("x-ai/grok-4-6", _TOOL),
    ("x-ai/grok-4-fast", _TOOL),
    # text-models-llm/Alibaba-Cloud/{qwen3.7-max,qwen3.8-max}.json: likewise. They think, and then Alibaba refuses a
    # forced tool ("does not support being set to required or object in thinking mode").
    ("alibaba/qwen3.7-max", _UNFORCED_TOOL),
    ("alibaba/qwen3.8-max", _UNFORCED_TOOL),
    # text-models-llm/DeepSeek-AI/deepseek-v4-pro-0813.json, text-models-llm/Stealth/ox-alpha.json
    ("deepseek/deepseek-v4-pro-0813", _JSON_OBJECT),
    ("stealth/ox-alpha", _JSON_OBJECT),
    # text-models-llm/{Alibaba-Cloud,DeepSeek,Google,Gryphe,tencent,Thinking-Machines}: neither.
    ("alibaba/qwen3-omni-30b-a3b-captioner", _NO_STRUCTURED_OUTPUT),
    ("deepseek-reasoner", _NO_STRUCTURED_OUTPUT),
    ("deepseek/deepseek-r1", _NO_STRUCTURED_OUTPUT),
    ("deepseek/deepseek-reasoner", _NO_STRUCTURED_OUTPUT),
    ("deepseek/deepseek-thinking-v3.2-exp", _NO_STRUCTURED_OUTPUT),
    ("google/gemma-3-12b-it", _NO_STRUCTURED_OUTPUT),
    ("google/gemma-3-4b-it", _NO_STRUCTURED_OUTPUT),
    ("google/gemma-3n-", _NO_STRUCTURED_OUTPUT),
    ("gryphe/mythomax-l2-13b", _NO_STRUCTURED_OUTPUT),
    ("qwen3-omni-30b-a3b-captioner", _NO_STRUCTURED_OUTPUT),
    ("tencent/hy-mt2-1.8b", _NO_STRUCTURED_OUTPUT),
    ("thinkingmachines/inkling-small", _NO_STRUCTURED_OUTPUT),
    # image-models/OpenAI/*-EDIT.json: files, no addresses and no base64.
    ("openai/gpt-image-1", _images("image", 16, required=False, edits=True)),
    ("openai/gpt-image-2", _images("image", 16, required=False, edits=True)),
    ("openai/gpt-image-1-", _DEFAULT),
    # image-models/Alibaba-Cloud
    ("alibaba/qwen-image-2-0", _images("image_urls", 3, required=False)),
    ("alibaba/qwen-image-3-edit", _images("image_urls", 3)),
    ("alibaba/qwen-image-edit", _images("image")),
    ("alibaba/wan-2-6-image", _images("image_urls", 3, required=False)),
    ("alibaba/wan-2-7-image", _images("image_urls", 3, required=False)),
    # image-models/{Beeble,flux,topaz-labs,Reve,Kling-AI,Luma-AI}
    ("beeble/switchx-image-to-image", _images("image_url")),
    ("blackforestlabs/flux-2-edit", _images("image_urls", 3)),
    ("blackforestlabs/flux-2-lora-edit", _images("image_urls", 3)),
    ("blackforestlabs/flux-2-pro-edit", _images("image_urls", 3)),
    ("flux/dev/image-to-image", _images("image_url")),
    ("flux/kontext-max/image-to-image", _images("image_url", 4)),
    ("flux/kontext-pro/image-to-image", _images("image_url", 4)),
    ("flux/srpo/image-to-image", _images("image_url")),
    ("klingai/image-o1", _images("image_urls", 10)),
    ("luma/uni-1", _images("image_urls", 9, required=False)),
    ("reve/edit-image", _images("image_url")),
    ("reve/remix-edit-image", _images("image_urls", 4)),
    ("topaz-labs/sharpen", _images("image_url")),
    # image-models/ByteDance
    ("bytedance/dola-seedream-5-0", _images("image_urls", 14, required=False)),
    ("bytedance/dreamina-creative-upscale", _images("image_url")),
    ("bytedance/seedream-4-5", _images("image_urls", 14, required=False)),
    ("bytedance/seedream-5-0", _images("image_urls", 14, required=False)),
    ("bytedance/seedream-v4-edit", _images("image_urls", 10)),
    ("bytedance/uso", _images("image_urls", 3)),
    # image-models/Google
    ("google/gemini-2.5-flash-image-edit", _images("image_urls", 3, required=False)),
    ("google/gemini-3-1-flash-image-preview", _images("image_urls", 5, required=False)),
    ("google/gemini-3-1-flash-lite-image", _images("image_urls", 5, required=False)),
    ("google/gemini-3-pro-image-edit", _images("image_urls", 5, required=False)),
    ("google/gemini-3-pro-image-preview-edit", _images("image_urls", 5, required=False)),
    ("google/nano-banana-2", _images("image_urls", 5, required=False)),
    ("google/nano-banana-edit", _images("image_urls", 3, required=False)),
    ("google/nano-banana-pro-edit", _images("image_urls", 5, required=False)),
    # embedding-models, and the vendors' docs for how many texts.
    ("alibaba/qwen-text-embedding-", _embedding("dimensions", 10)),
    ("text-embedding-", _embedding("dimensions encoding_format", 2048)),
    ("text-multilingual-embedding-", _embedding("auto_truncate dimensions task_type title", 250)),
    ("voyage-", _embedding("input_type", 128)),
)

# The components of the other endpoints, as the user imports them.
_COMPONENTS: dict[Endpoint, str] = {
    "chat": "AIMLAPIChatGenerator",
    "responses": "AIMLAPIResponsesChatGenerator",
    "images": "AIMLAPIImageGenerator",
    "embeddings": "AIMLAPITextEmbedder or AIMLAPIDocumentEmbedder",
}
# What a name of another endpoint, or of another API, is called where it was used.
_OTHER_NAMES: dict[Endpoint, dict[str, str]] = {
    "chat": {"max_output_tokens": "max_tokens"},
    "responses": {
        "max_tokens": "max_output_tokens",
        "max_completion_tokens": "max_output_tokens",
        "messages": "input",
        "reasoning_effort": "reasoning",
        "response_format": "text",
    },
    "images": {},
    "embeddings": {},
}
# How alike two names have to be, of 1. At 0.8, `top_n` would be taken for `top_p`.
_ALIKE = 0.85
_SUGGESTIONS = 3


@lru_cache(maxsize=256)
def profile(model: str) -> ModelProfile:
    """
    Tell what differs by model.

    :param model: The id, in any case.
    :returns: The profile of the longest prefix of the id that has one, or the default one.
    """
    matching = (row for row in PROFILES if model.lower().startswith(row[0]))
    return max(matching, key=lambda row: len(row[0]), default=("", _DEFAULT))[1]


def is_current(model: str, endpoint: Endpoint) -> bool:
    """
    Tell whether a model is known to be served.

    :param model: The id, in any case.
    :param endpoint: The endpoint.
    :returns: Whether the docs list it. The API may serve others.
    """
    return model.lower() in MODEL_IDS[endpoint].lower().split()


def successor(model: str, endpoint: Endpoint) -> str | None:
    """
    Name the model to take in place of a retired one.

    :param model: The id, in any case.
    :param endpoint: The endpoint.
    :returns: A current id, or None if the model is not known to be retired or has no successor.
    """
    for new, retired in RETIRED[endpoint].items():
        if model.lower() in retired.lower().split():
            return new or None
    return None


def closest(model: str, endpoint: Endpoint) -> list[str]:
    """
    Find the ids that an unknown one may have been meant for.

    :param model: The id. It may lack the vendor.
    :param endpoint: The endpoint.
    :returns: At most three current ids, the most alike first.
    """
    names: dict[str, str] = {}
    for current in MODEL_IDS[endpoint].split():
        for name in (current, current.rpartition("/")[2]):
            names.setdefault(_plain(name), current)
    # An id without its date or variant is less alike than others of the same length, but what was meant.
    found = sorted((name for name in names if name.startswith(_plain(model))), key=len)
    found += get_close_matches(_plain(model), names, n=2 * _SUGGESTIONS)
    return list(dict.fromkeys(names[name] for name in found))[:_SUGGESTIONS]


def model_hint(model: str, endpoint: Endpoint) -> str:
    """
    Tell what to do about a model that the API did not find, or does not serve at an endpoint.

    :param model: The id.
    :param endpoint: The endpoint that was asked.
    :returns: A sentence; empty if the model is known to answer there.
    """
    if is_current(model, endpoint):
        return ""
    for other, component in _COMPONENTS.items():
        if is_current(model, other):
            return f"The model {model} answers in {component}."
    if new := successor(model, endpoint):
        return f"AIMLAPI has retired {model}: use {new}."
    found = closest(model, endpoint)
    return f"Did you mean {' or '.join(found)}?" if found else ""


@cache
def similar_parameter(name: str, endpoint: Endpoint) -> str | None:
    """
    Find the parameter that an undeclared name, which the API would drop, was meant for.

    :param name: The name.
    :param endpoint: The endpoint.
    :returns: The declared name that it resembles, or None if it is declared itself or resembles none.
    """
    if name in DECLARED[endpoint]:
        return None
    if other := _OTHER_NAMES[endpoint].get(name):
        return other
    plain = {declared.replace("_", ""): declared for declared in sorted(DECLARED[endpoint])}
    found = get_close_matches(name.lower().replace("_", ""), plain, n=1, cutoff=_ALIKE)
    return plain[found[0]] if found else None


def _plain(model: str) -> str:
    """The form of an id to compare: vendors and AIMLAPI write versions with dots or dashes."""
    return model.lower().replace(".", "-")
