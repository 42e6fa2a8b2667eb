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
from openai.types.embedding_create_params import EmbeddingCreateParams

from haystack_integrations.common.aimlapi.body import call_meta, checked_body, drop_empty, rest_of_service_meta
from haystack_integrations.common.aimlapi.endpoint import Endpoint
from haystack_integrations.common.aimlapi.errors import reply_error
from haystack_integrations.common.aimlapi.models import profile
from haystack_integrations.common.aimlapi.parameters import split_parameters

logger = logging.getLogger(__name__)

ENDPOINT = Endpoint(
    path="/embeddings",
    resource=lambda client: client.embeddings,
    declared=EmbeddingCreateParams.__annotations__,
)
_RESERVED = {
    "input": "the input of `run`",
    "model": "the init parameter `model`",
    "dimensions": "the init parameter `dimensions`",
}
# What the API says of a batch that a smaller one would not run into: too many texts, or too many tokens in all.
_TOO_LARGE_STATUS = (400, 413, 422)
_TOO_LARGE = re.compile(
    r"token|too (many|large|long)|batch|\b(input|context)\b.{0,40}\b(length|size)|(array|items?|inputs|texts)\b.{0,40}"
    r"(at most|less than|maximum|max|exceed|up to|limit)|maximum",
    re.IGNORECASE | re.DOTALL,
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
    options, body = split_parameters(parameters, reserved=_RESERVED)
    declared = profile(model).embedding
    if dimensions is not None:
        if declared and "dimensions" not in declared.parameters:
            msg = f"`dimensions` is not taken by {model}, whose vectors have a fixed length."
            raise ValueError(msg)
        body["dimensions"] = dimensions
    if declared and "encoding_format" in declared.parameters:
        # A quarter of the bytes of numbers in JSON.
        body.setdefault("encoding_format", "base64")
    return {"model": model, "input": texts, "extra_body": body, **options}


def decode_vectors(body: Mapping[str, Any], *, expected: int) -> list[list[float]]:
    """
    Decode the vectors of a reply.

    :param body: The body of the response.
    :param expected: How many texts were sent.
    :returns: The vectors, in the order of the texts, whatever order they came in.
    :raises APIError: If there is not one for each text, or one cannot be read.
    """
    data = body.get("data")
    if not isinstance(data, list) or len(data) != expected or not all(isinstance(entry, dict) for entry in data):
        got = len(data) if isinstance(data, list) else "no"
        raise reply_error(body, f"AIMLAPI answered with {got} embeddings to {expected} texts")
    indexes = [entry.get("index") for entry in data]
    if sorted(index for index in indexes if isinstance(index, int)) == list(range(expected)):
        data = sorted(data, key=lambda entry: entry["index"])
    return [_decode_vector(entry.get("embedding"), body) for entry in data]


def _decode_vector(value: Any, body: Mapping[str, Any]) -> list[float]:
    if isinstance(value, str):
        try:
            floats = array("f", base64.b64decode(value, validate=True))
        except ValueError as error:
            raise reply_error(body, "AIMLAPI answered with an embedding that cannot be read") from error
        if sys.byteorder == "big":  # pragma: no cover
            floats.byteswap()
        return floats.tolist()
    if not isinstance(value, list) or not value:
        raise reply_error(body, "AIMLAPI answered with an embedding that cannot be read")
    return value


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
        **drop_empty(body, {"data", "object", "meta", "model", "usage"}),
        **rest_of_service_meta(body.get("meta")),
        **ids,
        "inference_ids": [inference_id] if inference_id else [],
    }


def add_meta(known: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """
    Add up what several replies tell.

    :param known: What the replies before told.
    :param more: What one more reply tells.
    :returns: Tokens, credits and USD in sum, the ids of all, and everything else as the last one had it.
    """
    if not known:
        return dict(more)
    summed: dict[str, Any] = {
        name: _sum(known.get(name), more.get(name)) for name in ("usage", "cost") if name in {**known, **more}
    }
    return {**known, **more, **summed, "inference_ids": [*known["inference_ids"], *more["inference_ids"]]}


def _sum(known: Any, more: Any) -> Any:
    if isinstance(known, Mapping) and isinstance(more, Mapping):
        return {name: _sum(known.get(name), more.get(name)) for name in {**known, **more}}
    if isinstance(known, (int, float)) and isinstance(more, (int, float)):
        return known + more
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
    _error: APIError | None = None
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
        return None if self._error or not self._pending else self._pending.popleft()

    def add(self, ids: list[str], answer: Any, headers: Mapping[str, str]) -> None:
        """
        Take the answer to a batch.

        :param ids: The ids of its documents.
        :param answer: What the call returned.
        :param headers: The headers of the response.
        :raises APIError: If it is an error, or has not one vector for each text.
        """
        body = checked_body(answer, "embeddings")
        self._vectors.update(zip(ids, decode_vectors(body, expected=len(ids)), strict=True))
        self._meta = add_meta(self._meta, embedding_meta(body, headers))
        self.done += len(ids)

    def fail(self, ids: list[str], error: APIError) -> None:
        """
        Take the failure of a batch. One that was too large is halved.

        :param ids: The ids of its documents.
        :param error: What went wrong.
        """
        if len(ids) > 1 and _is_too_large(error):
            middle = len(ids) // 2
            self._pending.extendleft((ids[middle:], ids[:middle]))
            return
        if len(ids) == 1:
            position = list(self.texts).index(ids[0])
            error.message = f"{error.message} It was about the document {ids[0]}, at position {position}."
            error.args = (error.message,)
        self.done += len(ids)
        if self.raise_on_failure:
            self._error = self._error or error
        else:
            logger.warning(
                "Failed embedding of documents {ids} caused by {error}", ids=", ".join(ids), error=error.message
            )

    def finish(self) -> tuple[dict[str, list[float]], dict[str, Any]]:
        """
        Take the end of the run.

        :returns: The vectors by the ids of their documents, and the meta.
        :raises APIError: The first failure, if one is to be raised. Its `vectors` are those that came before it.
        """
        if self._error:
            self._error.vectors = self._vectors  # type: ignore[attr-defined]
            raise self._error
        return self._vectors, self._meta


def _is_too_large(error: APIError) -> bool:
    return (
        isinstance(error, APIStatusError)
        and error.status_code in _TOO_LARGE_STATUS
        and bool(_TOO_LARGE.search(error.message))
    )
