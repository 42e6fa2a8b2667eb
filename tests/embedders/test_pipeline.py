# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Recorded replies of vendors, and a whole pipeline from one YAML."""

from pathlib import Path
from typing import Any

from haystack import Document, Pipeline

from haystack_integrations.components.embedders.aimlapi import AIMLAPIDocumentEmbedder, AIMLAPITextEmbedder
from tests.support.api import Api
from tests.support.modes import Mode, in_both_clients, plain_only
from tests.support.replies import vector

RAG = (Path(__file__).parents[2] / "examples" / "rag.yaml").read_text(encoding="utf-8").split("\n---\n")
LAURA = "Laura is a DJ."


@plain_only
@in_both_clients
async def test_a_text_as_google_answers(mode: Mode, http_client_kwargs: Any, playback: Any) -> None:
    playback("embedding")
    embedder = AIMLAPITextEmbedder(
        model="text-multilingual-embedding-002",
        generation_kwargs={"task_type": "RETRIEVAL_DOCUMENT"},
        http_client_kwargs=http_client_kwargs,
    )
    result = await mode.call(embedder, LAURA)
    await embedder.close_async()
    assert result == {
        "embedding": [0.10541483759880066, -0.007883904501795769, 0.026113376021385193],
        "meta": {
            "model": "text-multilingual-embedding-002",
            "usage": {"prompt_tokens": 5, "total_tokens": 5},
            "cost": {"credits_used": 1},
            "inference_ids": ["Pn5cJw8Zt3Hd1Gy7Ra4Um"],
        },
    }


@plain_only
@in_both_clients
async def test_documents_as_voyage_answers(mode: Mode, http_client_kwargs: Any, playback: Any) -> None:
    playback("embedding_batch")
    embedder = AIMLAPIDocumentEmbedder(
        model="voyage-2",
        generation_kwargs={"input_type": "document"},
        http_client_kwargs=http_client_kwargs,
        progress_bar=False,
    )
    result = await mode.call(embedder, [Document(content=LAURA), Document(content="Mike fixes bikes.")])
    await embedder.close_async()
    assert [document.embedding for document in result["documents"]] == [[0.5, -0.125], [-0.0625, 0.25]]
    assert result["meta"] == {
        "model": "voyage-2",
        "usage": {"prompt_tokens": None, "total_tokens": 11},
        "inference_ids": ["Wq6sFv2Bk9Nx4Ej8Lo3Ti"],
    }


@plain_only
async def test_an_index_is_made_and_asked_from_one_yaml(mode: Mode) -> None:
    api = Api()
    # Written and read again, they do the same.
    indexing, asking = (Pipeline.loads(Pipeline.loads(definition).dumps()) for definition in RAG)
    for pipeline, names in ((indexing, ["embedder"]), (asking, ["embedder", "llm"])):
        for name in names:
            pipeline.get_component(name).http_client_kwargs = {"transport": api}
    store = indexing.get_component("writer").document_store

    await mode.call(indexing, {"embedder": {"documents": [Document(content="Paris", meta={"title": "France"})]}})
    assert [document.embedding for document in store.filter_documents()] == [vector("France\nParis")]
    result = await mode.call(asking, {"embedder": {"text": "Where?"}, "prompt": {"question": "Where?"}})

    assert result["llm"]["replies"][0].text == "Hello"
    system, user = api.bodies[-1]["messages"]
    assert "[France]\nParis" in system["content"]
    assert user == {"role": "user", "content": "Where?"}
    store.delete_documents([document.id for document in store.filter_documents()])
