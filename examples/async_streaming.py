# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Stream in an event loop, as a web server would."""

import asyncio

from haystack.dataclasses import StreamingChunk
from stand_in import api_base_url

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator


async def send(chunk: StreamingChunk) -> None:
    print(chunk.content, end="", flush=True)


async def main() -> None:
    generator = AIMLAPIChatGenerator(api_base_url=api_base_url())
    result = await generator.run_async("Write a haiku about the sea.", streaming_callback=send)
    print("\n\ntokens:", result["replies"][0].meta["usage"]["total_tokens"])
    await generator.close_async()


asyncio.run(main())
