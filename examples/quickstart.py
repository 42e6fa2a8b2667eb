# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Ask anything and watch the answer arrive: python examples/quickstart.py "Why is the sky blue?" """

import sys

from haystack.components.generators.utils import print_streaming_chunk
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

question = " ".join(sys.argv[1:]) or "Why is the sky blue?"
generator = AIMLAPIChatGenerator(
    model="deepseek/deepseek-v4-flash",
    api_base_url=api_base_url(),
    streaming_callback=print_streaming_chunk,
)
meta = generator.run(question)["replies"][0].meta
usd = meta.get("cost", {}).get("usd_spent")

print("model ", meta["model"])
print("tokens", meta["usage"]["total_tokens"])
print("cost  ", "unknown" if usd is None else f"${usd:.6f}")
