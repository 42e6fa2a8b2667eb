# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What both embedders do: texts become the arguments of a request, and its reply becomes vectors and meta."""

import base64
import re
import sys
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from haystack import logging
from openai import APIError, APIStatusError
from openai.types import CreateEmbeddingResponse, Embedding
from openai.types.embedding_create_params import EmbeddingCreateParams

from haystack_integrations.common.aimlapi.body import (
    call_meta,
    checked_body,
    drop_empty,
    rest_of_service_meta,
)
from haystack_integrations.common.aimlapi.endpoint import Endpoint
from haystack_integrations.common.aimlapi.errors import provider_message, reply_error
from haystack_integrations.common.aimlapi.models import profile
from haystack_integrations.common.aimlapi.parameters import split_parameters

logger = logging.getLogger(__name__)

ENDPOINT = Endpoint(
    name="embeddings",
    path="/embeddings",
    resource=lambda client: client.embeddings,
    declared=EmbeddingCreateParams.__annotations__,
)
# What is asked for, as the message of an error names it.
ANSWER = "embeddings"
_RESERVED = {
    "input": "the input of `run`",
    "model": "the init parameter `model`",
    "dimensions": "the init parameter `dimensions`",
}
_SUMMED = ("usage", "cost", "inference_ids")
_ADDED = (int, float, list)
# What the vendors say of too many texts or tokens: a limit, what is limited, and a number. Of a single text as well,
# since it is found by halving.
_CONTENT_TOO_LARGE = 413
_MAY_BE_TOO_LARGE = (400, 422, _CONTENT_TOO_LARGE)
_LIMIT = (
    r"(?:\bmax\b|maximum|limit|exceed|at most|up to|(?:less|larger|longer) than|too (?:many|big)|allowed|should be)"
)
_LIMITED = r"\b(?:tokens?\b|batch size|(?:context|input|sequence) length|instance|array|element|character)"
_TOO_LARGE = re.compile(
    rf"(?=.*\d)(?:.*{_LIMIT}.{{0,60}}{_LIMITED}|.*{_LIMITED}.{{0,60}}{_LIMIT})", re.IGNORECASE | re.DOTALL
)


def build_arguments(
    *, model: str, texts: str | Sequence[str], dimensions: int | None, parameters: dict[str, Any]
) -> dict[str, Any]:
    """
    Build the keyword arguments of `client.embeddings.create`.

    :param model: The model's id.
    :param texts: The texts, or a single one.
    :param dimensions: How many numbers each vector has; None leaves it to the model.
    :param parameters: The merged `generation_kwargs`.
    :returns: The arguments.
    :raises ValueError: If a parameter has another place, a header is not accepted, or the model takes no `dimensions`.
    """
    options, body = split_parameters(parameters, reserved=_RESERVED, endpoint="embeddings")
    declared = profile(model).embedding
    if dimensions is not None:
        if declared and "dimensions" not in declared.parameters:
            msg = f"`dimensions` is not taken by {model}, whose vectors have a fixed length."
            raise ValueError(msg)
        body["dimensions"] = dimensions
    if declared and "encoding_format" in declared.parameters:
        # A quarter of the bytes of numbers in JSON.
        body.setdefault("encoding_format", "base64")
    return ENDPOINT.by_name({"model": model, "input": texts, "extra_body": body, **options})


def decode_vectors(body: Mapping[str, Any], *, expected: int) -> list[list[float]]:
    """
    Decode the vectors of a reply.

    :param body: The body of the response.
    :param expected: How many texts were sent.
    :returns: The vectors, in the order of the texts, whatever order they came in.
    :raises APIError: If there is not one for each text, or one cannot be read.
    """
    data = body.get("data")
    if not isinstance(data, list) or len(data) != expected:
        got = len(data) if isinstance(data, list) else "no"
        raise reply_error(body, f"AIMLAPI answered with {got} embeddings to {expected} texts")
    vectors = [_decode_vector(entry.get("embedding") if isinstance(entry, dict) else None, body) for entry in data]
    # Google leaves out zeros.
    places = [0 if (index := entry.get("index")) is None else index for entry in data]
    if any(type(place) is not int for place in places) or (any(places) and sorted(places) != list(range(expected))):
        raise reply_error(body, f"AIMLAPI answered with embeddings whose indexes cannot be right: {places}")
    if not any(places):
        # Some gateways number them all alike, and keep the order.
        return vectors
    return [vector for _, vector in sorted(zip(places, vectors, strict=True))]


def _decode_vector(value: Any, body: Mapping[str, Any]) -> list[float]:
    numbers = value
    if isinstance(value, str):
        try:
            # As fast as numpy: most of the time goes into the list.
            floats = array("f", base64.b64decode(value, validate=True))
        except ValueError:
            floats = array("f")
        if sys.byteorder == "big":  # pragma: no cover
            floats.byteswap()
        numbers = floats.tolist()
    if not numbers or not isinstance(numbers, list) or not set(map(type, numbers)) <= {float, int}:
        raise reply_error(body, "AIMLAPI answered with an embedding that cannot be read")
    return numbers


