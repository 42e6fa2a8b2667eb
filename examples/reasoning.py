# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Stream a model that thinks before it answers, then look at thought, answer and cost one by one."""

from haystack.dataclasses import StreamingChunk
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator


def show_progress(chunk: StreamingChunk) -> None:
    print("~" if chunk.reasoning else "." if chunk.content else "", end="", flush=True)


generator = AIMLAPIChatGenerator(
    model="deepseek/deepseek-v4-pro", api_base_url=api_base_url(), streaming_callback=show_progress
)
reply = generator.run("How many times does the letter r appear in 'strawberry'?")["replies"][0]

print("\nthought:", reply.reasoning.reasoning_text if reply.reasoning else "(none)")
print("answer: ", reply.text)
print("cost:   ", reply.meta.get("cost"))
