# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The smallest use: one question, one answer."""

from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

generator = AIMLAPIChatGenerator(api_base_url=api_base_url())
reply = generator.run("What is the capital of France?")["replies"][0]
print(reply.text)