def typed_reply(answer: Any) -> CreateEmbeddingResponse:
    """
    Get the reply to a single text as the SDK's type, as which subclasses take it.

    :param answer: What the call returned.
    :returns: The reply, with numbers for a vector.
    :raises APIError: If it is an error, or has not one vector.
    """
    body = checked_body(answer, ANSWER)
    (vector,) = decode_vectors(body, expected=1)
    return CreateEmbeddingResponse.model_construct(
        **{**body, "data": [Embedding.model_construct(embedding=vector, index=0, object="embedding")]}
    )


def embedding_meta(body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """
    Gather what a reply tells beside its vectors.

    :param body: The body of the response.
    :param headers: The headers of the response.
    :returns: `model`, `usage`, `cost`, `inference_ids` and whatever else the API returned.
    """
    ids = call_meta(body.get("meta"), headers)
    inference_id = ids.pop("inference_id", None)
    return {
        "model": body.get("model"),
        "usage": body.get("usage"),
        **drop_empty(body, {"data", "object", "meta"}),
        **rest_of_service_meta(body.get("meta")),
        **ids,
        **({"inference_ids": [inference_id]} if inference_id else {}),
    }


def add_meta(known: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """
    Add up what several replies tell.

    :param known: What the replies before told.
    :param more: What one more reply tells.
    :returns: Tokens, credits and USD in sum, the ids of all, and everything else as the last one had it.
    """
    summed = {name: _sum(known.get(name), more.get(name)) for name in _SUMMED if name in {**known, **more}}
    return {**known, **more, **summed}


def _sum(known: Any, more: Any) -> Any:
    if isinstance(known, Mapping) and isinstance(more, Mapping):
        return {name: _sum(known.get(name), more.get(name)) for name in {**known, **more}}
    if isinstance(known, _ADDED) and isinstance(more, _ADDED):
        return known + more  # type: ignore[operator]
    return known if more is None else more


@dataclass
class Batches:
    """
    The batches of a run: which are still to be sent, and what came of those that were.

    Written once for both ways to send them: `next` until it is None, `add` or `fail` for each batch, then `finish`.

    :param texts: The texts, by the ids of their documents.
    :param size: How many texts a batch has at most.
    :param raise_on_failure: Whether the first failure ends the run.
    """

    texts: Mapping[str, str]
    size: int
    raise_on_failure: bool
    done: int = 0
    _vectors: dict[str, list[float]] = field(default_factory=dict)
    _meta: dict[str, Any] = field(default_factory=dict)
    _failure: tuple[APIError, list[str]] | None = None
    _pending: deque[list[str]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        ids = list(self.texts)
        self._pending.extend(ids[start : start + self.size] for start in range(0, len(ids), self.size))

    @property
    def waiting(self) -> int:
        """How many batches are still to be sent."""
        return len(self._pending)

    def next(self) -> list[str] | None:
        """
        Take the next batch.

        :returns: The ids of its documents; None if there is none left, or the run is to end.
        """
        return None if self._failure or not self._pending else self._pending.popleft()

    def add(self, ids: list[str], answer: Any, headers: Mapping[str, str]) -> None:
        """
        Take the answer to a batch.

        :param ids: The ids of its documents.
        :param answer: What the call returned.
        :param headers: The headers of the response.
        :raises APIError: If it is an error, or has not one vector for each text.
        """
        body = checked_body(answer, ANSWER)
        self._vectors.update(zip(ids, decode_vectors(body, expected=len(ids)), strict=True))
        self._meta = add_meta(self._meta, embedding_meta(body, headers))
        self.done += len(ids)

    def fail(self, ids: list[str], error: APIError) -> None:
        """
        Take the failure of a batch. One that was too large is halved.

        :param ids: The ids of its documents.
        :param error: What went wrong.
        """
        if len(ids) > 1 and is_too_large(error):
            middle = len(ids) // 2
            self._pending.extendleft((ids[middle:], ids[:middle]))
            return
        self.done += len(ids)
        if self.raise_on_failure:
            self._failure = self._failure or (error, ids)
        else:
            logger.warning(
                "Failed embedding of documents {ids} caused by {error}", ids=", ".join(ids), error=error.message
            )

    def finish(self) -> tuple[dict[str, list[float]], dict[str, Any]]:
        """
        Take the end of the run.

        :returns: The vectors by the ids of their documents, and the meta.
        :raises APIError: The first failure, if one is to be raised, with the attributes `document_ids`, whose batch it
            was, and `vectors`, what was embedded before.
        """
        if self._failure:
            error, ids = self._failure
            vars(error).update(document_ids=ids, vectors=self._vectors)
            raise error
        return self._vectors, self._meta


def is_too_large(error: APIError) -> bool:
    """
    Tell whether the API refused a batch for its size.

    :param error: What it was refused with.
    :returns: True if less of it may pass.
    """
    if not isinstance(error, APIStatusError) or error.status_code not in _MAY_BE_TOO_LARGE:
        return False
    return error.status_code == _CONTENT_TOO_LARGE or bool(_TOO_LARGE.match(provider_message(error.body)))
