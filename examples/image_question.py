# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Ask about an image."""

from pathlib import Path

from haystack.dataclasses import ChatMessage, ImageContent
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

chart = ImageContent.from_file_path(Path(__file__).with_name("chart.png"))
message = ChatMessage.from_user(content_parts=["Which bar is the tallest?", chart])

generator = AIMLAPIChatGenerator(api_base_url=api_base_url())
print(generator.run([message])["replies"][0].text)
