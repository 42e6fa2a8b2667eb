# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from typing import Any
from unittest.mock import Mock, patch

import openai
import pytest
from haystack import component
from openai.resources.embeddings import AsyncEmbeddings, Embeddings
from openai.types import CreateEmbeddingResponse

from haystack_integrations.components.embedders.aimlapi import AIMLAPITextEmbedder
from tests.support.api import IDS, Api, plain, text_embedder
from tests.support.modes import Mode, plain_only
from tests.support.replies import embeddings, encoded, failure, vector

TEXT = "Who lives in Paris?"
VOYAGE = "voyage-2"
GOOGLE = "text-multilingual-embedding-002"


def answered(**fields: Any) -> dict[str, Any]:
    """The embedding of one text with other fields."""
    return {**embeddings(TEXT), **fields}


def entry(embedding: Any, **fields: Any) -> dict[str, Any]:
    return {"data": [{"object": "embedding", "index": 0, "embedding": embedding, **fields}]}


# What is sent


@plain_only
async def test_a_text_is_sent_and_everything_comes_back(mode: Mode) -> None:
    api = Api(plain(embeddings(TEXT, as_base64=True, id="e-1", system_fingerprint=""), **IDS))
    assert await mode.call(text_embedder(api), TEXT) == {
        "embedding": vector(TEXT),
        "meta": {
            "model": "m-1",
            "usage": {"prompt_tokens": 19, "total_tokens": 19},
            "cost": {"credits_used": 19, "usd_spent": 19 / 1024},
            "id": "e-1",
            "inference_ids": ["inf-1"],
            "client_request_id": "mine-1",
        },
    }
    (request,) = api.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.aimlapi.com/v1/embeddings")
    assert request.headers["authorization"] == "Bearer test-key"
    assert request.headers["x-title"] == "Haystack"
    assert api.bodies == [{"model": "text-embedding-3-small", "input": TEXT, "encoding_format": "base64"}]


@plain_only
async def test_prefix_suffix_and_dimensions_are_sent(mode: Mode) -> None:
    api = Api()
    embedder = text_embedder(api, model="text-embedding-3-large", prefix="query: ", suffix=" ?", dimensions=256)
    assert (await mode.call(embedder, "Paris"))["embedding"] == vector("query: Paris ?")
    assert api.bodies == [
        {
            "model": "text-embedding-3-large",
            "input": "query: Paris ?",
            "encoding_format": "base64",
            "dimensions": 256,
        }
    ]


@plain_only
async def test_parameters_of_the_vendor_are_fields_of_the_body(mode: Mode) -> None:
    """And numbers come back as numbers, where no other form is declared."""
    api = Api()
    parameters = {
        "task_type": "RETRIEVAL_QUERY",
        "extra_body": {"auto_truncate": False},
        "extra_headers": {"X-Mine": "1"},
        "extra_query": {"tenant": "7"},
        "timeout": 5,
    }
    embedder = text_embedder(api, model=GOOGLE, generation_kwargs=parameters, extra_headers={"X-Other": "2"})
    assert (await mode.call(embedder, TEXT))["embedding"] == vector(TEXT)
    assert api.bodies == [
        {"model": GOOGLE, "input": TEXT, "task_type": "RETRIEVAL_QUERY", "auto_truncate": False},
    ]
    (request,) = api.requests
    assert (request.headers["x-mine"], request.headers["x-other"]) == ("1", "2")
    assert request.url.query == b"tenant=7"
    assert request.extensions["timeout"]["read"] == 5


def test_the_form_of_vectors_can_be_chosen() -> None:
    api = Api()
    embedder = text_embedder(api, generation_kwargs={"encoding_format": "float"})
    assert embedder.run(TEXT)["embedding"] == vector(TEXT)
    assert api.bodies[0]["encoding_format"] == "float"


@pytest.mark.parametrize("model", ["alibaba/qwen-text-embedding-v4", GOOGLE, "someone/new-model"])
def test_dimensions_are_sent_where_they_are_declared_or_nothing_is_known(model: str) -> None:
    api = Api()
    text_embedder(api, model=model, dimensions=64).run(TEXT)
    assert api.bodies == [{"model": model, "input": TEXT, "dimensions": 64}]


@plain_only
async def test_dimensions_that_a_model_does_not_take_are_no_request(mode: Mode) -> None:
    api = Api()
    with pytest.raises(ValueError, match="`dimensions` is not taken by voyage-2"):
        await mode.call(text_embedder(api, model=VOYAGE, dimensions=64), TEXT)
    assert api.requests == []


