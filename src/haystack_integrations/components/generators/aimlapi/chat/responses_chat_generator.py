# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import inspect
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import aclosing, closing
from datetime import datetime
from io import StringIO
from typing import Any, ClassVar

from haystack import component, default_from_dict, default_to_dict
from haystack.components.generators.chat import OpenAIResponsesChatGenerator
from haystack.dataclasses import (
    ChatMessage,
    ChatRole,
    ComponentInfo,
    FileContent,
    ImageContent,
    ReasoningContent,
    StreamingCallbackT,
    StreamingChunk,
    TextContent,
    ToolCall,
    ToolCallDelta,
    ToolCallResult,
    select_streaming_callback,
)
from haystack.tools import (
    ToolsType,
    deserialize_tools_or_toolset_inplace,
    serialize_tools_or_toolset,
)
from haystack.utils import Secret, serialize_callable

from haystack_integrations.components.generators.aimlapi._call import (
    as_list,
    deserialize_component_data,
    is_present,
    merge_parameters,
    present,
    serialize_headers,
    serialize_parameters,
    split_parameters,
)
from haystack_integrations.components.generators.aimlapi._client import BASE_URL, ClientOwner, recorded_response
from haystack_integrations.components.generators.aimlapi._errors import failures, reject
from haystack_integrations.components.generators.aimlapi._stream import answer_body, async_frames, frames

from .reply import decode_choice, map_finish_reason, with_parts
from .request import as_messages, as_tools, response_format, strict_schema, untyped

_PLACES = {
    "input": "the `messages` of `run`",
    "messages": "the `messages` of `run`",
    "model": "the init parameter `model`",
    "tools": "the `tools` of init or `run`",
}
# What chat completions or OpenAI's own Responses API take, and this endpoint drops silently (its OpenAPI files declare
# none of them) or answers in a way that a component cannot wait for.
_NOT_TAKEN = {
    "max_tokens": "Use `max_output_tokens`.",
    "max_completion_tokens": "Use `max_output_tokens`.",
    "response_format": "Use `text_format` for a Pydantic class, or `text`.",
    "background": "The component waits for the reply. Use `streaming_callback` for long ones.",
    "thinking": "Use `reasoning`.",
    **dict.fromkeys(
        (
            *("audio", "frequency_penalty", "logit_bias", "logprobs", "min_p", "modalities", "n", "prediction"),
            *("presence_penalty", "seed", "stop", "stream_options", "top_k", "top_logprobs", "web_search_options"),
            *("context_management", "conversation", "max_tool_calls", "metadata", "moderation", "prompt_cache_key"),
            *("prompt_cache_retention", "reasoning_mode", "safety_identifier", "service_tier", "user", "verbosity"),
        ),
        "",
    ),
}
_REASONING_ENTRIES = {"reasoning_effort": "effort", "reasoning_summary": "summary"}
_ENCRYPTED = "include_reasoning_encrypted_content"
# Models that are documented to take their reasoning back. Without `store`, they need it encrypted.
_TAKES_REASONING = re.compile(r"(^|/)(gpt-5(?!.*-(pro|chat))|o[134](-|$)|grok-4)")

_REASONING_FIELDS = ("id", "type", "summary", "content", "encrypted_content", "status")
# The order in which the parts of a message are sent back.
_PART_ORDER = ("reasoning", "message", "function_call")
_MESSAGE_FIELDS = {"id", "type", "role", "status", "content"}
_CALL_FIELDS = {"id", "type", "status", "call_id", "name", "arguments"}
_TEXT_FIELDS = {"type", "text", "annotations", "logprobs"}
# The events that bring an item piece by piece, and the type of that item.
_DELTAS = {
    "response.output_text.delta": "message",
    "response.refusal.delta": "message",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
    "response.function_call_arguments.delta": "function_call",
}


