# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Move on to another model when the first one fails."""

from haystack.components.generators.chat import FallbackChatGenerator
from haystack.dataclasses import ChatMessage
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

url = api_base_url()
generator = FallbackChatGenerator(
    [
        AIMLAPIChatGenerator(model="anthropic/claude-sonnet-4.6", api_base_url=url),
        AIMLAPIChatGenerator(model="openai/gpt-5.6-terra", api_base_url=url),
    ]
)
result = generator.run([ChatMessage.from_user("Name three uses of a paper clip.")])
print(result["replies"][0].text)
print("answered by:", result["replies"][0].meta["model"])
print("failed before:", result["meta"]["failed_chat_generators"])