@pytest.mark.parametrize("name", ["input", "model", "dimensions"])
def test_a_parameter_with_another_place_is_told_its_place(name: str) -> None:
    api = Api()
    with pytest.raises(ValueError, match=f"`{name}` cannot be set in `generation_kwargs`. Use the in"):
        text_embedder(api, generation_kwargs={"extra_body": {name: 1}}).run(TEXT)
    assert api.requests == []


def test_a_name_that_is_nearly_known_is_told(caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    text_embedder(api, model=GOOGLE, generation_kwargs={"taskType": "RETRIEVAL_QUERY"}).run(TEXT)
    assert "Did you mean `task_type`?" in caplog.text
    assert api.bodies[0]["taskType"] == "RETRIEVAL_QUERY"


@plain_only
async def test_the_timeout_of_init_is_that_of_requests(mode: Mode) -> None:
    api = Api()
    await mode.call(text_embedder(api, timeout=7), TEXT)
    assert api.requests[0].extensions["timeout"]["read"] == 7


@plain_only
async def test_a_model_that_is_nearly_known_is_told(mode: Mode) -> None:
    answer = plain(failure("Not found", 404), 404)
    with pytest.raises(openai.NotFoundError, match="text-embedding-3-small"):
        await mode.call(text_embedder(Api(answer), model="text-embeding-3-smal"), TEXT)


@plain_only
@pytest.mark.parametrize("wrong", [None, 1, [TEXT], b"bytes"])
async def test_what_is_no_text_is_a_type_error(mode: Mode, wrong: Any) -> None:
    api = Api()
    with pytest.raises(TypeError) as raised:
        await mode.call(text_embedder(api), wrong)
    assert str(raised.value) == (
        f"AIMLAPITextEmbedder expects a string as an input, got {type(wrong).__name__}. "
        "In case you want to embed a list of Documents, please use the AIMLAPIDocumentEmbedder."
    )
    assert api.requests == []


@plain_only
async def test_an_empty_text_is_no_request(mode: Mode) -> None:
    api = Api()
    with pytest.raises(ValueError, match=r"^The text is empty: there is nothing to embed\.$"):
        await mode.call(text_embedder(api), "")
    assert api.requests == []


# What comes back


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (answered(data=[]), "0 embeddings to 1 texts"),
        (answered(data=None), "no embeddings to 1 texts"),
        (answered(data=["x"]), "cannot be read"),
        (answered(data=[*embeddings(TEXT)["data"]] * 2), "2 embeddings to 1 texts"),
        (entry(None), "^AIMLAPI answered with an embedding that cannot be read "),
        (entry([]), "cannot be read"),
        (entry(""), "cannot be read"),
        (entry("no base64!"), "cannot be read"),
        (entry("AAAA"), "cannot be read"),
        (entry("!" + encoded([0.5])), "cannot be read"),
        (entry([0.5, None]), "cannot be read"),
        (entry(["0.5"]), "cannot be read"),
        (entry({"0": 0.5}), "cannot be read"),
        (entry([0.5], index="0"), "indexes cannot be right"),
        (entry([0.5], index=[0]), "indexes cannot be right"),
        (entry([0.5], index=7), "indexes cannot be right"),
        (failure("The model is gone", 200), "instead of embeddings"),
        ([], "instead of embeddings"),
    ],
    ids=repr,
)
@plain_only
async def test_a_reply_without_a_vector_is_an_error(mode: Mode, answer: Any, message: str) -> None:
    with pytest.raises(openai.APIError, match=message) as raised:
        await mode.call(text_embedder(Api(plain(answer, **IDS))), TEXT)
    assert raised.value.body == answer
    assert "text-embedding-3-small" in str(raised.value)
    assert "inf-1" in str(raised.value)


@plain_only
@pytest.mark.parametrize(("status", "kind"), [(403, openai.PermissionDeniedError), (429, openai.RateLimitError)])
async def test_failures_are_those_of_the_sdk_with_what_helps(mode: Mode, status: int, kind: Any) -> None:
    answer = plain(failure("You've run out of credits.", status), status, **IDS)
    with pytest.raises(kind, match=r"run out of credits.*request id req-1.*inf-1.*Top up at https://"):
        await mode.call(text_embedder(Api(answer)), TEXT)


