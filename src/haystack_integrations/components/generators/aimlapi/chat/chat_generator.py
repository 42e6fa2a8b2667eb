# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import inspect
from contextlib import aclosing, closing
from typing import Any, ClassVar

from haystack import component, default_from_dict, default_to_dict
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, ComponentInfo, StreamingCallbackT, select_streaming_callback
from haystack.tools import (
    ToolsType,
    deserialize_tools_or_toolset_inplace,
    serialize_tools_or_toolset,
)
from haystack.utils import Secret, serialize_callable

from haystack_integrations.components.generators.aimlapi._call import (
    deserialize_component_data,
    merge_parameters,
    serialize_headers,
    serialize_parameters,
)
from haystack_integrations.components.generators.aimlapi._client import BASE_URL, ClientOwner, recorded_response
from haystack_integrations.components.generators.aimlapi._errors import failures, reject
from haystack_integrations.components.generators.aimlapi._stream import async_frames, completion_body, frames

from .reply import StreamFold, decode_completion
from .request import as_messages, as_tools, build_arguments, response_format, untyped


@component
class AIMLAPIChatGenerator(ClientOwner, OpenAIChatGenerator):
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

    generator = AIMLAPIChatGenerator(model="openai/gpt-5-chat-latest")
    reply = generator.run([ChatMessage.from_user("What's Natural Language Processing?")])["replies"][0]
    print(reply.text)
    print(reply.meta["usage"], reply.meta["cost"])
    ```
    """

    SUPPORTED_MODELS: ClassVar[list[str]] = [
        "openai/gpt-5-chat-latest",
        "openai/gpt-5.6-sol",
        "openai/gpt-5.6-terra",
        "openai/gpt-5.6-luna",
        "openai/gpt-5-5",
        "openai/gpt-5-2",
        "openai/gpt-5-1",
        "openai/gpt-5-mini-2025-08-07",
        "openai/gpt-4.1-2025-04-14",
        "openai/gpt-4o",
        "openai/gpt-oss-120b",
        "anthropic/claude-opus-5",
        "anthropic/claude-sonnet-5",
        "anthropic/claude-opus-4-8",
        "anthropic/claude-sonnet-4.6",
        "anthropic/claude-haiku-4.5",
        "google/gemini-3-7-flash",
        "google/gemini-3-6-flash",
        "google/gemini-3-5-flash",
        "google/gemini-3-1-pro-preview",
        "google/gemini-2.5-pro",
        "google/gemini-2.5-flash",
        "google/gemma-4-31b-it",
        "deepseek/deepseek-v4-pro-0813",
        "deepseek/deepseek-v4-pro",
        "deepseek/deepseek-v4-flash",
        "x-ai/grok-4-6",
        "x-ai/grok-4-5",
        "x-ai/grok-4-3",
        "alibaba/qwen3.8-max",
        "alibaba/qwen3.8-27b",
        "alibaba/qwen3.7-plus",
        "alibaba/qwen3.6-flash",
        "moonshotai/kimi-k3",
        "moonshot/kimi-k2-7-code",
        "moonshot/kimi-k2-6",
        "minimax/minimax-m3",
        "minimax/m2-7-20260402",
        "mistralai/mistral-small-2603",
        "mistralai/mistral-medium-3.1",
        "mistralai/codestral-2508",
        "mistralai/ministral-14b-2512",
        "meta/muse-spark-1.2",
        "meta/muse-glimmer-30b",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "zhipu/glm-5.3",
        "zhipu/glm-5-2",
        "cohere/command-a",
        "nvidia/nemotron-3.5-lightning",
        "nvidia/nemotron-3-ultra-550b-a55b",
        "perplexity/sonar-pro",
        "perplexity/sonar",
        "bytedance-seed/seed-2-1-turbo",
        "bytedance/dola-seed-2-0-pro",
        "baidu/ernie-5.0",
        "amazon/nova-2-lite-v1",
        "ai21/jamba-large-1.7",
        "nousresearch/hermes-4-405b",
        "xiaomi/mimo-v2.5-pro",
        "stepfun/step-3.7-flash",
    ]
    """A selection of the chat models, newest first per vendor. Any other id that AIMLAPI serves works as well.
    See https://docs.aimlapi.com/api-references/model-database for all of them."""

    def __init__(
        self,
        *,
        api_key: Secret = Secret.from_env_var("AIMLAPI_API_KEY"),
        model: str = "openai/gpt-5-chat-latest",
        streaming_callback: StreamingCallbackT | None = None,
        api_base_url: str | None = BASE_URL,
        generation_kwargs: dict[str, Any] | None = None,
        tools: ToolsType | None = None,
        tools_strict: bool = False,
        timeout: float | None = None,
        extra_headers: dict[str, str | Secret] | None = None,
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
            The base URL of the API. `None` means AIMLAPI's own.
        :param generation_kwargs:
            Parameters of the model, sent as fields of the request body, whether OpenAI knows them or not. Among them:
            - `max_tokens`: The most tokens to generate. Some older models stop at 512 if it is left out.
            - `temperature`, `top_p`, `top_k`, `min_p`: How tokens are sampled.
            - `reasoning_effort`, `reasoning`, `thinking`, `enable_thinking`: How much a model thinks, by vendor.
            - `tool_choice`, `parallel_tool_calls`: Whether and how tools are called.
            - `response_format`: A Pydantic class, a JSON schema as the API takes it, or `{"type": "json_object"}`.
            - `n`: The number of replies. Not with streaming.
            - `stream_options`: `{"include_usage": True}` if left out; `None` sends none.

            `extra_headers`, `extra_query`, `extra_body` and `timeout` (seconds) are options of the request.
        :param tools:
            A list of Tool and/or Toolset objects, or a single Toolset, that the model may call.
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
        :raises ValueError:
            If two tools have the same name.
        """
        super(AIMLAPIChatGenerator, self).__init__(  # noqa: UP008 since the decorator makes the class anew
            api_key=api_key,
            model=model,
            streaming_callback=streaming_callback,
            api_base_url=api_base_url,
            generation_kwargs=generation_kwargs,
            tools=tools,
            tools_strict=tools_strict,
            timeout=timeout,
            max_retries=max_retries,
            http_client_kwargs=http_client_kwargs,
        )
        self.extra_headers = extra_headers
        self._forget_clients()

    def to_dict(self) -> dict[str, Any]:
        """
        Serialize this component to a dictionary.

        :returns:
            The serialized component as a dictionary.
        """
        generation_kwargs = serialize_parameters(self.generation_kwargs)
        if "response_format" in generation_kwargs:
            generation_kwargs["response_format"] = response_format(generation_kwargs["response_format"])
        # As 3.0.0 wrote it, which knew no `tools_strict`.
        tools_strict = {"tools_strict": True} if self.tools_strict else {}
        return default_to_dict(
            self,
            api_key=self.api_key,
            model=self.model,
            streaming_callback=serialize_callable(self.streaming_callback) if self.streaming_callback else None,
            api_base_url=self.api_base_url,
            generation_kwargs=generation_kwargs,
            tools=serialize_tools_or_toolset(self.tools),
            timeout=self.timeout,
            extra_headers=serialize_headers(self.extra_headers),
            max_retries=self.max_retries,
            http_client_kwargs=self.http_client_kwargs,
            **tools_strict,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "AIMLAPIChatGenerator":
        """
        Deserialize this component from a dictionary.

        :param data:
            The dictionary representation of this component. It is left as it is.
        :returns:
            The deserialized component instance.
        """
        data = deserialize_component_data(data)
        deserialize_tools_or_toolset_inplace(data.get("init_parameters", {}), key="tools")
        return default_from_dict(cls, data)

    @component.output_types(replies=list[ChatMessage])
    def run(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: ToolsType | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, list[ChatMessage]]:
        """
        Completes the chat.

        :param messages:
            The conversation, or the text of a single user message. Nothing is sent for an empty list.
        :param streaming_callback:
            A function that is called with each `StreamingChunk` as it arrives. If set, it replaces that of init.
        :param generation_kwargs:
            Parameters of the model. They override those of init per key; `extra_body` and `extra_headers` are merged
            one level deeper. See `__init__`.
        :param tools:
            The tools that the model may call. If set, they replace those of init; an empty list means none.
        :param tools_strict:
            Whether tool calls must follow the schema of the tool strictly. If set, it overrides that of init.

        :returns:
            A dictionary with the following key:
            - `replies`: The replies as a list of ChatMessage instances.

        :raises ValueError:
            If there is no API key, or a parameter, header or message cannot be sent.
        :raises openai.APIError:
            If the call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done.
        """
        callback = select_streaming_callback(self.streaming_callback, streaming_callback, requires_async=False)
        messages = as_messages(messages)
        if not messages:
            return {"replies": []}
        with recorded_response() as received:
            arguments = self._prepare_api_call(
                messages=messages,
                streaming_callback=callback,
                generation_kwargs=generation_kwargs,
                tools=tools,
                tools_strict=tools_strict,
            )
            del arguments["openai_endpoint"]
            client = self._sync_client()
            with failures(self):
                create, arguments = untyped(client, client.chat.completions, arguments)
                completion = create(**arguments)
                if callback is None:
                    return {"replies": decode_completion(completion_body(completion), received.headers)}
            fold = StreamFold(ComponentInfo.from_component(self))
            with closing(frames(completion, self)) as source:
                for frame in source:
                    for chunk in fold.add(frame):
                        callback(chunk)
            replies = fold.finish(received.headers)
            with failures(self):
                return {"replies": replies or reject(fold.body, "The stream ended without a choice")}

    @component.output_types(replies=list[ChatMessage])
    async def run_async(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: ToolsType | None = None,
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
            The tools that the model may call. If set, they replace those of init; an empty list means none.
        :param tools_strict:
            Whether tool calls must follow the schema of the tool strictly. If set, it overrides that of init.

        :returns:
            A dictionary with the following key:
            - `replies`: The replies as a list of ChatMessage instances.

        :raises ValueError:
            If there is no API key, or a parameter, header or message cannot be sent.
        :raises openai.APIError:
            If the call fails. Its text holds AIMLAPI's message, the ids of the call and what can be done.
        """
        callback = select_streaming_callback(self.streaming_callback, streaming_callback, requires_async=True)
        messages = as_messages(messages)
        if not messages:
            return {"replies": []}
        with recorded_response() as received:
            arguments = self._prepare_api_call(
                messages=messages,
                streaming_callback=callback,
                generation_kwargs=generation_kwargs,
                tools=tools,
                tools_strict=tools_strict,
            )
            del arguments["openai_endpoint"]
            client = await self._async_client()
            with failures(self):
                create, arguments = untyped(client, client.chat.completions, arguments)
                completion = await create(**arguments)
                if callback is None:
                    return {"replies": decode_completion(completion_body(completion), received.headers)}
            fold = StreamFold(ComponentInfo.from_component(self))
            async with aclosing(async_frames(completion, self)) as source:
                async for frame in source:
                    for chunk in fold.add(frame):
                        result = callback(chunk)
                        if inspect.isawaitable(result):
                            await result
            replies = fold.finish(received.headers)
            with failures(self):
                return {"replies": replies or reject(fold.body, "The stream ended without a choice")}

    def _prepare_api_call(
        self,
        *,
        messages: list[ChatMessage],
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        tools: ToolsType | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, Any]:
        arguments = build_arguments(
            model=self.model,
            messages=messages,
            tools=as_tools(self.tools if tools is None else tools),
            tools_strict=self.tools_strict if tools_strict is None else tools_strict,
            parameters=merge_parameters(self.generation_kwargs, generation_kwargs),
            headers=self.extra_headers,
            stream=streaming_callback is not None,
        )
        # The parent's contract, which the tests of 3.0.0 hold it to.
        return {**arguments, "openai_endpoint": "create"}
