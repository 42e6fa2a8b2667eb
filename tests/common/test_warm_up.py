# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What is imported when: it holds up whoever waits for it, and on an event loop everybody."""

import asyncio
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from haystack.dataclasses import Document

from haystack_integrations.components.embedders.aimlapi import AIMLAPIDocumentEmbedder, AIMLAPITextEmbedder
from haystack_integrations.components.generators.aimlapi import (
    AIMLAPIChatGenerator,
    AIMLAPIImageGenerator,
    AIMLAPIResponsesChatGenerator,
)
from tests.support.replies import HELLO, PIXEL, embeddings, message, response
from tests.support.server import STREAMED_HELLO, FaultServer, whole

CALLS = [
    (AIMLAPIChatGenerator, "Hi", {}, whole(HELLO)),
    (AIMLAPIChatGenerator, "Hi", {"streaming_callback": lambda chunk: None}, STREAMED_HELLO),
    (AIMLAPIResponsesChatGenerator, "Hi", {}, whole(response(message("Hello")))),
    (AIMLAPIImageGenerator, "A cat", {}, whole({"data": [{"b64_json": PIXEL}]})),
    (AIMLAPITextEmbedder, "A cat", {}, whole(embeddings("A cat"))),
    (AIMLAPIDocumentEmbedder, [Document(content="A cat")], {"progress_bar": False}, whole(embeddings("A cat"))),
]


# Newer versions of the SDK import aiohttp themselves, if it is there.
TRANSPORT = "haystack_integrations.common.aimlapi.aiohttp_transport"


def imported() -> set[str]:
    return {name for name in sys.modules if name.partition(".")[0] in ("openai", "aiohttp", "httpx2", "httpcore2")}


async def async_call(generator, given) -> list[str]:
    await generator.warm_up_async()
    before = imported()
    await generator.run_async(given)
    return sorted(imported() - before)


def call(generator, given) -> list[str]:
    generator.warm_up()
    before = imported()
    generator.run(given)
    return sorted(imported() - before)


def main(asynchronous: bool) -> None:
    """Tell what each first call imported, and whether the transport is there before and after them."""
    told: list = [TRANSPORT in sys.modules]
    for kind, given, settings, answer in CALLS:
        with FaultServer(answer) as server, closing(kind(api_base_url=server.url, **settings)) as generator:
            told.append(asyncio.run(async_call(generator, given)) if asynchronous else call(generator, given))
    print(json.dumps([*told, TRANSPORT in sys.modules]))


@pytest.mark.slow
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_call_after_warm_up_imports_nothing(asynchronous: bool) -> None:
    code = f"from tests.common.test_warm_up import main; main({asynchronous})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout) == [False, *([] for _ in CALLS), asynchronous]
