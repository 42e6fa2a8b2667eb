# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from haystack import Document, component, logging
from haystack.components.embedders import OpenAIDocumentEmbedder
from haystack.utils import Secret
from openai import APIError
from tqdm import tqdm

from haystack_integrations.common.aimlapi.call import call_context
from haystack_integrations.common.aimlapi.checks import check_types
from haystack_integrations.common.aimlapi.client import BASE_URL, ClientOwner
from haystack_integrations.common.aimlapi.endpoint import request
from haystack_integrations.common.aimlapi.errors import map_api_errors
from haystack_integrations.common.aimlapi.models import DEFAULT_EMBEDDING_MODEL, EMBEDDING_MODELS, profile
from haystack_integrations.common.aimlapi.parameters import merge_parameters
from haystack_integrations.common.aimlapi.representation import with_description
from haystack_integrations.common.aimlapi.serialization import component_to_dict

from ._embed import ENDPOINT, Batches, build_arguments, is_too_large

logger = logging.getLogger(__name__)


@with_description
@component
class AIMLAPIDocumentEmbedder(ClientOwner, OpenAIDocumentEmbedder):
    """
    Embeds documents using any of the embedding models that AIMLAPI (AI/ML API) serves.

    This component works wherever Haystack's `OpenAIDocumentEmbedder` does, with the models of OpenAI, Google, Voyage
    and Alibaba. It shares with the generators the client, the environment variables, errors, retries, cost and ids.
    Beyond its parent:

    - A failure is raised by default: an index with holes is worse than an error. What was embedded, and paid, before
      it is in the `documents` of the error.
    - A batch that is too large for the model is halved and sent again, down to a single text, which the error names.
    - `run_async` sends several batches at once.

    ### Usage example
    ```python
    from haystack import Document
    from haystack_integrations.components.embedders.aimlapi import AIMLAPIDocumentEmbedder

    embedder = AIMLAPIDocumentEmbedder(meta_fields_to_embed=["title"])
    result = embedder.run([Document(content="My name is Jean and I live in Paris.", meta={"title": "Jean"})])
    print(len(result["documents"][0].embedding), result["meta"]["cost"])
    ```
    """

    SUPPORTED_MODELS: ClassVar[list[str]] = EMBEDDING_MODELS
    """The embedding models. Any other id that AIMLAPI serves works as well."""

    _endpoint = ENDPOINT

    def __init__(  # noqa: PLR0913 as Haystack's parent class has them
        self,
        *,
        api_key: Secret = Secret.from_env_var("AIMLAPI_API_KEY"),
        model: str = DEFAULT_EMBEDDING_MODEL,
        dimensions: int | None = None,
        api_base_url: str | None = BASE_URL,
        prefix: str = "",
        suffix: str = "",
        batch_size: int = 32,
        progress_bar: bool = True,
        meta_fields_to_embed: list[str] | None = None,
        embedding_separator: str = "\n",
        generation_kwargs: dict[str, Any] | None = None,
        timeout: float | None = None,
        extra_headers: Mapping[str, str | Secret] | None = None,
        max_retries: int | None = None,
        http_client_kwargs: dict[str, Any] | None = None,
        raise_on_failure: bool = True,
        concurrency_limit: int = 4,
    ) -> None:
        """
        Creates an instance of AIMLAPIDocumentEmbedder.

        :param api_key:
            The AIMLAPI key.
        :param model:
            The id of the model, such as `text-embedding-3-large`.
        :param dimensions:
            How many numbers each vector has. If not set, as many as the model gives.
        :param api_base_url:
            The base URL of the API. `None` means AIMLAPI's own.
        :param prefix:
            What to put before each text.
        :param suffix:
            What to put after each text.
        :param batch_size:
            How many documents are sent at once, at most. Fewer, if the model is known to take fewer.
        :param progress_bar:
            Whether to show a progress bar.
        :param meta_fields_to_embed:
            Fields of the documents' meta that are embedded with the text.
        :param embedding_separator:
            What stands between these fields and the text.
        :param generation_kwargs:
            Parameters of the model, sent as fields of the request body, such as `task_type` and `auto_truncate`
            (Google), or `input_type` (Voyage). `extra_headers`, `extra_query`, `extra_body` and `timeout` (seconds) are
            options of the request.
        :param timeout:
            Seconds until a call without an answer fails. If not set, the environment variable `AIMLAPI_TIMEOUT`, else
            the SDK's default: 600 seconds, and 5 to connect.
        :param extra_headers:
            HTTP headers of each request. The value can be a Secret.
        :param max_retries:
            How often a call is tried again after a fault that may pass. If not set, the environment variable
            `AIMLAPI_MAX_RETRIES`, else 5.
        :param http_client_kwargs:
            Keyword arguments of the HTTP client, laid over the SDK's defaults. The client is an `httpx2.Client` or
            `httpx2.AsyncClient`, or one of `httpx` if a value is an object of `httpx`. `limits` can be a dictionary.
        :param raise_on_failure:
            Whether a failure is raised. If not, it is logged, and the documents that it is about have no embedding.
        :param concurrency_limit:
            How many batches `run_async` sends at once, at most.
        :raises TypeError:
            If a parameter is of another type than it is declared with.
        :raises ValueError:
            If `batch_size` or `concurrency_limit` is less than 1.
        """
        super(AIMLAPIDocumentEmbedder, self).__init__(  # noqa: UP008 since the decorator makes the class anew
            api_key=api_key,
            model=model,
            dimensions=dimensions,
            api_base_url=api_base_url,
            prefix=prefix,
            suffix=suffix,
            batch_size=batch_size,
            progress_bar=progress_bar,
            meta_fields_to_embed=meta_fields_to_embed,
            embedding_separator=embedding_separator,
            timeout=timeout,
            max_retries=max_retries,
            extra_headers=extra_headers,
            http_client_kwargs=http_client_kwargs,
            raise_on_failure=raise_on_failure,
        )
        for name, value in (("batch_size", batch_size), ("concurrency_limit", concurrency_limit)):
            if value < 1:
                msg = f"`{name}` must be at least 1, got {value}."
                raise ValueError(msg)
        check_types(generation_kwargs=generation_kwargs)
        self.generation_kwargs = generation_kwargs or {}
        self.concurrency_limit = concurrency_limit

    def to_dict(self) -> dict[str, Any]:
        """
        Serialize this component to a dictionary.

        :returns:
            The serialized component as a dictionary.
        """
        return component_to_dict(
            self,
            dimensions=self.dimensions,
            prefix=self.prefix,
            suffix=self.suffix,
            batch_size=self.batch_size,
            progress_bar=self.progress_bar,
            meta_fields_to_embed=self.meta_fields_to_embed,
            embedding_separator=self.embedding_separator,
            raise_on_failure=self.raise_on_failure,
            concurrency_limit=self.concurrency_limit,
        )

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """
        Embeds documents.

        :param documents:
            The documents. They stay as they are.

        :returns:
            A dictionary with the following keys:
              - `documents`: Copies of the documents with their embeddings, in the same order.
              - `meta`: The `model`; `usage` (tokens) and `cost` in sum; the `inference_ids` of all calls; and whatever
                else the API returns.

        :raises TypeError:
            If `documents` is no list of documents.
        :raises ValueError:
            If a document has nothing to embed, there is no API key, or a parameter or header cannot be sent.
        :raises openai.APIError:
            If a call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done. Its attribute
            `documents` holds copies of all documents, with the embeddings that were made, and paid, before or beside
            it; `document_ids` those of its batch.
        """
        texts = self._checked_texts(documents)
        if not texts:
            return {"documents": _with_embeddings(documents, {}), "meta": {}}
        self.warm_up()
        with _documents_in_error(documents):
            vectors, meta = self._embed_batch(texts_to_embed=texts, batch_size=self.batch_size)
        return {"documents": _with_embeddings(documents, vectors), "meta": meta}

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(self, documents: list[Document]) -> dict[str, Any]:
        """
        Embeds documents asynchronously, several batches at once. Parameters, results and errors are those of `run`.

        :param documents:
            The documents. They stay as they are.

        :returns:
            A dictionary with the following keys:
              - `documents`: Copies of the documents with their embeddings, in the same order.
              - `meta`: The `model`; `usage` (tokens) and `cost` in sum; the `inference_ids` of all calls; and whatever
                else the API returns.

        :raises TypeError:
            If `documents` is no list of documents.
        :raises ValueError:
            If a document has nothing to embed, there is no API key, or a parameter or header cannot be sent.
        :raises openai.APIError:
            If a call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done. Its attribute
            `documents` holds copies of all documents, with the embeddings that were made, and paid, before or beside
            it; `document_ids` those of its batch.
        """
        texts = self._checked_texts(documents)
        if not texts:
            return {"documents": _with_embeddings(documents, {}), "meta": {}}
        async with self._async_client():
            with _documents_in_error(documents):
                vectors, meta = await self._embed_batch_async(texts_to_embed=texts, batch_size=self.batch_size)
        return {"documents": _with_embeddings(documents, vectors), "meta": meta}

    def _checked_texts(self, documents: list[Document]) -> dict[str, str]:
        if not isinstance(documents, list) or not all(isinstance(document, Document) for document in documents):
            msg = (
                f"{type(self).__name__} expects a list of Documents as input. "
                "In case you want to embed a string, please use the AIMLAPITextEmbedder."
            )
            raise TypeError(msg)
        texts = self._prepare_texts_to_embed(documents=documents)
        if empty := [document_id for document_id, text in texts.items() if not text]:
            msg = f"There is nothing to embed in the documents {', '.join(empty)}: their texts are empty."
            if self.raise_on_failure:
                raise ValueError(msg)
            logger.warning("{reason}", reason=msg)
        return {document_id: text for document_id, text in texts.items() if text}

    def _embed_batch(
        self, texts_to_embed: dict[str, str], batch_size: int
    ) -> tuple[dict[str, list[float]], dict[str, Any]]:
        batches = self._batches(texts_to_embed, batch_size)
        with self._progress_bar(batches) as bar:
            while (ids := batches.next()) is not None:
                with call_context() as call, self._sync_client() as client:
                    arguments = self._arguments([texts_to_embed[document_id] for document_id in ids])
                    try:
                        with map_api_errors(call, model=self.model, hint=ENDPOINT.model_hint):
                            batches.add(ids, request(client, ENDPOINT, arguments), call.headers)
                    except APIError as error:
                        batches.fail(ids, error)
                bar.update(batches.done - bar.n)
        return batches.finish()

    async def _embed_batch_async(
        self, texts_to_embed: dict[str, str], batch_size: int
    ) -> tuple[dict[str, list[float]], dict[str, Any]]:
        batches = self._batches(texts_to_embed, batch_size)

        async def send_batches() -> None:
            while (ids := batches.next()) is not None:
                with call_context() as call:
                    async with self._async_client() as client:
                        arguments = self._arguments([texts_to_embed[document_id] for document_id in ids])
                        try:
                            with map_api_errors(call, model=self.model, hint=ENDPOINT.model_hint):
                                batches.add(ids, await request(client, ENDPOINT, arguments), call.headers)
                        except APIError as error:
                            batches.fail(ids, error)
                bar.update(batches.done - bar.n)

        with self._progress_bar(batches) as bar:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self.concurrency_limit, batches.waiting)):
                        group.create_task(send_batches())
            except BaseExceptionGroup as failures:
                # As `run` raises it.
                failure = failures.exceptions[0]
                raise failure from failure.__cause__
        return batches.finish()

    def _batches(self, texts: dict[str, str], batch_size: int) -> Batches:
        declared = profile(self.model).embedding
        size = min(batch_size, declared.most) if declared else batch_size
        return Batches(texts=texts, size=size, raise_on_failure=self.raise_on_failure)

    def _progress_bar(self, batches: Batches) -> "tqdm[Any]":
        return tqdm(total=len(batches.texts), disable=not self.progress_bar, desc="Calculating embeddings")

    def _arguments(self, texts: list[str]) -> dict[str, Any]:
        return build_arguments(
            model=self.model,
            texts=texts,
            dimensions=self.dimensions,
            parameters=merge_parameters(self.generation_kwargs, None, headers=self.extra_headers),
        )


def _with_embeddings(documents: list[Document], vectors: dict[str, list[float]]) -> list[Document]:
    # One that is left over from another model would be compared with those of this one.
    return [replace(document, embedding=vectors.get(document.id)) for document in documents]


@contextmanager
def _documents_in_error(documents: list[Document]) -> Iterator[None]:
    try:
        yield
    except APIError as error:
        vars(error)["documents"] = _with_embeddings(documents, vars(error).pop("vectors", {}))
        ids = getattr(error, "document_ids", [])
        if len(ids) == 1 and is_too_large(error):
            position = next(place for place, document in enumerate(documents) if document.id in ids)
            error.message = f"{error.message} It is about the document {ids[0]}, at position {position}: split it."
            error.args = (error.message,)
        raise
