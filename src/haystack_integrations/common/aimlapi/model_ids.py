# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
The current ids of AIMLAPI's models, by endpoint.

From AIMLAPI's docs: `docs/api-references/model-database.md`, and the further names in the OpenAPI files on the pages
that its table of contents shows. `scripts/check_models.py` holds this against a checkout of them.
"""

from typing import Literal

Endpoint = Literal["chat", "responses", "images", "embeddings"]

# A selection, newest first per vendor.
CHAT_MODELS: list[str] = [
    "openai/gpt-5.6-terra",
    "openai/gpt-5.6-sol",
    "openai/gpt-5.6-luna",
    "openai/gpt-5-5",
    "openai/gpt-5-2",
    "openai/gpt-5-1",
    "openai/gpt-5-mini-2025-08-07",
    "openai/gpt-4.1-2025-04-14",
    "openai/gpt-4o",
    "openai/gpt-oss-120b",
    "anthropic/claude-opus-5",
    "anthropic/claude-sonnet-5",
    "anthropic/claude-opus-4-8",
    "anthropic/claude-sonnet-4.6",
    "anthropic/claude-haiku-4.5",
    "google/gemini-3-7-flash",
    "google/gemini-3-6-flash",
    "google/gemini-3-5-flash",
    "google/gemini-3-1-pro-preview",
    "google/gemini-2.5-pro",
    "google/gemini-2.5-flash",
    "google/gemma-4-31b-it",
    "deepseek/deepseek-v4-pro-0813",
    "deepseek/deepseek-v4-pro",
    "deepseek/deepseek-v4-flash",
    "x-ai/grok-4-6",
    "x-ai/grok-4-5",
    "x-ai/grok-4-3",
    "alibaba/qwen3.8-max",
    "alibaba/qwen3.8-27b",
    "alibaba/qwen3.7-plus",
    "alibaba/qwen3.6-flash",
    "moonshot/kimi-k2-7-code",
    "moonshot/kimi-k2-6",
    "minimax/minimax-m3",
    "minimax/m2-7-20260402",
    "mistralai/mistral-small-2603",
    "mistralai/mistral-medium-3.1",
    "mistralai/codestral-2508",
    "mistralai/ministral-14b-2512",
    "meta/muse-spark-1.2",
    "meta/muse-glimmer-30b",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "zhipu/glm-5.3",
    "zhipu/glm-5-2",
    "cohere/command-a",
    "nvidia/nemotron-3.5-lightning",
    "nvidia/nemotron-3-ultra-550b-a55b",
    "perplexity/sonar-pro",
    "perplexity/sonar",
    "bytedance-seed/seed-2-1-turbo",
    "bytedance/dola-seed-2-0-pro",
    "baidu/ernie-5.0",
    "amazon/nova-2-lite-v1",
    "ai21/jamba-large-1.7",
    "nousresearch/hermes-4-405b",
    "xiaomi/mimo-v2.5-pro",
    "stepfun/step-3.7-flash",
]
RESPONSES_MODELS: list[str] = [
    "openai/gpt-5-5-pro",
    "openai/gpt-5-5",
    "openai/gpt-5-4-pro",
    "openai/gpt-5-4",
    "openai/gpt-5-3-codex",
    "openai/gpt-5-2-pro",
    "openai/gpt-5-2-codex",
    "openai/gpt-5-1",
    "openai/gpt-5-1-codex",
    "openai/gpt-5-1-codex-mini",
    "openai/gpt-5-pro",
    "openai/gpt-5-2025-08-07",
    "openai/gpt-5-mini-2025-08-07",
    "openai/gpt-5-nano-2025-08-07",
    "openai/o3-pro",
    "openai/o3-2025-04-16",
    "openai/o4-mini-2025-04-16",
    "o3-mini",
    "o1",
    "openai/gpt-4.1-2025-04-14",
    "openai/gpt-4.1-mini-2025-04-14",
    "openai/gpt-4.1-nano-2025-04-14",
    "openai/gpt-4o",
    "gpt-4o",
    "gpt-4o-2024-08-06",
    "gpt-4o-2024-05-13",
    "gpt-4o-mini",
    "gpt-4o-mini-2024-07-18",
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-1106",
    "x-ai/grok-4-3",
]
# A selection.
IMAGE_MODELS: list[str] = [
    "openai/gpt-image-2",
    "openai/gpt-image-1-5",
    "openai/gpt-image-1-mini",
    "blackforestlabs/flux-2-pro",
    "blackforestlabs/flux-2-pro-edit",
    "blackforestlabs/flux-2",
    "flux/kontext-max/text-to-image",
    "flux/kontext-max/image-to-image",
    "flux/schnell",
    "google/gemini-3-1-flash-image-preview",
    "google/gemini-3-pro-image-preview",
    "google/imagen-4.0-ultra-generate-001",
    "google/imagen-4.0-generate-001",
    "bytedance/seedream-5-0-pro",
    "bytedance/seedream-4-5",
    "alibaba/qwen-image-3",
    "alibaba/qwen-image-3-edit",
    "alibaba/wan-2-7-image-pro",
    "alibaba/z-image-turbo",
    "x-ai/grok-imagine-image-pro",
    "x-ai/grok-imagine-image",
    "recraft-v3",
    "reve/create-image",
    "luma/uni-1-max",
    "hunyuan/hunyuan-image-v3-text-to-image",
    "microsoft/mai-image-2.5",
    "klingai/image-o1",
    "stable-diffusion-v35-large",
    "topaz-labs/sharpen",
]
EMBEDDING_MODELS: list[str] = [
    "text-embedding-3-small",
    "text-embedding-3-large",
    "text-embedding-ada-002",
    "text-multilingual-embedding-002",
    "alibaba/qwen-text-embedding-v4",
    "alibaba/qwen-text-embedding-v3",
    "voyage-2",
    "voyage-large-2",
    "voyage-large-2-instruct",
    "voyage-code-2",
    "voyage-finance-2",
    "voyage-law-2",
    "voyage-multilingual-2",
]

# All current ids, to find the one that was meant. Strings, since splitting them can wait until there is an error.
MODEL_IDS: dict[Endpoint, str] = {
    "chat": """
    ai21/jamba-large-1.7 aion-labs/aion-2.0 aion-labs/aion-3.0-mini aion-labs/aion-rp-llama-3.1-8b alibaba/glm-5.2
    alibaba/qwen-plus alibaba/qwen-turbo alibaba/qwen3-235b-a22b-thinking-2507 alibaba/qwen3-32b
    alibaba/qwen3-coder-480b-a35b-instruct alibaba/qwen3-max-instruct alibaba/qwen3-max-preview
    alibaba/qwen3-next-80b-a3b-instruct alibaba/qwen3-next-80b-a3b-thinking alibaba/qwen3-omni-30b-a3b-captioner
    alibaba/qwen3-vl-32b-instruct alibaba/qwen3-vl-32b-thinking alibaba/qwen3.5-flash alibaba/qwen3.5-omni-flash
    alibaba/qwen3.5-omni-plus alibaba/qwen3.5-plus-20260218 alibaba/qwen3.6-27b alibaba/qwen3.6-35b-a3b
    alibaba/qwen3.6-flash alibaba/qwen3.6-max-preview alibaba/qwen3.6-plus alibaba/qwen3.7-max alibaba/qwen3.7-plus
    alibaba/qwen3.8-2.4t-a95b alibaba/qwen3.8-27b alibaba/qwen3.8-max allenai/olmo-3-32b-think amazon/nova-2-lite-v1
    amazon/nova-lite-v1 amazon/nova-micro-v1 amazon/nova-premier-v1 amazon/nova-pro-v1 anthracite-org/magnum-v4-72b
    anthropic/claude-3-haiku anthropic/claude-fable-5 anthropic/claude-fable-latest anthropic/claude-haiku-4.5
    anthropic/claude-haiku-latest anthropic/claude-opus-4-5 anthropic/claude-opus-4-6 anthropic/claude-opus-4-7
    anthropic/claude-opus-4-8 anthropic/claude-opus-4.1 anthropic/claude-opus-4.8-fast anthropic/claude-opus-5
    anthropic/claude-opus-latest anthropic/claude-sonnet-4 anthropic/claude-sonnet-4-6-20260218
    anthropic/claude-sonnet-4.5 anthropic/claude-sonnet-4.6 anthropic/claude-sonnet-5 anthropic/claude-sonnet-latest
    arcee-ai/trinity-large-thinking arcee-ai/virtuoso-large baidu/ernie-4.5-vl-424b-a47b baidu/ernie-5.0
    bytedance-seed/seed-1.6 bytedance-seed/seed-1.6-flash bytedance-seed/seed-2-1-turbo bytedance-seed/seed-2.0-code
    bytedance-seed/seed-2.0-lite bytedance-seed/seed-2.0-mini bytedance/dola-seed-2-0-code
    bytedance/dola-seed-2-0-lite bytedance/dola-seed-2-0-mini bytedance/dola-seed-2-0-pro bytedance/seed-1-8
    claude-fable-5 claude-haiku-4-5 claude-haiku-4-5-20251001 claude-opus-4-1 claude-opus-4-1-20250805
    claude-opus-4-5 claude-opus-4-5-20251101 claude-opus-4-6 claude-opus-4-7 claude-opus-4-8 claude-sonnet-4-5
    claude-sonnet-4-5-20250929 cognitivecomputations/dolphin-mistral-24b-venice-edition cohere/command-a
    cohere/command-r-08-2024 deepseek-chat deepseek-reasoner deepseek/deepseek-chat deepseek/deepseek-chat-v3-0324
    deepseek/deepseek-chat-v3.1 deepseek/deepseek-non-reasoner-v3.1-terminus deepseek/deepseek-non-thinking-v3.2-exp
    deepseek/deepseek-r1 deepseek/deepseek-reasoner-v3.1 deepseek/deepseek-reasoner-v3.1-terminus
    deepseek/deepseek-thinking-v3.2-exp deepseek/deepseek-v4-flash deepseek/deepseek-v4-flash-latest
    deepseek/deepseek-v4-pro deepseek/deepseek-v4-pro-0813 google/gemini-2.5-flash
    google/gemini-2.5-flash-lite-preview google/gemini-2.5-pro google/gemini-3-1-flash-lite
    google/gemini-3-1-flash-lite-preview google/gemini-3-1-pro-preview google/gemini-3-5-flash
    google/gemini-3-5-flash-lite google/gemini-3-6-flash google/gemini-3-7-flash google/gemini-3-flash-preview
    google/gemini-3-pro-image google/gemini-3.1-flash-image google/gemini-3.1-pro-preview-customtools
    google/gemini-3.5-flash-lite google/gemma-2-27b-it google/gemma-3-12b-it google/gemma-3-27b-it
    google/gemma-3-4b-it google/gemma-3n-e4b-it google/gemma-4-26b-a4b-it-maas google/gemma-4-31b-it gpt-3.5-turbo
    gpt-3.5-turbo-0125 gpt-3.5-turbo-1106 gpt-4o gpt-4o-2024-05-13 gpt-4o-2024-08-06 gpt-4o-mini
    gpt-4o-mini-2024-07-18 gryphe/mythomax-l2-13b ibm-granite/granite-4.0-h-micro ibm-granite/granite-4.1-8b
    inception/mercury-2 inclusionai/ling-2.6-1t inclusionai/ling-2.6-flash inclusionai/ling-3.0-flash
    inclusionai/ling-3.0-tiny inclusionai/ring-2.6-1t kwaipilot/kat-coder-air-v2.5 kwaipilot/kat-coder-pro-v2
    kwaipilot/kat-coder-pro-v2.5 mancer/weaver meituan/longcat-2.0 meta-llama/Llama-3.3-70B-Instruct-Turbo
    meta-llama/llama-3.3-70b-versatile meta/muse-glimmer-30b meta/muse-spark-1.1 meta/muse-spark-1.2 MiniMax-Text-01
    minimax/m1 minimax/m2 minimax/m2-1 minimax/m2-1-highspeed minimax/m2-5-20260218 minimax/m2-5-highspeed-20260218
    minimax/m2-7-20260402 minimax/m2-7-highspeed minimax/m2-her minimax/minimax-m3 mistral/labs-leanstral-1-5
    mistralai/codestral-2508 mistralai/ministral-14b-2512 mistralai/ministral-3b-2512 mistralai/ministral-8b
    mistralai/ministral-8b-2512 mistralai/mistral-medium-3.1 mistralai/mistral-nemo mistralai/mistral-saba
    mistralai/mistral-small-24b-instruct-2501 mistralai/mistral-small-2603 mistralai/mistral-small-3.1-24b-instruct
    mistralai/mistral-small-3.2-24b-instruct mistralai/mixtral-8x22b-instruct mistralai/voxtral-small-24b-2507
    moonshot/kimi-k2-5 moonshot/kimi-k2-6 moonshot/kimi-k2-7-code moonshot/kimi-k2-7-code-highspeed
    moonshotai/kimi-k2 moonshotai/kimi-k2-0905 moonshotai/kimi-k2-thinking morph/morph-v3-fast morph/morph-v3-large
    nex-agi/nex-n2-mini nex-agi/nex-n2-pro nousresearch/hermes-3-llama-3.1-405b nousresearch/hermes-3-llama-3.1-70b
    nousresearch/hermes-4-405b nousresearch/hermes-4-70b nvidia/nemotron-3-nano-30b-a3b
    nvidia/nemotron-3-super-120b-a12b nvidia/nemotron-3-ultra-550b-a55b nvidia/nemotron-3.5-lightning o1 o3-mini
    openai/gpt-4-turbo-preview openai/gpt-4.1-2025-04-14 openai/gpt-4.1-mini-2025-04-14
    openai/gpt-4.1-nano-2025-04-14 openai/gpt-4o openai/gpt-5-1 openai/gpt-5-2 openai/gpt-5-2-chat-latest
    openai/gpt-5-2025-08-07 openai/gpt-5-5 openai/gpt-5-image openai/gpt-5-mini-2025-08-07
    openai/gpt-5-nano-2025-08-07 openai/gpt-5.2-chat openai/gpt-5.2-pro openai/gpt-5.4-nano openai/gpt-5.4-pro
    openai/gpt-5.6-luna openai/gpt-5.6-luna-pro openai/gpt-5.6-sol openai/gpt-5.6-sol-pro openai/gpt-5.6-terra
    openai/gpt-5.6-terra-pro openai/gpt-chat-latest openai/gpt-latest openai/gpt-mini-latest openai/gpt-oss-120b
    openai/gpt-oss-20b openai/o3-2025-04-16 openai/o3-pro openai/o4-mini-2025-04-16 perplexity/sonar
    perplexity/sonar-pro poolside/laguna-s-2.1 qwen-plus qwen-turbo Qwen/Qwen2.5-7B-Instruct-Turbo
    qwen3-omni-30b-a3b-captioner sakana/fugu-ultra sakana/sakana-namazu stealth/ox-alpha stepfun/step-3.7-flash
    tencent/hy-mt2-1.8b tencent/hy-mt2-30b-a3b tencent/hy3 thedrummer/cydonia-24b-v4.1 thedrummer/rocinante-12b
    thedrummer/skyfall-36b-v2 thedrummer/unslopnemo-12b thinkingmachines/inkling thinkingmachines/inkling-small
    undi95/remm-slerp-l2-13b upstage/solar-pro-3 upstage/solar-pro4 writer/palmyra-x5 x-ai/grok-3-beta
    x-ai/grok-3-mini-beta x-ai/grok-4-1-fast-non-reasoning x-ai/grok-4-1-fast-reasoning
    x-ai/grok-4-20-0309-non-reasoning x-ai/grok-4-20-0309-reasoning x-ai/grok-4-3 x-ai/grok-4-5 x-ai/grok-4-6
    x-ai/grok-4-fast-non-reasoning x-ai/grok-4-fast-reasoning x-ai/grok-build-0-1 x-ai/grok-code-fast-1
    xiaomi/mimo-v2.5 xiaomi/mimo-v2.5-pro z-ai/glm-4.5v z-ai/glm-4.6v z-ai/glm-4.7-flash z-ai/glm-5-turbo
    z-ai/glm-5v-turbo zhipu/glm-4.5 zhipu/glm-4.5-air zhipu/glm-4.6 zhipu/glm-4.7 zhipu/glm-5 zhipu/glm-5-1
    zhipu/glm-5-2 zhipu/glm-5-3 zhipu/glm-5.3
    """,
    "responses": " ".join(RESPONSES_MODELS),
    "images": """
    alibaba/qwen-image alibaba/qwen-image-2-0 alibaba/qwen-image-2-0-pro alibaba/qwen-image-3
    alibaba/qwen-image-3-edit alibaba/qwen-image-edit alibaba/wan-2-6-image alibaba/wan-2-7-image
    alibaba/wan-2-7-image-pro alibaba/wan2.2-t2i-flash alibaba/wan2.2-t2i-plus alibaba/wan2.5-t2i-preview
    alibaba/z-image-turbo alibaba/z-image-turbo-lora beeble/switchx-image-to-image blackforestlabs/flux-2
    blackforestlabs/flux-2-edit blackforestlabs/flux-2-lora blackforestlabs/flux-2-lora-edit
    blackforestlabs/flux-2-pro blackforestlabs/flux-2-pro-edit bytedance/dola-seedream-5-0-pro
    bytedance/dreamina-creative-upscale bytedance/seedream-4-5 bytedance/seedream-5-0-lite-preview
    bytedance/seedream-5-0-pro bytedance/seedream-v4-edit bytedance/seedream-v4-text-to-image bytedance/uso flux-pro
    flux-pro/v1.1 flux-pro/v1.1-ultra flux-realism flux/dev flux/dev/image-to-image flux/kontext-max/image-to-image
    flux/kontext-max/text-to-image flux/kontext-pro/image-to-image flux/kontext-pro/text-to-image flux/schnell
    flux/srpo flux/srpo/image-to-image google/gemini-2.5-flash-image google/gemini-2.5-flash-image-edit
    google/gemini-3-1-flash-image-preview google/gemini-3-1-flash-lite-image google/gemini-3-pro-image-edit
    google/gemini-3-pro-image-preview google/gemini-3-pro-image-preview-edit google/imagen-4.0-fast-generate-001
    google/imagen-4.0-generate-001 google/imagen-4.0-ultra-generate-001 google/imagen4/preview google/nano-banana-2
    google/nano-banana-edit google/nano-banana-pro google/nano-banana-pro-edit
    hunyuan/hunyuan-image-v3-text-to-image imagen-3.0-generate-002 imagen4/preview klingai/image-o1 luma/uni-1
    luma/uni-1-max microsoft/mai-image-2.5 openai/gpt-image-1 openai/gpt-image-1-5 openai/gpt-image-1-mini
    openai/gpt-image-2 recraft-v3 reve/create-image reve/edit-image reve/remix-edit-image stable-diffusion-v3-medium
    stable-diffusion-v35-large topaz-labs/sharpen topaz-labs/sharpen-gen x-ai/grok-imagine-image
    x-ai/grok-imagine-image-pro
    """,
    "embeddings": " ".join(EMBEDDING_MODELS),
}

# Chat models whose pages document `/v1/responses` only.
RESPONSES_ONLY = frozenset(
    {
        "openai/gpt-5-1-codex",
        "openai/gpt-5-1-codex-mini",
        "openai/gpt-5-2-codex",
        "openai/gpt-5-2-pro",
        "openai/gpt-5-3-codex",
        "openai/gpt-5-4",
        "openai/gpt-5-4-pro",
        "openai/gpt-5-5-pro",
        "openai/gpt-5-pro",
    }
)
