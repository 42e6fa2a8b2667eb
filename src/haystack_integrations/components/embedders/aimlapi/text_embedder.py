# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping
from typing import Any, ClassVar

from haystack import component
from haystack.components.embedders import OpenAITextEmbedder
from haystack.utils import Secret

from haystack_integrations.common.aimlapi.body import checked_body
from haystack_integrations.common.aimlapi.call import CallContext, call_context, current_call
from haystack_integrations.common.aimlapi.checks import check_types
from haystack_integrations.common.aimlapi.client import BASE_URL, ClientOwner
from haystack_integrations.common.aimlapi.endpoint import request
from haystack_integrations.common.aimlapi.errors import map_api_errors
from haystack_integrations.common.aimlapi.models import DEFAULT_EMBEDDING_MODEL, EMBEDDING_MODELS
from haystack_integrations.common.aimlapi.parameters import merge_parameters
from haystack_integrations.common.aimlapi.representation import with_description
from haystack_integrations.common.aimlapi.serialization import component_to_dict

from ._embed import ANSWER, ENDPOINT, build_arguments, decode_vectors, embedding_meta, typed_reply


@with_description
@component
class AIMLAPITextEmbedder(ClientOwner, OpenAITextEmbedder):
    """
    Embeds a text, such as a query, using any of the embedding models that AIMLAPI (AI/ML API) serves.

    This component works wherever Haystack's `OpenAITextEmbedder` does, with the models of OpenAI, Google, Voyage and
    Alibaba. It shares with the generators the client, the environment variables, errors, retries, cost
    and ids. For the models and what they take, see the
    [AIMLAPI documentation](https://docs.aimlapi.com/api-references/embedding-models).

    ### Usage example
    ```python
    from haystack_integrations.components.embedders.aimlapi import AIMLAPITextEmbedder

    embedder = AIMLAPITextEmbedder(
        model="text-multilingual-embedding-002", generation_kwargs={"task_type": "RETRIEVAL_QUERY"}
    )
    result = embedder.run("Who lives in Paris?")
    print(len(result["embedding"]), result["meta"]["cost"])
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
        generation_kwargs: dict[str, Any] | None = None,
        timeout: float | None = None,
        extra_headers: Mapping[str, str | Secret] | None = None,
        max_retries: int | None = None,
        http_client_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """
        Creates an instance of AIMLAPITextEmbedder.

        :param api_key:
            The AIMLAPI key.
        :param model:
            The id of the model, such as `text-embedding-3-large`.
        :param dimensions:
            How many numbers the vector has. If not set, as many as the model gives.
        :param api_base_url:
            The base URL of the API. `None` means AIMLAPI's own.
        :param prefix:
            What to put before the text.
        :param suffix:
            What to put after the text.
        :param generation_kwargs:
            Parameters of the model, sent as fields of the request body, such as `input_type` (Voyage), or `task_type`
            and `auto_truncate` (Google). `extra_headers`, `extra_query`, `extra_body` and `timeout` (seconds) are
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
        :raises TypeError:
            If a parameter is of another type than it is declared with.
        """
        super(AIMLAPITextEmbedder, self).__init__(  # noqa: UP008 since the decorator makes the class anew
            api_key=api_key,
            model=model,
            dimensions=dimensions,
            api_base_url=api_base_url,
            prefix=prefix,
            suffix=suffix,
            timeout=timeout,
            max_retries=max_retries,
            extra_headers=extra_headers,
            http_client_kwargs=http_client_kwargs,
        )
        check_types(generation_kwargs=generation_kwargs)
        self.generation_kwargs = generation_kwargs or {}

    def to_dict(self) -> dict[str, Any]:
        """
        Serialize this component to a dictionary.

        :returns:
            The serialized component as a dictionary.
        """
        return component_to_dict(self, dimensions=self.dimensions, prefix=self.prefix, suffix=self.suffix)

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    def run(self, text: str) -> dict[str, Any]:
        """
        Embeds a text.

        :param text:
            The text.

        :returns:
            A dictionary with the following keys:
              - `embedding`: The vector.
              - `meta`: The `model`, `usage` (tokens), `cost`, `inference_ids`, and whatever else the API returns.

        :raises TypeError:
            If the text is no string.
        :raises ValueError:
            If the text is empty, there is no API key, or a parameter or header cannot be sent.
        :raises openai.APIError:
            If the call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done.
        """
        with call_context() as call, self._sync_client() as client:
            arguments = self._prepare_input(text=text)
            with map_api_errors(call, model=self.model, hint=ENDPOINT.model_hint):
                return self._prepare_output(result=typed_reply(request(client, ENDPOINT, arguments)))

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    async def run_async(self, text: str) -> dict[str, Any]:
        """
        Embeds a text asynchronously. Parameters, results and errors are those of `run`.

        :param text:
            The text.

        :returns:
            A dictionary with the following keys:
              - `embedding`: The vector.
              - `meta`: The `model`, `usage` (tokens), `cost`, `inference_ids`, and whatever else the API returns.

        :raises TypeError:
            If the text is no string.
        :raises ValueError:
            If the text is empty, there is no API key, or a parameter or header cannot be sent.
        :raises openai.APIError:
            If the call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done.
        """
        with call_context() as call:
            async with self._async_client() as client:
                arguments = self._prepare_input(text=text)
                with map_api_errors(call, model=self.model, hint=ENDPOINT.model_hint):
                    return self._prepare_output(result=typed_reply(await request(client, ENDPOINT, arguments)))

    def _prepare_input(self, text: str) -> dict[str, Any]:
        if not isinstance(text, str):
            msg = (
                f"{type(self).__name__} expects a string as an input, got {type(text).__name__}. "
                "In case you want to embed a list of Documents, please use the AIMLAPIDocumentEmbedder."
            )
            raise TypeError(msg)
        if not (joined := self.prefix + text + self.suffix):
            msg = "The text is empty: there is nothing to embed."
            raise ValueError(msg)
        return build_arguments(
            model=self.model,
            texts=joined,
            dimensions=self.dimensions,
            parameters=merge_parameters(self.generation_kwargs, None, headers=self.extra_headers),
        )

    def _prepare_output(self, result: Any) -> dict[str, Any]:
        body = checked_body(result, ANSWER)
        call = current_call() or CallContext()
        return {"embedding": decode_vectors(body, expected=1)[0], "meta": embedding_meta(body, call.headers)}
