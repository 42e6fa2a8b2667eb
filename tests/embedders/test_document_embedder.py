# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import asyncio
import json
import logging
import pickle
from copy import deepcopy
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import httpx2
import openai
import pytest
from haystack import Document, component
from openai.resources.embeddings import AsyncEmbeddings, Embeddings
from openai.types import CreateEmbeddingResponse

from haystack_integrations.components.embedders.aimlapi import AIMLAPIDocumentEmbedder
from tests.support.api import IDS, Api, document_embedder, embedded, plain
from tests.support.crowd import CrowdServer, until
from tests.support.modes import Mode, plain_only
from tests.support.replies import embeddings, encoded, failure, vector
from tests.support.server import whole

MODEL = "text-embedding-3-small"
TOO_LARGE = "Requested 309209 tokens, max 300000 tokens per request"


def documents(*texts: str | None) -> list[Document]:
    """Documents whose ids are d0, d1, ..."""
    return [Document(id=f"d{number}", content=text) for number, text in enumerate(texts)]


def vectors(result: dict[str, Any]) -> list[Any]:
    return [document.embedding for document in result["documents"]]


def refusing(*refused: str, more_than: int = 1000, message: str = TOO_LARGE, status: int = 400) -> Any:
    """An answer to batches: refuses those that have too many texts or one of these."""

    def answer(request: httpx2.Request) -> Any:
        texts = json.loads(request.content)["input"]
        if len(texts) > more_than or set(texts) & set(refused):
            return plain(failure(message, status), status, **IDS)
        return embedded(request)

    return answer


# What is sent, and what comes back


@plain_only
async def test_documents_are_sent_in_batches_and_come_back_as_copies(mode: Mode) -> None:
    api = Api(x_inference_id="inf-1")
    given = documents("a", "bb", "ccc")
    before = deepcopy(given)
    result = await mode.call(document_embedder(api, batch_size=2), given)
    assert given == before
    assert [document.to_dict() for document in result["documents"]] == [
        {**document.to_dict(), "embedding": vector(document.content or "")} for document in before
    ]
    assert result["meta"] == {
        "model": "m-1",
        "usage": {"prompt_tokens": 6, "total_tokens": 6},
        "cost": {"credits_used": 6, "usd_spent": 6 / 1024},
        "inference_ids": ["inf-1", "inf-1"],
    }
    assert sorted(api.bodies, key=lambda body: body["input"]) == [
        {"model": MODEL, "input": ["a", "bb"], "encoding_format": "base64"},
        {"model": MODEL, "input": ["ccc"], "encoding_format": "base64"},
    ]


@plain_only
async def test_meta_fields_prefix_and_suffix_are_embedded_with_the_text(mode: Mode) -> None:
    api = Api()
    embedder = document_embedder(
        api,
        model="someone/new-model",
        dimensions=8,
        prefix="<",
        suffix=">",
        meta_fields_to_embed=["title", "none", "missing"],
        embedding_separator=" | ",
        generation_kwargs={"task_type": "RETRIEVAL_DOCUMENT"},
    )
    await mode.call(embedder, [Document(content="text", meta={"title": "T", "none": None})])
    assert api.bodies == [
        {
            "model": "someone/new-model",
            "input": ["<T | text>"],
            "dimensions": 8,
            "task_type": "RETRIEVAL_DOCUMENT",
        }
    ]


@plain_only
@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0]])
@pytest.mark.parametrize("zero", [{"index": 0}, {"index": None}, {}])
@pytest.mark.parametrize("as_base64", [True, False])
async def test_vectors_are_put_in_the_order_of_their_indexes(
    mode: Mode, order: list[int], zero: dict[str, Any], as_base64: bool
) -> None:
    """Whatever order they come in; Google leaves the index out where it is zero."""
    answer = embeddings("a", "bb", "ccc", as_base64=as_base64)
    del answer["data"][0]["index"]
    answer["data"][0].update(zero)
    answer["data"] = [answer["data"][number] for number in order]
    result = await mode.call(document_embedder(Api(answer)), documents("a", "bb", "ccc"))
    assert vectors(result) == [vector("a"), vector("bb"), vector("ccc")]


@pytest.mark.parametrize("index", [None, 0])
def test_vectors_that_are_all_numbered_alike_keep_their_order(index: int | None) -> None:
    answer = embeddings("a", "bb")
    for entry in answer["data"]:
        entry["index"] = index
    assert vectors(document_embedder(Api(answer)).run(documents("a", "bb"))) == [vector("a"), vector("bb")]


