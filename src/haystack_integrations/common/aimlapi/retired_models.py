# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
The ids of models that AIMLAPI served once, by endpoint and by the current id to take instead.

AIMLAPI's docs call them deprecated (`docs/api-references/model-database.md`), or listed them once and do so no more. A
successor is named there in one case only: `text-models-llm/OpenAI/gpt-4o.md` sends `chatgpt-4o-latest` to an id that is
deprecated by now. The successors here are the current model of the same vendor and tier, for models that speak one that
does, and for those in the last row of an endpoint there is none. `scripts/check_models.py` holds this against a
checkout of the docs.
"""

from .model_ids import Endpoint

RETIRED: dict[Endpoint, dict[str, str]] = {
    "chat": {
        "openai/gpt-5.6-terra": (
            "openai/gpt-5-chat-latest openai/gpt-5-1-chat-latest openai/gpt-5.1-chat openai/gpt-5.3-chat "
            "openai/gpt-5-codex chatgpt-4o-latest gpt-4.5-preview gpt-4o-search-preview gpt-4 gpt-4-0613 "
            "gpt-4-0125-preview gpt-4-1106-preview gpt-4-turbo gpt-4-turbo-2024-04-09"
        ),
        "openai/gpt-5.6-luna": "gpt-4o-mini-search-preview openai/gpt-5.4-mini",
        "gpt-3.5-turbo": "gpt-3.5-turbo-16k-0613",
        "o1": "o1-preview o1-preview-2024-09-12",
        "o3-mini": "o1-mini o1-mini-2024-09-12",
        "alibaba/qwen3.5-omni-plus": "gpt-4o-audio-preview",
        "alibaba/qwen3.5-omni-flash": "gpt-4o-mini-audio-preview",
        "anthropic/claude-opus-5": (
            "anthropic/claude-opus-4 claude-opus-4 claude-opus-4-20250514 anthropic/claude-3-opus "
            "anthropic/claude-3-opus-20240229 claude-3-opus-20240229 claude-3-opus-latest"
        ),
        "anthropic/claude-sonnet-4": "claude-sonnet-4 claude-sonnet-4-20250514",
        "anthropic/claude-sonnet-5": (
            "anthropic/claude-3.7-sonnet claude-3-7-sonnet-20250219 claude-3-7-sonnet-latest "
            "anthropic/claude-3.5-sonnet anthropic/claude-3.5-sonnet-20240620 anthropic/claude-3.5-sonnet-20241022 "
            "claude-3-5-sonnet-20240620 claude-3-5-sonnet-20241022 claude-3-5-sonnet-latest "
            "anthropic/claude-3-sonnet claude-3-sonnet-20240229 claude-3-sonnet-latest"
        ),
        "anthropic/claude-haiku-4.5": (
            "anthropic/claude-3-5-haiku anthropic/claude-3-5-haiku-20241022 claude-3-5-haiku-20241022 "
            "claude-3-5-haiku-latest claude-3-haiku-20240307 claude-3-haiku-latest"
        ),
        "google/gemini-3-1-pro-preview": (
            "google/gemini-3-pro-preview google/gemini-pro-latest gemini-1.5-pro google/gemini-pro gemini-pro"
        ),
        "google/gemini-2.5-pro": (
            "google/gemini-2.5-pro-preview google/gemini-2.5-pro-preview-05-06 google/gemini-2.5-pro-exp-03-25"
        ),
        "google/gemini-3-7-flash": (
            "google/gemini-flash-latest google/gemini-2.0-flash google/gemini-2.0-flash-exp "
            "google/gemini-2.0-flash-thinking-exp-01 gemini-2.0-flash gemini-2.0-flash-exp gemini-1.5-flash"
        ),
        "google/gemini-2.5-flash": "google/gemini-2.5-flash-preview",
        "google/gemma-3-12b-it": "google/gemma-2-9b-it",
        "google/gemma-3-4b-it": "google/gemma-3-1b-it google/gemma-2b-it",
        "x-ai/grok-4-6": "x-ai/grok-4-07-09 x-ai/grok-beta",
        "alibaba/qwen3.8-max": "qwen-max qwen-max-2025-01-25 alibaba/qwen-max",
        "alibaba/qwen3-235b-a22b-thinking-2507": "Qwen/Qwen3-235B-A22B-fp8-tput",
        "alibaba/qwen3-32b": "Qwen/QwQ-32B",
        "alibaba/qwen3-coder-480b-a35b-instruct": "Qwen/Qwen2.5-Coder-32B-Instruct",
        "alibaba/qwen3-next-80b-a3b-instruct": "Qwen/Qwen2.5-72B-Instruct-Turbo Qwen/Qwen2-72B-Instruct",
        "alibaba/qwen3-vl-32b-instruct": "qwen/qwen-2.5-vl-7b-instruct",
        "alibaba/qwen3-vl-32b-thinking": "qwen/qvq-72b-preview",
        "Qwen/Qwen2.5-7B-Instruct-Turbo": (
            "Qwen/Qwen-14B-Chat Qwen/Qwen1.5-0.5B Qwen/Qwen1.5-1.8B Qwen/Qwen1.5-4B Qwen/Qwen1.5-1.8B-Chat "
            "Qwen/Qwen1.5-4B-Chat Qwen/Qwen1.5-7B-Chat Qwen/Qwen1.5-14B-Chat"
        ),
        "deepseek/deepseek-v4-pro": (
            "deepseek/deepseek-v3.2-speciale deepseek/deepseek-prover-v2 deepseek-ai/deepseek-llm-67b-chat "
            "deepseek-ai/deepseek-coder-33b-instruct"
        ),
        "moonshot/kimi-k2-6": "moonshotai/kimi-k3 moonshotai/kimi-latest",
        "moonshotai/kimi-k2-0905": "moonshot/kimi-k2-0905-preview moonshot/kimi-k2-turbo-preview",
        "moonshotai/kimi-k2": "moonshot/kimi-k2-preview",
        "nvidia/nemotron-3-nano-30b-a3b": (
            "nvidia/nemotron-nano-9b-v2 nvidia/nemotron-nano-12b-v2-vl nvidia/nemotron-3-nano-omni-30b-a3b-reasoning"
        ),
        "nvidia/nemotron-3-super-120b-a12b": (
            "nvidia/llama-3.3-nemotron-super-49b-v1.5 nvidia/llama-3.1-nemotron-70b-instruct "
            "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF"
        ),
        "baidu/ernie-5.0": (
            "baidu/ernie-x1-1-preview baidu/ernie-x1-turbo-32k baidu/ernie-5-0-thinking-latest "
            "baidu/ernie-5-0-thinking-preview baidu/ernie-4-5-turbo-128k baidu/ernie-4-5-8k-preview "
            "baidu/ernie-4.5-300b-a47b baidu/ernie-4.5-300b-a47b-paddle baidu/ernie-4.5-21b-a3b "
            "baidu/ernie-4.5-21b-a3b-thinking baidu/ernie-4.5-0.3b"
        ),
        "baidu/ernie-4.5-vl-424b-a47b": "baidu/ernie-4-5-turbo-vl-32k baidu/ernie-4.5-vl-28b-a3b",
        "meta/muse-spark-1.2": (
            "meta-llama/llama-4-maverick meta-llama/llama-4-scout meta-llama/Llama-Vision-Free "
            "meta-llama/Llama-3.2-90B-Vision-Instruct-Turbo meta-llama/Llama-3.2-11B-Vision-Instruct-Turbo"
        ),
        "meta-llama/Llama-3.3-70B-Instruct-Turbo": (
            "meta-llama/Llama-3.2-3B-Instruct-Turbo meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo "
            "meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo "
            "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo-128K meta-llama/Meta-Llama-3.1-70B-Reference "
            "meta-llama/Meta-Llama-3.1-8B-Reference meta-llama/Meta-Llama-3-70B-Instruct-Turbo "
            "meta-llama/Meta-Llama-3-70B-Instruct-Lite meta-llama/Meta-Llama-3-8B-Instruct-Lite "
            "meta-llama/Llama-3-70b-chat-hf meta-llama/Llama-3-8b-chat-hf meta-llama/Llama-3-8b-hf "
            "meta-llama/Llama-2-13b-chat-hf meta-llama/Llama-2-7b-chat-hf meta-llama/Llama-2-7b-hf"
        ),
        "mistralai/ministral-8b-2512": (
            "mistralai/mistral-tiny mistralai/Mistral-7B-Instruct-v0.3 mistralai/Mistral-7B-Instruct-v0.2 "
            "mistralai/Mistral-7B-Instruct-v0.1 mistralai/Mistral-7B-v0.1"
        ),
        "mistralai/mixtral-8x22b-instruct": (
            "mistralai/Mixtral-8x22B-Instruct-v0.1 mistralai/Mixtral-8x7B-Instruct-v0.1 mistralai/Mixtral-8x7B-v0.1"
        ),
        "mistralai/codestral-2508": "mistralai/codestral-2501 mistralai/devstral-2512",
        "cohere/command-a": "cohere/command-r-plus cohere/command-r-plus-08-2024",
        "minimax/minimax-m3": "abab6.5s-chat",
        "nousresearch/hermes-4-70b": (
            "NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO NousResearch/Nous-Hermes-2-Mixtral-8x7B-SFT "
            "NousResearch/Nous-Hermes-2-Mistral-7B-DPO NousResearch/Hermes-2-Theta-Llama-3-70B "
            "NousResearch/Nous-Hermes-Llama2-70b NousResearch/Nous-Hermes-13b"
        ),
        "gryphe/mythomax-l2-13b": "Gryphe/MythoMax-L2-13b-Lite",
        "undi95/remm-slerp-l2-13b": "Undi95/Toppy-M-7B",
        "upstage/solar-pro-3": "upstage/solar-10.7b-instruct-v1.0",
        "ai21/jamba-large-1.7": "ai21/jamba-1-5-mini",
        "aion-labs/aion-2.0": "aion-labs/aion-1.0",
        "aion-labs/aion-3.0-mini": "aion-labs/aion-1.0-mini",
        "arcee-ai/virtuoso-large": "arcee-ai/coder-large",
        "arcee-ai/trinity-large-thinking": "arcee-ai/trinity-mini",
        "allenai/olmo-3-32b-think": "allenai/OLMo-7B",
        "poolside/laguna-s-2.1": "poolside/laguna-m.1",
        "zhipu/glm-5-2": "zhipu/glm-5-2-fast-preview alibaba/glm-5.2-fast-preview",
        "": (
            "bagoodex/bagoodex-search-v1 inflection/inflection-3-pi inflection/inflection-3-productivity "
            "liquid/lfm-2-24b-a2b microsoft/WizardLM-2-8x22B neversleep/llama-3.1-lumimaid-70b "
            "openrouter/horizon-alpha openrouter/horizon-beta switchpoint/router"
        ),
    },
    "responses": {
        "openai/gpt-5-4": (
            "openai/gpt-5-chat-latest openai/gpt-5-1-chat-latest gpt-4 gpt-4-0125-preview gpt-4-1106-preview "
            "gpt-4-turbo gpt-4-turbo-2024-04-09"
        ),
    },
    "images": {
        "openai/gpt-image-2": "dall-e-3 dall-e-2",
        "bytedance/seedream-4-5": "bytedance/seedream-3.0",
        "bytedance/seedream-v4-edit": "bytedance/seededit-3.0-i2i",
        "blackforestlabs/flux-2-pro": "blackforestlabs/flux-2-max",
        "google/imagen-4.0-ultra-generate-001": "imagen-4.0-ultra-generate-preview-06-06",
        "x-ai/grok-imagine-image": "x-ai/grok-2-image",
        "stable-diffusion-v35-large": (
            "stabilityai/stable-diffusion-xl-base-1.0 stabilityai/stable-diffusion-2-1 runwayml/stable-diffusion-v1-5"
        ),
    },
    "embeddings": {
        "text-multilingual-embedding-002": (
            "textembedding-gecko-multilingual@001 textembedding-gecko@003 textembedding-gecko@001 text-embedding-004"
        ),
        "": (
            "BAAI/bge-base-en-v1.5 BAAI/bge-large-en-v1.5 togethercomputer/m2-bert-80M-2k-retrieval "
            "togethercomputer/m2-bert-80M-8k-retrieval togethercomputer/m2-bert-80M-32k-retrieval"
        ),
    },
}
