# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping
from typing import Any, ClassVar

from haystack import component
from haystack.components.generators.chat import OpenAIResponsesChatGenerator
from haystack.dataclasses import ChatMessage, StreamingCallbackT
from haystack.utils import Secret, serialize_callable
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

from haystack_integrations.common.aimlapi.client import BASE_URL
from haystack_integrations.common.aimlapi.models import DEFAULT_RESPONSES_MODEL, RESPONSES_MODELS
from haystack_integrations.common.aimlapi.parameters import merge_parameters
from haystack_integrations.common.aimlapi.representation import with_description
from haystack_integrations.common.aimlapi.serialization import component_to_dict, serialize_tools

from ._inputs import AnyTools, choose_tools, convert_tools, haystack_tools
from ._responses.accumulator import ResponseAccumulator
from ._responses.reply import decode_response
from ._responses.request import (
    ask_for_reasoning,
    build_arguments,
    check_parameters,
    convert_tool,
    unflatten,
    with_text_format,
)
from ._run import ChatComponent, ChatEndpoint, complete, complete_async

_ENDPOINT = ChatEndpoint(
    name="responses",
    path="/responses",
    resource=lambda client: client.responses,
    declared=ResponseCreateParamsNonStreaming.__annotations__,
    answer="a response",
    decode=decode_response,
    accumulator=ResponseAccumulator,
)