@plain_only
@pytest.mark.parametrize("indexes", [(1, 1), (1, 2), (0, "1"), (0, 1.0), (True, 0), (-1, 0), ([], {})], ids=repr)
async def test_indexes_that_cannot_be_right_are_an_error(mode: Mode, indexes: tuple[Any, Any]) -> None:
    answer = embeddings("a", "bb")
    for entry, index in zip(answer["data"], indexes, strict=True):
        entry["index"] = index
    with pytest.raises(openai.APIError, match="indexes cannot be right"):
        await mode.call(document_embedder(Api(answer)), documents("a", "bb"))


@pytest.mark.parametrize("model", ["alibaba/qwen-text-embedding-v3", "ALIBABA/qwen-text-embedding-v4"])
def test_no_more_texts_are_sent_at_a_time_than_the_model_takes(model: str) -> None:
    api = Api()
    document_embedder(api, model=model, batch_size=32).run(documents(*"abcdefghijkl"))
    assert [len(body["input"]) for body in api.bodies] == [10, 2]
    assert "encoding_format" not in api.bodies[0]


@plain_only
async def test_documents_with_one_id_are_embedded_once(mode: Mode) -> None:
    api = Api()
    twins = [Document(content="a"), Document(content="b"), Document(content="a")]
    result = await mode.call(document_embedder(api), twins)
    assert vectors(result) == [vector("a"), vector("b"), vector("a")]
    assert [body["input"] for body in api.bodies] == [["a", "b"]]


@plain_only
async def test_an_embedding_of_before_never_passes_for_a_new_one(mode: Mode) -> None:
    old = Document(id="d0", content="a", embedding=[0.0])
    result = await mode.call(document_embedder(Api(refusing("a", status=403)), raise_on_failure=False), [old])
    assert (vectors(result), old.embedding) == ([None], [0.0])