def test_a_cost_that_is_in_the_headers_only_is_found() -> None:
    answer = plain({**entry([1, 2.5]), "meta": {"note": "x"}}, x_aimlapi_credits_used="7")
    assert text_embedder(Api(answer)).run(TEXT) == {
        "embedding": [1, 2.5],
        "meta": {"model": None, "usage": None, "cost": {"credits_used": 7}, "meta": {"note": "x"}},
    }


def test_a_usage_without_entries_stays_one() -> None:
    answer = plain({**entry([1]), "model": "", "usage": {}})
    assert text_embedder(Api(answer)).run(TEXT)["meta"] == {"model": "", "usage": {}}


# What others put in the place of the SDK's parts


@plain_only
async def test_a_mocked_create_sees_the_call_and_answers(mode: Mode) -> None:
    resource = AsyncEmbeddings if mode.asynchronous else Embeddings
    reply = CreateEmbeddingResponse.model_validate(embeddings(TEXT))
    embedder = text_embedder(Api(), dimensions=3, generation_kwargs={"user": "me", "new_field": 1})
    with patch.object(resource, "create", return_value=reply) as create:
        result = await mode.call(embedder, TEXT)
    assert result["embedding"] == vector(TEXT)
    assert result["meta"]["usage"] == {"prompt_tokens": 19, "total_tokens": 19}
    assert result["meta"]["cost"]["credits_used"] == 19
    sent = {name: value for name, value in create.call_args.kwargs.items() if name != "extra_headers"}
    assert sent == {
        "model": "text-embedding-3-small",
        "input": TEXT,
        "dimensions": 3,
        "encoding_format": "base64",
        "user": "me",
        "extra_body": {"new_field": 1},
    }


@plain_only
async def test_a_mocked_reply_has_attributes_only(mode: Mode) -> None:
    resource = AsyncEmbeddings if mode.asynchronous else Embeddings
    reply = Mock(data=[Mock(embedding=[0.5])], model="m-1", usage={"total_tokens": 1})
    with patch.object(resource, "create", return_value=reply):
        result = await mode.call(text_embedder(Api()), TEXT)
    assert result == {"embedding": [0.5], "meta": {"model": "m-1", "usage": {"total_tokens": 1}}}


@plain_only
async def test_a_wrapped_create_sends_the_same(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tracers wrap it: the call passes through the SDK's types."""
    resource = AsyncEmbeddings if mode.asynchronous else Embeddings
    create, seen = resource.create, []

    def wrapped(self: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["input"])
        return create(self, **kwargs)

    bodies, results = [], []
    for watched in (False, True):
        api = Api()
        if watched:
            monkeypatch.setattr(resource, "create", wrapped)
        results.append(await mode.call(text_embedder(api, dimensions=3), TEXT))
        bodies += api.bodies
    assert seen == [TEXT]
    assert bodies[0] == bodies[1]
    assert results[0] == results[1]


@plain_only
async def test_hooks_of_the_parent_are_live(mode: Mode) -> None:
    @component
    class Subclass(AIMLAPITextEmbedder):
        def _prepare_input(self, text: str) -> dict[str, Any]:
            return {"model": "other/model", "input": text.upper(), "encoding_format": "base64"}

        def _prepare_output(self, result: CreateEmbeddingResponse) -> dict[str, Any]:
            return {
                "embedding": [-number for number in result.data[0].embedding],
                "meta": {
                    "model": result.model,
                    "usage": dict(result.usage),
                    "kind": (result.data[0].object, result.data[0].index),
                    "tokens": result.usage.total_tokens,
                },
            }

    api = Api()
    embedder = Subclass(max_retries=0, http_client_kwargs={"transport": api})
    assert await mode.call(embedder, "a") == {
        "embedding": [-number for number in vector("A")],
        "meta": {
            "model": "m-1",
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
            "kind": ("embedding", 0),
            "tokens": 1,
        },
    }
    assert api.bodies == [{"model": "other/model", "input": "A", "encoding_format": "base64"}]


def test_an_output_can_be_prepared_outside_of_a_call() -> None:
    answer = plain(entry(encoded([0.5])), **IDS)
    assert text_embedder(Api())._prepare_output(result=answer) == {
        "embedding": [0.5],
        "meta": {"model": None, "usage": None},
    }
    with pytest.raises(openai.APIError, match="an error instead of embeddings"):
        text_embedder(Api())._prepare_output(result=plain(failure("The model is gone", 200)))
