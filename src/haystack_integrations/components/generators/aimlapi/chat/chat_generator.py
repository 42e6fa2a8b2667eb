# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping
from typing import Any, ClassVar

from haystack import component
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, StreamingCallbackT
from haystack.utils import Secret, serialize_callable
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

from haystack_integrations.common.aimlapi.call import current_call
from haystack_integrations.common.aimlapi.client import BASE_URL
from haystack_integrations.common.aimlapi.models import CHAT_MODELS, DEFAULT_CHAT_MODEL
from haystack_integrations.common.aimlapi.parameters import merge_parameters
from haystack_integrations.common.aimlapi.representation import with_description
from haystack_integrations.common.aimlapi.serialization import component_to_dict, serialize_tools

from ._completions.answer_tool import accumulate_answer, decode_answer
from ._completions.hosted_tools import HostedToolRounds
from ._completions.request import build_arguments, convert_tool
from ._completions.structured_output import with_structured_output
from ._inputs import AnyTools, choose_tools, convert_tools, haystack_tools, json_schema_format
from ._run import ChatComponent, ChatEndpoint, complete, complete_async

_ENDPOINT = ChatEndpoint(
    name="chat",
    path="/chat/completions",
    resource=lambda client: client.chat.completions,
    declared=CompletionCreateParamsNonStreaming.__annotations__,
    answer="a completion",
    decode=decode_answer,
    accumulator=accumulate_answer,
)