@plain_only
async def test_nothing_is_sent_for_no_documents(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a key is needed."""
    monkeypatch.delenv("AIMLAPI_API_KEY")
    api = Api()
    assert await mode.call(document_embedder(api), []) == {"documents": [], "meta": {}}
    assert api.requests == []


@plain_only
@pytest.mark.parametrize("wrong", ["text", None, [1, 2], ["text"], [Document(content="a"), "text"], {"a": 1}])
async def test_what_is_no_list_of_documents_is_a_type_error(mode: Mode, wrong: Any) -> None:
    api = Api()
    with pytest.raises(TypeError) as raised:
        await mode.call(document_embedder(api), wrong)
    assert str(raised.value) == (
        "AIMLAPIDocumentEmbedder expects a list of Documents as input. "
        "In case you want to embed a string, please use the AIMLAPITextEmbedder."
    )
    assert api.requests == []


@plain_only
async def test_documents_without_a_text_are_named(mode: Mode) -> None:
    api = Api()
    with pytest.raises(ValueError, match="nothing to embed in the documents d1, d2: their texts are empty"):
        await mode.call(document_embedder(api), documents("a", "", None))
    assert api.requests == []


@plain_only
async def test_documents_without_a_text_are_left_out_if_failures_are_not_raised(
    mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api()
    embedder = document_embedder(api, raise_on_failure=False)
    assert vectors(await mode.call(embedder, documents("a", "", None))) == [vector("a"), None, None]
    assert vectors(await mode.call(embedder, documents(None))) == [None]
    assert [body["input"] for body in api.bodies] == [["a"]]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "There is nothing to embed in the documents d1, d2: their texts are empty.",
        "There is nothing to embed in the documents d0: their texts are empty.",
    ]


@plain_only
@pytest.mark.parametrize(("model", "dimensions", "parameters"), [("voyage-2", 8, {}), (MODEL, None, {"input": "x"})])
async def test_what_cannot_be_sent_is_told_before_anything_is(
    mode: Mode, model: str, dimensions: int | None, parameters: dict[str, Any]
) -> None:
    api = Api()
    embedder = document_embedder(
        api, model=model, dimensions=dimensions, generation_kwargs=parameters, batch_size=1, concurrency_limit=2
    )
    with pytest.raises(ValueError, match=r"`dimensions` is not taken|`input` cannot be set"):
        await mode.call(embedder, documents("a", "b", "c"))
    assert api.requests == []


@plain_only
async def test_a_model_that_is_nearly_known_is_told(mode: Mode) -> None:
    embedder = document_embedder(Api(plain(failure("Not found", 404), 404)), model="text-embeding-3-smal")
    with pytest.raises(openai.NotFoundError, match=MODEL):
        await mode.call(embedder, documents("a"))


@plain_only
async def test_the_timeout_and_headers_of_init_are_those_of_requests(mode: Mode) -> None:
    api = Api()
    await mode.call(document_embedder(api, timeout=7, extra_headers={"X-Title": "Mine"}), documents("a"))
    assert api.requests[0].extensions["timeout"]["read"] == 7
    assert api.requests[0].headers["X-Title"] == "Mine"


@plain_only
async def test_an_error_in_place_of_vectors_is_told(mode: Mode) -> None:
    embedder = document_embedder(Api(plain(failure("It is gone", 200))))
    with pytest.raises(openai.APIError, match=r"^AIMLAPI answered with an error instead of embeddings: It is gone"):
        await mode.call(embedder, documents("a"))


@pytest.mark.parametrize("name", ["batch_size", "concurrency_limit"])
def test_a_number_below_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1, got 0"):
        AIMLAPIDocumentEmbedder(**{name: 0})


@plain_only
async def test_progress_is_shown(mode: Mode, capsys: pytest.CaptureFixture[str]) -> None:
    embedder = document_embedder(
        Api(refusing("b", more_than=1)), batch_size=2, progress_bar=True, raise_on_failure=False, concurrency_limit=1
    )
    await mode.call(embedder, documents("a", "b", "c"))
    shown = capsys.readouterr().err
    assert shown.startswith("\rCalculating embeddings: ")
    assert "3/3" in shown


@plain_only
async def test_no_progress_is_shown_without_a_bar(mode: Mode, capsys: pytest.CaptureFixture[str]) -> None:
    await mode.call(document_embedder(Api(), progress_bar=False), documents("a"))
    assert capsys.readouterr().err == ""


# Failures


@plain_only
@pytest.mark.parametrize("answer", [refusing("c", status=403), refusing("c", status=500), refusing("c", status=401)])
async def test_a_failure_in_the_middle_holds_what_was_paid_before(mode: Mode, answer: Any) -> None:
    api = Api(answer)
    given = documents(*"abcdef")
    embedder = document_embedder(api, batch_size=2, concurrency_limit=1)
    with pytest.raises(openai.APIStatusError) as raised:
        await mode.call(embedder, given)
    error = raised.value
    assert [document.embedding for document in error.documents] == [vector("a"), vector("b"), None, None, None, None]
    assert [document.id for document in error.documents] == [document.id for document in given]
    assert error.document_ids == ["d2", "d3"]
    assert not hasattr(error, "vectors")
    assert [body["input"] for body in api.bodies] == [["a", "b"], ["c", "d"]]
    assert [document.embedding for document in given] == [None] * 6


@plain_only
async def test_what_was_paid_crosses_processes_with_the_failure(mode: Mode) -> None:
    embedder = document_embedder(Api(refusing("b", status=403)), batch_size=1, concurrency_limit=1)
    with pytest.raises(openai.PermissionDeniedError) as raised:
        await mode.call(embedder, documents("a", "b"))
    error = pickle.loads(pickle.dumps(raised.value))
    assert (type(error), str(error)) == (openai.PermissionDeniedError, str(raised.value))
    assert [document.embedding for document in error.documents] == [vector("a"), None]
    assert error.document_ids == ["d1"]


async def test_what_was_under_way_when_a_call_failed_is_kept_and_no_more_is_sent() -> None:
    failed = asyncio.Event()

    async def answer(request: httpx2.Request) -> httpx2.Response:
        texts = json.loads(request.content)["input"]
        if texts == ["a"]:
            failed.set()
            return plain(failure("No", 403), 403)
        await failed.wait()
        return plain(embeddings(*texts, as_base64=True))

    api = Api(answer)
    embedder = document_embedder(api, batch_size=1, concurrency_limit=3)
    with pytest.raises(openai.PermissionDeniedError) as raised:
        await embedder.run_async(documents(*"abcdef"))
    made = [document.content for document in raised.value.documents if document.embedding]
    assert made == ["b", "c"]
    assert len(api.requests) == 3


@plain_only
async def test_a_failure_is_a_warning_if_it_is_not_to_be_raised(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    api = Api(refusing("c", status=403))
    embedder = document_embedder(api, batch_size=2, raise_on_failure=False, concurrency_limit=2)
    result = await mode.call(embedder, documents(*"abcde"))
    assert vectors(result) == [vector("a"), vector("b"), None, None, vector("e")]
    assert result["meta"]["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    (record,) = [record for record in caplog.records if record.name.startswith("haystack_integrations")]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("Failed embedding of documents d2, d3 caused by Error code: 403 - Requested")
    assert "inf-1" in record.getMessage()


@plain_only
async def test_a_broken_reply_is_a_failure_of_its_batch(mode: Mode) -> None:
    answers = [embeddings("a"), embeddings("a", "b"), plain([1]), httpx2.Response(200, content=b"{")]
    embedder = document_embedder(Api(*answers), batch_size=1, raise_on_failure=False, concurrency_limit=1)
    assert vectors(await mode.call(embedder, documents(*"abcd"))) == [vector("a"), None, None, None]


@plain_only
@pytest.mark.parametrize("texts", ["a", "ab"])
async def test_an_exception_that_is_not_the_apis_is_raised_as_it_is(mode: Mode, texts: str) -> None:
    resource = AsyncEmbeddings if mode.asynchronous else Embeddings
    cause = KeyError("why")
    broken = RuntimeError("a tracer's own")
    broken.__cause__ = cause
    with patch.object(resource, "create", side_effect=broken), pytest.raises(RuntimeError) as raised:
        await mode.call(document_embedder(Api(), batch_size=1), documents(*texts))
    assert raised.value is broken
    assert broken.__cause__ is cause


# Batches that are too large

# What vendors have said, as reports of their users quote it.
SIZES = [
    # OpenAI
    (
        "This model's maximum context length is 8192 tokens, however you requested 43874 tokens (43874 in your prompt; "
        "0 for the completion). Please reduce your prompt; or completion length."
    ),
    TOO_LARGE,
    "Invalid 'input': array too long. Expected an array with maximum length 2048, but got an array with length 3000.",
    "Invalid 'input[3]': maximum input length is 8192 tokens.",
    # Voyage
    (
        "Request to model 'voyage-code-2' failed. The max allowed tokens per submitted batch is 120000. Your batch has "
        "121138 tokens after truncation. Please lower the number of tokens in the batch."
    ),
    "The batch size limit is 128. Your batch size is 200.",
    # Google
    "The input token count (25270) exceeds the maximum number of tokens allowed (20000).",
    "Unable to submit request because the input token count is 25270 but the model supports up to 20000.",
    "250 instance(s) is allowed per prediction. Actual: 251",
    # Alibaba
    (
        "<400> InternalError.Algo.InvalidParameter: Value error, batch size is invalid, it should not be larger than 10"
        ".: input.contents"
    ),
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 8192]",
    # Together
    "Input validation error: `inputs` must have less than 512 tokens. Given: 1244",
    # Mistral, SiliconFlow
    "Too many tokens in batch. Max is 16384 got 17555",
    "input batch size 473 > maximum allowed batch size 64",
    # AIMLAPI itself
    "Body validation error\nString must contain at most 800 character(s) at input.3",
    "Body validation error\nArray must contain at most 10 element(s) at input",
]
OTHERS = [
    "Body validation error\nExpected string, received array at input.0",
    "Body validation error\nInvalid enum value. Expected 'float' | 'base64', received '5'",
    "Body validation error\nNumber must be less than or equal to 2048 at dimensions",
    "Invalid token 17",
    "Invalid 'input[0]': input cannot be an empty string.",
    "Invalid value for 'dimensions' = 5000. Must be less than or equal to 3072.",
    "Unknown parameter: 'max_tokens' 5",
    "Maximum of 3 tries reached",
    "This model is in batch mode only, until 2027",
    "Too many tokens in the text",
    "",
]


@plain_only
@pytest.mark.parametrize("message", SIZES)
async def test_a_batch_that_is_too_large_is_halved(mode: Mode, message: str) -> None:
    api = Api(refusing(more_than=2, message=message))
    result = await mode.call(document_embedder(api, concurrency_limit=1), documents(*"abcde"))
    assert vectors(result) == [vector(text) for text in "abcde"]
    sent = ["".join(body["input"]) for body in api.bodies]
    assert sent == ["abcde", "ab", "cde", "c", "de"]
    assert result["meta"]["usage"]["total_tokens"] == 5


@plain_only
async def test_a_batch_that_is_refused_by_its_bytes_is_halved(mode: Mode) -> None:
    """Whatever a gateway says with this status."""

    def answer(request: httpx2.Request) -> Any:
        if len(json.loads(request.content)["input"]) > 1:
            return httpx2.Response(413, content=b"<html>Request Entity Too Large</html>")
        return embedded(request)

    assert vectors(await mode.call(document_embedder(Api(answer)), documents("a", "b"))) == [vector("a"), vector("b")]


@plain_only
async def test_halving_ends_at_the_text_that_is_too_large(mode: Mode) -> None:
    api = Api(refusing("d"))
    given = [Document(id="a", content="a"), *documents("a", "b", "c", "d")]
    given.insert(0, given[0])
    with pytest.raises(
        openai.BadRequestError, match=r"It is about the document d3, at position 5: split it\.$"
    ) as raised:
        await mode.call(document_embedder(api, concurrency_limit=1), given)
    assert raised.value.document_ids == ["d3"]
    made = [document.id for document in raised.value.documents if document.embedding]
    assert made == ["a", "a", "d0", "d1", "d2"]


@plain_only
async def test_only_the_text_that_is_too_large_is_left_out(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    embedder = document_embedder(Api(refusing("c")), raise_on_failure=False)
    result = await mode.call(embedder, documents(*"abcdef"))
    assert vectors(result) == [vector("a"), vector("b"), None, vector("d"), vector("e"), vector("f")]
    assert "Failed embedding of documents d2 caused by" in caplog.text


@plain_only
@pytest.mark.parametrize(
    ("status", "message"),
    [(400, other) for other in OTHERS] + [(status, TOO_LARGE) for status in (401, 403, 404, 429, 500)],
)
async def test_any_other_refusal_is_not_tried_with_less(mode: Mode, status: int, message: str) -> None:
    api = Api(refusing(more_than=0, status=status, message=message))
    with pytest.raises(openai.APIStatusError) as raised:
        await mode.call(document_embedder(api), documents("a", "b"))
    assert len(api.requests) == 1
    assert raised.value.document_ids == ["d0", "d1"]
    assert "position" not in str(raised.value)


# Several at once


async def test_as_many_batches_as_allowed_are_under_way() -> None:
    with CrowdServer(whole(embeddings("a")), together=3) as server:
        embedder = AIMLAPIDocumentEmbedder(
            api_base_url=server.url, batch_size=1, concurrency_limit=3, progress_bar=False, max_retries=0
        )
        running = asyncio.create_task(embedder.run_async(documents(*"abcdefgh")))
        await until(running.done)
        assert vectors(await running) == [vector("a")] * 8
        assert (server.requests, server.most, server.accepted) == (8, 3, 3)
        await embedder.close_async()


@pytest.mark.parametrize(("limit", "number"), [(1, 5), (4, 9), (8, 3)])
async def test_never_more_batches_than_allowed_are_under_way(limit: int, number: int) -> None:
    under_way, most, all_there = 0, 0, asyncio.Event()

    async def answer(request: httpx2.Request) -> httpx2.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if most == min(limit, number):
            all_there.set()
        await all_there.wait()
        await asyncio.sleep(0)
        under_way -= 1
        return plain(embedded(request))

    embedder = document_embedder(Api(answer), batch_size=1, concurrency_limit=limit)
    result = await embedder.run_async(documents(*map(str, range(number))))
    assert vectors(result) == [vector(str(text)) for text in range(number)]
    assert most == min(limit, number)


async def test_cancelling_leaves_nothing_under_way() -> None:
    with CrowdServer() as server:
        server.hold()
        embedder = AIMLAPIDocumentEmbedder(
            api_base_url=server.url, batch_size=1, concurrency_limit=3, progress_bar=False, max_retries=0
        )
        running = asyncio.create_task(embedder.run_async(documents(*"abcdefgh")))
        await until(lambda: server.waiting == 3)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await embedder.close_async()
        server.release()
        await until(lambda: server.open == 0)
        assert server.requests == 3


# What others put in the place of the SDK's parts


@plain_only
async def test_mocks_of_create_answer(mode: Mode) -> None:
    """As Haystack's own tests have them: one call fails, and the other has a reply with attributes only."""
    resource = AsyncEmbeddings if mode.asynchronous else Embeddings
    failing = openai.APIError(message="Mocked error", request=Mock(), body=None)
    reply = Mock(data=[Mock(embedding=[0.4, 0.5])], model="m-1", usage={"prompt_tokens": 10, "total_tokens": 10})
    embedder = document_embedder(Api(), batch_size=1, raise_on_failure=False, concurrency_limit=1)
    with patch.object(resource, "create", side_effect=[failing, reply]) as create:
        result = await mode.call(embedder, documents("a", "b"))
    assert vectors(result) == [None, [0.4, 0.5]]
    assert result["meta"] == {"model": "m-1", "usage": {"prompt_tokens": 10, "total_tokens": 10}}
    assert [call.kwargs["input"] for call in create.call_args_list] == [["a"], ["b"]]


@plain_only
async def test_a_client_of_the_users_own_may_have_nothing_but_create(mode: Mode) -> None:
    seen: list[Any] = []

    def create(**arguments: Any) -> CreateEmbeddingResponse:
        seen.append(arguments["input"])
        return CreateEmbeddingResponse.model_validate(embeddings(*arguments["input"]))

    async def create_async(**arguments: Any) -> CreateEmbeddingResponse:
        return create(**arguments)

    embedder = document_embedder(Api(refusing(more_than=0)), batch_size=2)
    embedder.client = SimpleNamespace(embeddings=SimpleNamespace(create=create))
    embedder.async_client = SimpleNamespace(embeddings=SimpleNamespace(create=create_async))
    result = await mode.call(embedder, documents("a", "b", "c"))
    assert vectors(result) == [vector("a"), vector("b"), vector("c")]
    assert result["meta"]["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert seen == [["a", "b"], ["c"]]


@plain_only
async def test_hooks_of_the_parent_are_live(mode: Mode) -> None:
    """They find the client made, as the parent's do."""
    seen: list[Any] = []

    @component
    class Subclass(AIMLAPIDocumentEmbedder):
        def _prepare_texts_to_embed(self, documents: list[Document]) -> dict[str, str]:
            return {document.id: f"{document.content}!" for document in documents}

        def _embed_batch(self, texts_to_embed: dict[str, str], batch_size: int) -> Any:
            seen.append((self.client is not None, texts_to_embed, batch_size))
            return {document_id: [1.0] for document_id in texts_to_embed}, {"mine": 1}

        async def _embed_batch_async(self, texts_to_embed: dict[str, str], batch_size: int) -> Any:
            seen.append((self.async_client is not None, texts_to_embed, batch_size))
            return {document_id: [1.0] for document_id in texts_to_embed}, {"mine": 1}

    result = await mode.call(Subclass(batch_size=7), documents("a", "b"))
    assert (vectors(result), result["meta"]) == ([[1.0], [1.0]], {"mine": 1})
    assert seen == [(True, {"d0": "a!", "d1": "b!"}, 7)]


@plain_only
async def test_a_hook_that_fails_fails_as_the_api_does(mode: Mode) -> None:
    error = openai.APIError("mine", Mock(), body=None)

    @component
    class Subclass(AIMLAPIDocumentEmbedder):
        def _embed_batch(self, **arguments: Any) -> Any:
            raise error

        async def _embed_batch_async(self, **arguments: Any) -> Any:
            raise error

    with pytest.raises(openai.APIError) as raised:
        await mode.call(Subclass(), documents("a"))
    assert raised.value is error
    assert vectors({"documents": raised.value.documents}) == [None]


@plain_only
async def test_hooks_can_be_called_by_themselves(mode: Mode) -> None:
    embedder = document_embedder(Api(x_inference_id="inf-1"))
    arguments: dict[str, Any] = {"texts_to_embed": {"1": "a", "2": "bb"}, "batch_size": 1}
    made, meta = (
        await embedder._embed_batch_async(**arguments) if mode.asynchronous else embedder._embed_batch(**arguments)
    )
    assert made == {"1": vector("a"), "2": vector("bb")}
    assert (meta["usage"]["total_tokens"], meta["inference_ids"]) == (3, ["inf-1", "inf-1"])


def test_costs_that_are_no_numbers_and_fields_that_come_and_go_are_kept() -> None:
    first = plain({**embeddings("a"), "meta": None, "usage": None}, x_aimlapi_credits_used="much")
    second = {**embeddings("b"), "note": "x"}
    third = {**embeddings("c"), "usage": None, "meta": {"usage": {"usd_spent": 1}}}
    result = document_embedder(Api(first, second, third), batch_size=1).run(documents(*"abc"))
    assert result["meta"] == {
        "model": "m-1",
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
        "cost": {"credits_used": 1, "usd_spent": 1 + 1 / 1024},
        "note": "x",
    }


def test_a_long_vector_comes_through_as_it_is() -> None:
    numbers = [number / 1024 - 0.75 for number in range(1536)]
    answer = {"data": [{"index": 0, "embedding": encoded(numbers)}]}
    assert vectors(document_embedder(Api(answer)).run(documents("a"))) == [numbers]