@component
class AIMLAPIResponsesChatGenerator(ClientOwner, OpenAIResponsesChatGenerator):
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

    SUPPORTED_MODELS: ClassVar[list[str]] = [
        "openai/gpt-5-5-pro",
        "openai/gpt-5-5",
        "openai/gpt-5-4-pro",
        "openai/gpt-5-4",
        "openai/gpt-5-3-codex",
        "openai/gpt-5-2-pro",
        "openai/gpt-5-2-codex",
        "openai/gpt-5-1",
        "openai/gpt-5-1-codex",
        "openai/gpt-5-1-codex-mini",
        "openai/gpt-5-pro",
        "openai/gpt-5-2025-08-07",
        "openai/gpt-5-mini-2025-08-07",
        "openai/gpt-5-nano-2025-08-07",
        "openai/o3-pro",
        "openai/o3-2025-04-16",
        "openai/o4-mini-2025-04-16",
        "o3-mini",
        "o1",
        "openai/gpt-4.1-2025-04-14",
        "openai/gpt-4.1-mini-2025-04-14",
        "openai/gpt-4.1-nano-2025-04-14",
        "openai/gpt-4o",
        "gpt-4o-mini",
        "x-ai/grok-4-3",
    ]
    """The models that are documented for the endpoint. Any other id that AIMLAPI serves there works as well.
    See https://docs.aimlapi.com/api-references/model-database for all of them."""

    def __init__(
        self,
        *,
        api_key: Secret = Secret.from_env_var("AIMLAPI_API_KEY"),
        model: str = "openai/gpt-5-4",
        streaming_callback: StreamingCallbackT | None = None,
        api_base_url: str | None = BASE_URL,
        generation_kwargs: dict[str, Any] | None = None,
        tools: ToolsType | list[dict[str, Any]] | None = None,
        tools_strict: bool = False,
        timeout: float | None = None,
        extra_headers: dict[str, str | Secret] | None = None,
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
            The base URL of the API. `None` means AIMLAPI's own.
        :param generation_kwargs:
            Parameters of the model, sent as fields of the request body. Among them:
            - `max_output_tokens`: The most tokens to generate, reasoning included.
            - `reasoning`: Such as `{"effort": "low", "summary": "auto"}`. `reasoning_effort` and `reasoning_summary`
                set its entries.
            - `text_format`: A Pydantic class that the reply follows. `text` takes a JSON schema as the API does.
            - `instructions`, `temperature`, `top_p`, `tool_choice`, `parallel_tool_calls`, `truncation`.
            - `include`: What else to return. With tools, models that take their reasoning back are asked for
                `reasoning.encrypted_content` if it is left out; `None` asks for nothing.
            - `store`: Whether the response is stored, for `previous_response_id`. AIMLAPI stores none by default.

            `extra_headers`, `extra_query`, `extra_body` and `timeout` (seconds) are options of the request.
            A parameter that the endpoint is known to drop is refused; in `extra_body` anything can be sent.
        :param tools:
            A list of Tool and/or Toolset objects, or a single Toolset, that the model may call; or a list of
            definitions of hosted tools as the API takes them, such as `[{"type": "web_search_preview"}]`.
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
        """
        super(AIMLAPIResponsesChatGenerator, self).__init__(  # noqa: UP008 since the decorator makes the class anew
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
        tools: Any = self.tools
        return default_to_dict(
            self,
            api_key=self.api_key,
            model=self.model,
            streaming_callback=serialize_callable(self.streaming_callback) if self.streaming_callback else None,
            api_base_url=self.api_base_url,
            generation_kwargs=serialize_parameters(_with_text(self.generation_kwargs)),
            tools=tools if _are_hosted(tools) else serialize_tools_or_toolset(tools),
            tools_strict=self.tools_strict,
            timeout=self.timeout,
            extra_headers=serialize_headers(self.extra_headers),
            max_retries=self.max_retries,
            http_client_kwargs=self.http_client_kwargs,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "AIMLAPIResponsesChatGenerator":
        """
        Deserialize this component from a dictionary.

        :param data:
            The dictionary representation of this component. It is left as it is.
        :returns:
            The deserialized component instance.
        """
        data = deserialize_component_data(data)
        init_parameters = data.get("init_parameters", {})
        tools = init_parameters.get("tools")
        # A hosted tool has a type as well, but no data.
        if tools and not (isinstance(tools, list) and "data" not in tools[0]):
            deserialize_tools_or_toolset_inplace(init_parameters, key="tools")
        return default_from_dict(cls, data)

    @component.output_types(replies=list[ChatMessage])
    def run(
        self,
        messages: list[ChatMessage] | str,
        *,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        tools: ToolsType | list[dict[str, Any]] | None = None,
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
            - `replies`: The reply as a list of one ChatMessage.

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
            client = self._sync_client()
            with failures(self):
                create, arguments = untyped(client, client.responses, arguments)
                response = create(**arguments)
                if callback is None:
                    return {"replies": [_decode(answer_body(response, "a response"), received.headers)]}
            fold = _ResponseFold(ComponentInfo.from_component(self))
            with closing(frames(response, self)) as source:
                for frame in source:
                    callback(fold.add(frame))
            with failures(self):
                return {"replies": [fold.finish(received.headers)]}

    @component.output_types(replies=list[ChatMessage])
    async def run_async(
        self,
        messages: list[ChatMessage] | str,
        *,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        tools: ToolsType | list[dict[str, Any]] | None = None,
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
            - `replies`: The reply as a list of one ChatMessage.

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
            client = await self._async_client()
            with failures(self):
                create, arguments = untyped(client, client.responses, arguments)
                response = await create(**arguments)
                if callback is None:
                    return {"replies": [_decode(answer_body(response, "a response"), received.headers)]}
            fold = _ResponseFold(ComponentInfo.from_component(self))
            async with aclosing(async_frames(response, self)) as source:
                async for frame in source:
                    result = callback(fold.add(frame))
                    if inspect.isawaitable(result):
                        await result
            with failures(self):
                return {"replies": [fold.finish(received.headers)]}

    def _prepare_api_call(
        self,
        *,
        messages: list[ChatMessage],
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        tools: ToolsType | list[dict[str, Any]] | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, Any]:
        parameters = merge_parameters(self.generation_kwargs, generation_kwargs)
        for name, instead in _NOT_TAKEN.items():
            if parameters.get(name) is not None and parameters[name] is not False:
                msg = f"`{name}` is not taken by AIMLAPI's Responses endpoint. {instead}".rstrip()
                raise ValueError(msg)
        sent_tools = _tools(
            self.tools if tools is None else tools,
            strict=self.tools_strict if tools_strict is None else tools_strict,
        )
        if sent_tools and not parameters.get("store") and _TAKES_REASONING.search(self.model):
            parameters.setdefault(_ENCRYPTED, "include" not in parameters)
        options, body = split_parameters(_unflattened(_with_text(parameters)), self.extra_headers, _PLACES)
        body = {name: value for name, value in body.items() if value is not None}
        return {
            "model": self.model,
            "input": _input(messages, stored=bool(body.get("store"))),
            **({"tools": sent_tools} if sent_tools else {}),
            **({"stream": True} if streaming_callback else {}),
            "extra_body": body,
            **options,
        }


def _with_text(parameters: dict[str, Any]) -> dict[str, Any]:
    """
    Turn `text_format` into the `text` that the API takes.
    """
    rest = {name: value for name, value in parameters.items() if name != "text_format"}
    if not parameters.get("text_format"):
        return rest
    text_format = response_format(parameters["text_format"])
    text_format = {**text_format, **text_format.get("json_schema", {})}
    text_format.pop("json_schema", None)
    return {**rest, "text": {**(rest.get("text") or {}), "format": text_format}}


def _unflattened(parameters: dict[str, Any]) -> dict[str, Any]:
    """
    Put the parameters that the parent class has for entries of `reasoning` and `include` there.
    """
    unflattened = {name: value for name, value in parameters.items() if name not in (*_REASONING_ENTRIES, _ENCRYPTED)}
    if entries := present({entry: parameters.get(name) for name, entry in _REASONING_ENTRIES.items()}):
        unflattened["reasoning"] = {**(parameters.get("reasoning") or {}), **entries}
    include = parameters.get("include") or []
    if parameters.get(_ENCRYPTED) and "reasoning.encrypted_content" not in include:
        unflattened["include"] = [*include, "reasoning.encrypted_content"]
    return unflattened


def _are_hosted(tools: Any) -> bool:
    return isinstance(tools, list) and bool(tools) and all(isinstance(tool, dict) for tool in tools)


def _tools(tools: Any, *, strict: bool) -> list[dict[str, Any]]:
    if _are_hosted(tools):
        return list(tools)
    sent = []
    for tool in as_tools(tools):
        function = {**tool.tool_spec}
        if strict:
            function["parameters"] = strict_schema(function["parameters"])
        # The endpoint does not do without `strict`.
        sent.append({"type": "function", **function, "strict": strict})
    return sent


def _input(messages: list[ChatMessage], *, stored: bool) -> list[dict[str, Any]]:
    last_user = max((i for i, message in enumerate(messages) if message.role == ChatRole.USER), default=-1)
    sent = []
    for position, message in enumerate(messages):
        try:
            if message.role == ChatRole.ASSISTANT:
                sent += _assistant_items(message, in_tool_loop=position > last_user, stored=stored)
            elif message.role == ChatRole.TOOL:
                sent += [_tool_result(result) for result in message.tool_call_results]
            else:
                sent.append(_instruction(message))
        except ValueError as error:
            msg = f"The message at position {position} cannot be sent: {error}"
            raise ValueError(msg) from error
    return sent


def _instruction(message: ChatMessage) -> dict[str, Any]:
    if message.role == ChatRole.USER:
        # No public property keeps the order of texts, images and files.
        content: Any = [_part(part) for part in message._content]
    else:
        content = "\n".join(message.texts)
    if not content:
        msg = "it is empty."
        raise ValueError(msg)
    return {"role": message.role.value, "content": content}


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, TextContent):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, ImageContent):
        url = f"data:{part.mime_type or 'image/jpeg'};base64,{part.base64_image}"
        return {"type": "input_image", "image_url": url, **({"detail": part.detail} if part.detail else {})}
    if isinstance(part, FileContent):
        data = f"data:{part.mime_type or 'application/pdf'};base64,{part.base64_data}"
        # Without a name, the data would be taken for the id of an uploaded file.
        return {"type": "input_file", "filename": part.filename or "file", "file_data": data}
    msg = f"the endpoint takes no {type(part).__name__} from the user."
    raise ValueError(msg)


def _tool_result(result: ToolCallResult) -> dict[str, Any]:
    parts = [TextContent(result.result)] if isinstance(result.result, str) else result.result
    if not all(isinstance(part, TextContent) for part in parts):
        msg = "the endpoint takes the result of a tool as text only."
        raise ValueError(msg)
    output = "\n".join(part.text for part in parts if isinstance(part, TextContent))
    return {"type": "function_call_output", "call_id": _call_id(result.origin), "output": output}


def _call_id(tool_call: ToolCall) -> str:
    # The id alone is that of the item, as in Haystack's parent class, or of a call that another component made.
    call_id = (tool_call.extra or {}).get("call_id") or tool_call.id
    if not call_id:
        msg = f"the call of the tool {tool_call.tool_name} has no id."
        raise ValueError(msg)
    return str(call_id)


def _assistant_items(message: ChatMessage, *, in_tool_loop: bool, stored: bool) -> list[dict[str, Any]]:
    """
    Build the items of an assistant message: in a tool loop with its reasoning, and what hosted tools did.

    Calls go without the ids of their items: with them, the endpoint would insist on the reasoning that led to them.
    """
    calls: dict[Any, dict[str, Any]] = {
        (call_id := _call_id(call)): {
            "type": "function_call",
            "call_id": call_id,
            "name": call.tool_name,
            "arguments": json.dumps(call.arguments, ensure_ascii=False),
        }
        for call in message.tool_calls
    }
    items: list[dict[str, Any]] = []
    if in_tool_loop and isinstance(output := message.meta.get("output"), list):
        for item in output:
            if item.get("type") != "function_call":
                items += [item] if _can_return(item, stored) else []
            elif item.get("call_id") in calls:
                # A call that could not be read has no result, which the endpoint would miss.
                items.append(calls[item["call_id"]])
        return items
    if in_tool_loop:
        items += [
            _reasoning_item(reasoning) for reasoning in message.reasonings if _can_return(reasoning.extra, stored)
        ]
    if text := "\n".join(message.texts) or message.meta.get("refusal"):
        # Models that name the phase of a message want to see it again.
        phase = {"phase": message.meta["phase"]} if in_tool_loop and "phase" in message.meta else {}
        items.append({"role": "assistant", "content": text, **phase})
    return [*items, *calls.values()]


def _can_return(item: dict[str, Any], stored: bool) -> bool:
    if item.get("type") != "reasoning":
        return "type" in item
    return stored or bool(item.get("encrypted_content") or item.get("content"))


def _reasoning_item(reasoning: ReasoningContent) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": reasoning.reasoning_text}]
    fields = {name: reasoning.extra[name] for name in _REASONING_FIELDS if name in reasoning.extra}
    return {"summary": summary if reasoning.reasoning_text and not fields.get("content") else [], **fields}


def _decode(body: dict[str, Any], headers: Mapping[str, str], started: str | None = None) -> ChatMessage:
    """
    Decode a response by way of the chat completion that says the same.

    :raises APIError: If it is finished and says nothing at all.
    """
    output = _items(body.get("output"))
    if not any(_texts(output)):
        output += _items(as_list(body.get("output_text")))
    is_finished = not isinstance(body.get("output"), list) or (body.get("status") or "completed") == "completed"
    if body.get("status") in ("failed", "cancelled") or (is_finished and not output):
        reject(body, f"AIMLAPI answered without a response, status {body.get('status')}")
    parts = list(_contents(output))
    is_plain = _is_plain(output)
    calls = [item for item in output if item.get("type") == "function_call"]
    message = {
        **{name: value for item in output if is_plain for name, value in _message_fields(item).items()},
        "content": "".join(_texts(output)),
        "refusal": "".join(_string(part.get("refusal")) for part in parts),
        "annotations": [annotation for part in parts for annotation in as_list(part.get("annotations"))],
        "tool_calls": [
            {
                "id": call.get("id") or call.get("call_id"),
                "call_id": call.get("call_id") or call.get("id"),
                "function": {"name": call.get("name"), "arguments": call.get("arguments")},
            }
            for call in calls
        ],
        "output": [] if is_plain else output,
    }
    choice = {
        "message": message,
        "finish_reason": _finish_reason(body, output),
        "logprobs": [logprob for part in parts for logprob in as_list(part.get("logprobs"))],
    }
    rest = {name: value for name, value in body.items() if name not in ("output", "output_text")}
    reply = decode_choice(rest, choice, 0, headers, started)
    if reasonings := [_reasoning(item) for item in output if item.get("type") == "reasoning"]:
        reply = with_parts(reply, before=[{"reasoning": reasoning.to_dict()} for reasoning in reasonings])
    return reply


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _items(output: Any) -> list[dict[str, Any]]:
    """
    Get the items of an output. What is no item is taken for what a message says.
    """
    items = filter(is_present, output if isinstance(output, list) else ())
    return [item if isinstance(item, dict) else {"type": "message", "content": item} for item in items]


def _contents(output: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in output:
        if item.get("type") == "message":
            for part in as_list(item.get("content")):
                yield part if isinstance(part, dict) else {"type": "output_text", "text": part}


def _texts(output: list[dict[str, Any]]) -> Iterator[str]:
    return (_string(part.get("text")) for part in _contents(output) if part.get("type") == "output_text")


def _finish_reason(body: dict[str, Any], output: list[dict[str, Any]]) -> str | None:
    """
    Tell why a response ended, in the words of chat completions.
    """
    details = body.get("incomplete_details")
    if reason := details.get("reason") if isinstance(details, dict) else details:
        return str(reason)
    if (body.get("status") or "completed") != "completed":
        return None
    if any(item.get("type") == "function_call" for item in output):
        return "tool_calls"
    return "refusal" if any(part.get("type") == "refusal" for part in _contents(output)) else "stop"


def _message_fields(item: dict[str, Any]) -> dict[str, Any]:
    return present(item, _MESSAGE_FIELDS) if item["type"] == "message" else {}


def _is_plain(output: list[dict[str, Any]]) -> bool:
    """
    Tell whether a ChatMessage can hold an output: the order of its items, and all that is in them.
    """
    types = [item.get("type") for item in output]
    return (
        all(kind in _PART_ORDER for kind in types)
        and types == sorted(types, key=_PART_ORDER.index)
        and types.count("message") <= 1
        and all(present(item).keys() <= _CALL_FIELDS for item in output if item["type"] == "function_call")
        and all(
            present(part, _TEXT_FIELDS if part.get("type") == "output_text" else {"type", "refusal"}) == {}
            and isinstance(part.get("text") or "", str)
            and isinstance(part.get("refusal") or "", str)
            for part in _contents(output)
        )
    )


def _reasoning(item: dict[str, Any]) -> ReasoningContent:
    texts = as_list(item.get("summary")) or as_list(item.get("content"))
    text = "\n".join(_string(part.get("text") if isinstance(part, dict) else part) for part in texts)
    return ReasoningContent(text, extra=item)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    # Arguments may come as the object that they stand for.
    return json.dumps(value, ensure_ascii=False) if is_present(value) else ""


class _ResponseFold:
    """
    Folds the events of a stream, as they arrive, into the response that a plain call would have returned.

    :param component_info: The component that the chunks name as their source.
    """

    def __init__(self, component_info: ComponentInfo) -> None:
        self._component_info = component_info
        self._body: dict[str, Any] = {"status": "in_progress"}
        self._items: dict[int, dict[str, Any]] = {}
        # What came of an item until it is whole: the last event of most streams makes it superfluous.
        self._written: defaultdict[tuple[int, str], StringIO] = defaultdict(StringIO)
        self._blocks: dict[int, int] = {}
        self._reasoning_part: Any = None
        self._started: str | None = None

    def add(self, event: dict[str, Any]) -> StreamingChunk:
        """
        Take the next event.

        :param event: The event as a dictionary.
        :returns: The chunk for the callback.
        """
        received_at = datetime.now().isoformat()  # noqa: DTZ005 as Haystack's own generators have it
        self._started = self._started or received_at
        # A model that does not stream answers with the whole response.
        whole = event if "output" in event else event.get("response")
        for part in (whole, {"meta": event.get("meta")}):
            self._body.update(present(part if isinstance(part, dict) else {}))
        kind, index, item = str(event.get("type")), event.get("output_index"), event.get("item")
        number = index if isinstance(index, int) else 0
        content: dict[str, Any] = {}
        if kind in _DELTAS:
            content = self._add_delta(kind, number, event)
        elif kind in ("response.output_item.added", "response.output_item.done") and isinstance(item, dict):
            content = self._add_item(number, item, done=kind.endswith("done"))
        elif kind in ("response.completed", "response.incomplete"):
            self._body["status"] = kind.removeprefix("response.")
            content = {"finish_reason": map_finish_reason(_finish_reason(self._body, self._output()))}
        shown = content.keys() & {"content", "reasoning", "tool_calls"}
        return StreamingChunk(
            **{"content": "", **content},
            meta={**event, "received_at": received_at},
            component_info=self._component_info,
            start=bool(shown) and number not in self._blocks,
            index=self._block(number) if shown else None,
        )

    def _block(self, number: int) -> int:
        return self._blocks.setdefault(number, len(self._blocks))

    def _add_item(self, number: int, item: dict[str, Any], *, done: bool) -> dict[str, Any]:
        self._items[number] = item
        if done:
            self._written = defaultdict(
                StringIO, {key: text for key, text in self._written.items() if key[0] != number}
            )
        if item.get("type") != "function_call" or number in self._blocks:
            return {}
        index = len(self._blocks)
        arguments, extra = _as_text(item.get("arguments")) or None, {"call_id": item.get("call_id")}
        return {"tool_calls": [ToolCallDelta(index, item.get("name"), arguments, item.get("id"), extra=extra)]}

    def _add_delta(self, kind: str, number: int, event: dict[str, Any]) -> dict[str, Any]:
        delta = _as_text(event.get("delta"))
        if _DELTAS[kind] == "reasoning":
            part = (number, event.get("summary_index"), event.get("content_index"))
            if number in self._blocks and part != self._reasoning_part:
                delta = f"\n{delta}"
            self._reasoning_part = part
        self._items.setdefault(number, {"type": _DELTAS[kind], "id": event.get("item_id")})
        self._written[number, kind].write(delta)
        if kind == "response.output_text.delta":
            return {"content": delta}
        if kind == "response.function_call_arguments.delta":
            index = self._blocks.get(number, len(self._blocks))
            return {"tool_calls": [ToolCallDelta(index, arguments=delta, id=event.get("item_id"))]}
        return {"reasoning": ReasoningContent(delta)} if _DELTAS[kind] == "reasoning" else {}

    def _output(self) -> list[dict[str, Any]]:
        return _items(self._body.get("output")) or [self._whole(number) for number in sorted(self._items)]

    def _whole(self, number: int) -> dict[str, Any]:
        item = dict(self._items[number])
        written = {kind: text.getvalue() for (owner, kind), text in self._written.items() if owner == number}
        if text := written.get("response.output_text.delta"):
            item["content"] = [{"type": "output_text", "text": text}]
        if refusal := written.get("response.refusal.delta"):
            item["content"] = [*as_list(item.get("content")), {"type": "refusal", "refusal": refusal}]
        if summary := written.get("response.reasoning_summary_text.delta"):
            item["summary"] = [{"type": "summary_text", "text": summary}]
        if thought := written.get("response.reasoning_text.delta"):
            item["content"] = [{"type": "reasoning_text", "text": thought}]
        if arguments := written.get("response.function_call_arguments.delta"):
            item["arguments"] = arguments
        return item

    def finish(self, headers: Mapping[str, str]) -> ChatMessage:
        """
        Take the end of the stream.

        :param headers: The headers of the response.
        :returns: The reply.
        :raises APIError: If the stream had no response.
        """
        output = self._output()
        if not output and self._body["status"] == "in_progress":
            reject(self._body, "The stream ended without a response")
        return _decode({**self._body, "output": output or self._body.get("output", [])}, headers, self._started)