@with_description
@component
class AIMLAPIResponsesChatGenerator(ChatComponent, OpenAIResponsesChatGenerator):
    """
    Completes chats using the models that AIMLAPI (AI/ML API) serves on its Responses endpoint, `/v1/responses`.

    Some of the strongest text models, such as `openai/gpt-5-5-pro` and the Codex models, answer only there. This
    component works wherever Haystack's `OpenAIResponsesChatGenerator` does, and shares with `AIMLAPIChatGenerator` the
    client, the environment variables, errors, retries, cost and ids. Beyond its parent:

    - Reasoning goes back encrypted in tool loops, since AIMLAPI stores no responses unless `store` is set.
    - Plain and streamed replies are the same, and nothing that the API returns is lost: see `reply.meta`.
    - Parameters that the endpoint would drop silently are refused.

    ### Usage example
    ```python
    from haystack.dataclasses import ChatMessage
    from haystack_integrations.components.generators.aimlapi import AIMLAPIResponsesChatGenerator

    generator = AIMLAPIResponsesChatGenerator(
        model="openai/gpt-5-4", generation_kwargs={"reasoning": {"effort": "low", "summary": "auto"}}
    )
    reply = generator.run([ChatMessage.from_user("What's Natural Language Processing?")])["replies"][0]
    print(reply.text)
    print(reply.meta["usage"], reply.meta["cost"])
    ```
    """

    SUPPORTED_MODELS: ClassVar[list[str]] = RESPONSES_MODELS
    """The models that are documented for the endpoint. Any other id that AIMLAPI serves there works as well.
    See https://docs.aimlapi.com/api-references/model-database for all of them."""

    _endpoint = _ENDPOINT

    def __init__(  # noqa: PLR0913 as Haystack's parent class has them
        self,
        *,
        api_key: Secret = Secret.from_env_var("AIMLAPI_API_KEY"),
        model: str = DEFAULT_RESPONSES_MODEL,
        streaming_callback: StreamingCallbackT | None = None,
        api_base_url: str | None = BASE_URL,
        generation_kwargs: dict[str, Any] | None = None,
        tools: AnyTools | None = None,
        tools_strict: bool = False,
        timeout: float | None = None,
        extra_headers: Mapping[str, str | Secret] | None = None,
        max_retries: int | None = None,
        http_client_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """
        Creates an instance of AIMLAPIResponsesChatGenerator.

        :param api_key:
            The AIMLAPI key.
        :param model:
            The id of the model, such as `openai/gpt-5-5-pro`.
        :param streaming_callback:
            A function that is called with each `StreamingChunk` as it arrives. If set, replies are streamed.
        :param api_base_url:
            The base URL of the API. If it is left at its default, or `None`, the environment variable
            `AIMLAPI_API_BASE` counts, if it is set.
        :param generation_kwargs:
            Parameters of the model, sent as fields of the request body. `extra_headers`, `extra_query`, `extra_body`
            and `timeout` (seconds) are options of the request. A parameter that the endpoint is known to drop is
            refused; in `extra_body` anything can be sent. Among the parameters:
              - `max_output_tokens`: The most tokens to generate, reasoning included.
              - `reasoning`: Such as `{"effort": "low", "summary": "auto"}`. `reasoning_effort` and `reasoning_summary`
                set its entries, as `reasoning_mode` does and `verbosity` in `text`: AIMLAPI documents neither.
              - `text_format`: A Pydantic class that the reply follows. `text` takes a JSON schema as the API does.
              - `instructions`, `temperature`, `top_p`, `tool_choice`, `parallel_tool_calls`, `truncation`.
              - `include`: What else to return. With tools, models that take their reasoning back are asked for
                `reasoning.encrypted_content` if it is left out; `None` asks for nothing.
              - `store`: Whether the response is stored, for `previous_response_id`. AIMLAPI stores none by default.
        :param tools:
            A list of Tool and Toolset objects, or a single Toolset, that the model may call. In the list there can be
            definitions of tools as the API takes them, such as `{"type": "web_search_preview"}`.
        :param tools_strict:
            Whether tool calls must follow the schema of the tool strictly. All properties become required.
        :param timeout:
            Seconds until a call without an answer fails. If not set, the environment variable `AIMLAPI_TIMEOUT`, else
            the SDK's default: 600 seconds, and 5 to connect.
        :param extra_headers:
            HTTP headers of each request. The value can be a Secret. `X-Client-Request-Id` correlates a call with
            AIMLAPI's logs; `HTTP-Referer` and `X-Title` replace the attribution to Haystack.
        :param max_retries:
            How often a call is tried again after a fault that may pass. If not set, the environment variable
            `AIMLAPI_MAX_RETRIES`, else 5.
        :param http_client_kwargs:
            Keyword arguments of the HTTP client, laid over the SDK's defaults. The client is an `httpx2.Client` or
            `httpx2.AsyncClient`, or one of `httpx` if a value is an object of `httpx`. `limits` can be a dictionary.
        :raises TypeError:
            If a parameter is of another type than it is declared with.
        :raises ValueError:
            If two tools have the same name, or a number is negative.
        """
        super(AIMLAPIResponsesChatGenerator, self).__init__(  # noqa: UP008 since the decorator makes the class anew
            api_key=api_key,
            model=model,
            streaming_callback=streaming_callback,
            api_base_url=api_base_url,
            generation_kwargs=generation_kwargs,
            tools=haystack_tools(tools),
            tools_strict=tools_strict,
            timeout=timeout,
            max_retries=max_retries,
            extra_headers=extra_headers,
            http_client_kwargs=http_client_kwargs,
        )
        self.tools: Any = tools

    def to_dict(self) -> dict[str, Any]:
        """
        Serialize this component to a dictionary.

        :returns:
            The serialized component as a dictionary.
        """
        return component_to_dict(
            self,
            streaming_callback=serialize_callable(self.streaming_callback) if self.streaming_callback else None,
            generation_kwargs=with_text_format(self.generation_kwargs),
            tools=serialize_tools(self.tools),
            tools_strict=self.tools_strict,
        )

    @component.output_types(replies=list[ChatMessage])
    def run(
        self,
        messages: list[ChatMessage] | str,
        *,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        tools: AnyTools | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, list[ChatMessage]]:
        """
        Completes the chat.

        :param messages:
            The conversation, or the text of a single user message. Nothing is sent for an empty list. An image without
            data is sent by its address: `ImageContent.meta["url"]`.
        :param streaming_callback:
            A function that is called with each `StreamingChunk` as it arrives. If set, it replaces that of init.
        :param generation_kwargs:
            Parameters of the model. They override those of init per key; `extra_body` and `extra_headers` are merged
            one level deeper. See `__init__`.
        :param tools:
            The tools that the model may call. If set, they replace those of init; an empty list means none. Hosted
            tools of init stay beside Tool and Toolset objects, as an Agent passes them.
        :param tools_strict:
            Whether tool calls must follow the schema of the tool strictly. If set, it overrides that of init.

        :returns:
            A dictionary with the following key:
              - `replies`: The reply as a list of one ChatMessage.

        :raises TypeError:
            If a parameter is of another type than it is declared with.
        :raises ValueError:
            If there is no API key, or a parameter, header or message cannot be sent.
        :raises openai.APIError:
            If the call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done.
        """
        return complete(
            self,
            messages,
            streaming_callback,
            generation_kwargs=generation_kwargs,
            tools=tools,
            tools_strict=tools_strict,
        )

    @component.output_types(replies=list[ChatMessage])
    async def run_async(
        self,
        messages: list[ChatMessage] | str,
        *,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        tools: AnyTools | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, list[ChatMessage]]:
        """
        Completes the chat asynchronously. Parameters, results and errors are those of `run`.

        :param messages:
            The conversation, or the text of a single user message. Nothing is sent for an empty list.
        :param streaming_callback:
            A function that is called, and awaited if need be, with each `StreamingChunk` as it arrives. A synchronous
            one blocks the event loop while it runs.
        :param generation_kwargs:
            Parameters of the model. They override those of init per key; `extra_body` and `extra_headers` are merged
            one level deeper. See `__init__`.
        :param tools:
            The tools that the model may call. If set, they replace those of init; an empty list means none. Hosted
            tools of init stay beside Tool and Toolset objects, as an Agent passes them.
        :param tools_strict:
            Whether tool calls must follow the schema of the tool strictly. If set, it overrides that of init.

        :returns:
            A dictionary with the following key:
              - `replies`: The reply as a list of one ChatMessage.

        :raises TypeError:
            If a parameter is of another type than it is declared with.
        :raises ValueError:
            If there is no API key, or a parameter, header or message cannot be sent.
        :raises openai.APIError:
            If the call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done.
        """
        return await complete_async(
            self,
            messages,
            streaming_callback,
            generation_kwargs=generation_kwargs,
            tools=tools,
            tools_strict=tools_strict,
        )

    def _prepare_api_call(
        self,
        *,
        messages: list[ChatMessage],
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        tools: AnyTools | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, Any]:
        parameters = merge_parameters(self.generation_kwargs, generation_kwargs, headers=self.extra_headers)
        check_parameters(parameters)
        sent_tools = convert_tools(
            choose_tools(self.tools, tools),
            convert_tool,
            strict=self.tools_strict if tools_strict is None else tools_strict,
        )
        parameters = ask_for_reasoning(parameters, model=self.model, tools=sent_tools)
        arguments = build_arguments(
            model=self.model,
            messages=messages,
            tools=sent_tools,
            parameters=self._resolve_flattened_kwargs(parameters),
            stream=streaming_callback is not None,
        )
        return {**_ENDPOINT.by_name(arguments), "openai_endpoint": "create"}

    def _resolve_flattened_kwargs(self, generation_kwargs: dict[str, Any]) -> dict[str, Any]:
        return unflatten(with_text_format(generation_kwargs))