@with_description
@component
class AIMLAPIChatGenerator(ChatComponent, OpenAIChatGenerator):
    """
    Completes chats using any of the chat models that AIMLAPI (AI/ML API) serves.

    AIMLAPI puts hundreds of models from dozens of vendors behind one key and an OpenAI-compatible endpoint. This
    component works wherever Haystack's `OpenAIChatGenerator` does: in pipelines, in an `Agent`, in YAML. Beyond it:

    - Reasoning of any model is in `reply.reasoning`, live in `StreamingChunk.reasoning`, and goes back in tool loops.
    - Whatever else the API returns is in `reply.meta`: `cost`, `inference_id`, citations, fields of single providers.
    - Any parameter of any provider can be passed in `generation_kwargs`.
    - Errors are the OpenAI SDK's exceptions with AIMLAPI's message and what to do; only what may pass is tried again.

    For the models, see the [AIMLAPI model database](https://docs.aimlapi.com/api-references/model-database).

    ### Usage example
    ```python
    from haystack.dataclasses import ChatMessage
    from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator

    generator = AIMLAPIChatGenerator(model="openai/gpt-5.6-terra")
    reply = generator.run([ChatMessage.from_user("What's Natural Language Processing?")])["replies"][0]
    print(reply.text)
    print(reply.meta["usage"], reply.meta["cost"])
    ```
    """

    SUPPORTED_MODELS: ClassVar[list[str]] = CHAT_MODELS
    """A selection of the chat models, newest first per vendor. Any other id that AIMLAPI serves works as well.
    See https://docs.aimlapi.com/api-references/model-database for all of them."""

    _endpoint = _ENDPOINT

    def __init__(  # noqa: PLR0913 as Haystack's parent class has them
        self,
        *,
        api_key: Secret = Secret.from_env_var("AIMLAPI_API_KEY"),
        model: str = DEFAULT_CHAT_MODEL,
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
        Creates an instance of AIMLAPIChatGenerator.

        :param api_key:
            The AIMLAPI key.
        :param model:
            The id of the model, such as `anthropic/claude-sonnet-5`.
        :param streaming_callback:
            A function that is called with each `StreamingChunk` as it arrives. If set, replies are streamed.
        :param api_base_url:
            The base URL of the API. If it is left at its default, or `None`, the environment variable
            `AIMLAPI_API_BASE` counts, if it is set.
        :param generation_kwargs:
            Parameters of the model, sent as fields of the request body, whether OpenAI knows them or not.
            `extra_headers`, `extra_query`, `extra_body` and `timeout` (seconds) are options of the request. Among the
            parameters:
              - `max_tokens`: The most tokens to generate. Some older models stop at 512 if it is left out.
              - `temperature`, `top_p`, `top_k`, `min_p`: How tokens are sampled.
              - `reasoning_effort`, `reasoning`, `thinking`, `enable_thinking`: How much a model thinks, by vendor.
              - `tool_choice`, `parallel_tool_calls`: Whether and how tools are called.
              - `response_format`: A Pydantic class, a JSON schema as the API takes it, or `{"type": "json_object"}`. A
                model that does not take it is given a tool to answer with, or an instruction. In `extra_body` it is
                sent as it is.
              - `n`: The number of replies. Not with streaming.
              - `stream_options`: `{"include_usage": True}` if left out; `None` sends none.
        :param tools:
            A list of Tool and Toolset objects, or a single Toolset, that the model may call. In the list there can be
            definitions of tools as the API takes them, such as
            `{"type": "builtin_function", "function": {"name": "$web_search"}}` of Kimi.
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
        super(AIMLAPIChatGenerator, self).__init__(  # noqa: UP008 since the decorator makes the class anew
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
        generation_kwargs = self.generation_kwargs
        if "response_format" in generation_kwargs:
            schema = json_schema_format(generation_kwargs["response_format"])
            generation_kwargs = {**generation_kwargs, "response_format": schema}
        # As 3.0.0 wrote it, which knew no `tools_strict`.
        tools_strict = {"tools_strict": True} if self.tools_strict else {}
        return component_to_dict(
            self,
            streaming_callback=serialize_callable(self.streaming_callback) if self.streaming_callback else None,
            generation_kwargs=generation_kwargs,
            tools=serialize_tools(self.tools),
            **tools_strict,
        )

    @component.output_types(replies=list[ChatMessage])
    def run(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: AnyTools | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, list[ChatMessage]]:
        """
        Completes the chat.

        :param messages:
            The conversation, or the text of a single user message. Nothing is sent for an empty list. `cache_control`
            in the `meta` of a message caches the prompt up to there. A FileContent can be a document, audio or video.
            Without data, audio, video and images are sent by their address: `FileContent.extra["url"]`,
            `ImageContent.meta["url"]`.
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
              - `replies`: The replies as a list of ChatMessage instances.

        :raises TypeError:
            If a parameter is of another type than it is declared with.
        :raises ValueError:
            If there is no API key, or a parameter, header or message cannot be sent.
        :raises openai.APIError:
            If the call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done.
        """
        rounds = HostedToolRounds(messages)
        while rounds.result is None:
            rounds.add(
                complete(
                    self,
                    rounds.messages,
                    streaming_callback,
                    generation_kwargs=generation_kwargs,
                    tools=tools,
                    tools_strict=tools_strict,
                )
            )
        return rounds.result

    @component.output_types(replies=list[ChatMessage])
    async def run_async(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: AnyTools | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, list[ChatMessage]]:
        """
        Completes the chat asynchronously. Parameters, results and errors are those of `run`.

        :param messages:
            The conversation, or the text of a single user message. Nothing is sent for an empty list. `cache_control`
            in the `meta` of a message caches the prompt up to there. A FileContent can be a document, audio or video.
            Without data, audio, video and images are sent by their address: `FileContent.extra["url"]`,
            `ImageContent.meta["url"]`.
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
              - `replies`: The replies as a list of ChatMessage instances.

        :raises TypeError:
            If a parameter is of another type than it is declared with.
        :raises ValueError:
            If there is no API key, or a parameter, header or message cannot be sent.
        :raises openai.APIError:
            If the call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done.
        """
        rounds = HostedToolRounds(messages)
        while rounds.result is None:
            rounds.add(
                await complete_async(
                    self,
                    rounds.messages,
                    streaming_callback,
                    generation_kwargs=generation_kwargs,
                    tools=tools,
                    tools_strict=tools_strict,
                )
            )
        return rounds.result

    def _prepare_api_call(
        self,
        *,
        messages: list[ChatMessage],
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        tools: AnyTools | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, Any]:
        arguments = build_arguments(
            model=self.model,
            messages=messages,
            tools=convert_tools(
                choose_tools(self.tools, tools),
                convert_tool,
                strict=self.tools_strict if tools_strict is None else tools_strict,
            ),
            parameters=merge_parameters(self.generation_kwargs, generation_kwargs, headers=self.extra_headers),
            stream=streaming_callback is not None,
        )
        arguments, expected = with_structured_output(arguments)
        if call := current_call():
            call.answer_tool = expected
        # The parent's contract, which the tests of 3.0.0 hold it to.
        return {**_ENDPOINT.by_name(arguments), "openai_endpoint": "create"}
