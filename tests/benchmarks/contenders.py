# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Ways of having a chat, each as its users write it: what comes back is the whole reply as one string."""

import importlib
import json
import os
import ssl
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

for variable in list(os.environ):
    if variable.lower().endswith("_proxy") or variable.startswith("OPENAI_"):
        del os.environ[variable]
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

MODEL = "openai/gpt-4o"
QUESTION = [{"role": "user", "content": "What's Natural Language Processing?"}]
OnChunk = Callable[[Any], None]


class Contender(ABC):
    """
    A client of one server, with one request that it sends again and again.

    `messages` and `tools` are as the API takes them; what a contender makes of them beforehand is not measured.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    """What its users import; it is imported by the first instance."""

    def __init__(self, url: str, messages: list[dict[str, Any]] = QUESTION, tools: list[dict[str, Any]] | None = None):
        self.url = url
        self.library: Any = importlib.import_module(self.module)
        self.prepare(messages, tools)

    def prepare(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> None:
        self.body = {"model": MODEL, "messages": messages} | ({"tools": tools} if tools else {})

    @abstractmethod
    def call(self) -> str: ...

    @abstractmethod
    async def call_async(self) -> str: ...

    @abstractmethod
    def stream(self, on_chunk: OnChunk) -> str: ...

    @abstractmethod
    async def stream_async(self, on_chunk: OnChunk) -> str: ...

    def close(self) -> None:
        """Close the synchronous client."""

    async def close_async(self) -> None:
        """Close the asynchronous client."""


class Parts:
    """What a streaming application gathers by hand."""

    def __init__(self) -> None:
        self.reasoning: list[str] = []
        self.text: list[str] = []
        self.arguments: dict[int, list[str]] = {}

    def whole(self) -> str:
        arguments = [json.loads("".join(parts))["text"] for parts in self.arguments.values()]
        return "".join([*self.reasoning, *self.text, *arguments])


class RawHTTP(Contender):
    """The floor: an HTTP client and a JSON parser."""

    name = "httpx2 + jiter"
    module = "httpx2"

    @cached_property
    def settings(self) -> dict[str, Any]:
        limits = self.library.Limits(max_connections=1000, max_keepalive_connections=100)
        return {"limits": limits, "timeout": 600, "headers": {"Authorization": "Bearer key"}}

    @cached_property
    def client(self) -> Any:
        return self.library.Client(**self.settings)

    @cached_property
    def async_client(self) -> Any:
        return self.library.AsyncClient(**self.settings)

    @cached_property
    def parse(self) -> Callable[[bytes], Any]:
        return importlib.import_module("jiter").from_json  # type: ignore[no-any-return]

    @property
    def request(self) -> dict[str, Any]:
        return {"url": f"{self.url}/chat/completions", "json": self.body}

    @property
    def stream_request(self) -> dict[str, Any]:
        body = self.body | {"stream": True, "stream_options": {"include_usage": True}}
        return {"method": "POST", "url": f"{self.url}/chat/completions", "json": body}

    def call(self) -> str:
        return self.parse(self.client.post(**self.request).content)["choices"][0]["message"]["content"]

    async def call_async(self) -> str:
        return self.parse((await self.async_client.post(**self.request)).content)["choices"][0]["message"]["content"]

    def stream(self, on_chunk: OnChunk) -> str:
        parts, rest = Parts(), b""
        with self.client.stream(**self.stream_request) as response:
            for block in response.iter_bytes():
                rest = self.take(parts, rest + block, on_chunk)
        return parts.whole()

    async def stream_async(self, on_chunk: OnChunk) -> str:
        parts, rest = Parts(), b""
        async with self.async_client.stream(**self.stream_request) as response:
            async for block in response.aiter_bytes():
                rest = self.take(parts, rest + block, on_chunk)
        return parts.whole()

    def take(self, parts: Parts, received: bytes, on_chunk: OnChunk) -> bytes:
        *events, rest = received.split(b"\n\n")
        for event in events:
            data = event.removeprefix(b"data: ")
            if data == b"[DONE]":
                break
            frame = self.parse(data)
            for choice in frame["choices"]:
                delta = choice["delta"]
                if content := delta.get("content"):
                    parts.text.append(content)
                elif reasoning := delta.get("reasoning_content"):
                    parts.reasoning.append(reasoning)
                for call in delta.get("tool_calls", ()):
                    parts.arguments.setdefault(call["index"], []).append(call["function"]["arguments"])
                on_chunk(frame)
        return rest

    def close(self) -> None:
        self.client.close()

    async def close_async(self) -> None:
        await self.async_client.aclose()


class RawAiohttp(RawHTTP):
    """The floor of asynchronous streams: a client with its parser in C, and a JSON parser."""

    name = "aiohttp + jiter"
    module = "aiohttp"

    @cached_property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))

    @cached_property
    def async_client(self) -> Any:
        connector = self.library.TCPConnector(limit=1000, ssl=self.context)
        return self.library.ClientSession(connector=connector, headers={"Authorization": "Bearer key"})

    async def call_async(self) -> str:
        async with self.async_client.post(**self.request) as response:
            return self.parse(await response.read())["choices"][0]["message"]["content"]

    async def stream_async(self, on_chunk: OnChunk) -> str:
        parts, rest = Parts(), b""
        async with self.async_client.request(**self.stream_request) as response:
            async for block in response.content.iter_any():
                rest = self.take(parts, rest + block, on_chunk)
        return parts.whole()

    def close(self) -> None:
        """There is no synchronous client."""

    async def close_async(self) -> None:
        await self.async_client.close()


class OpenAISDK(Contender):
    """The SDK's typed objects, gathered by hand."""

    name = "openai SDK"
    module = "openai"

    @cached_property
    def client(self) -> Any:
        return self.library.OpenAI(api_key="key", base_url=self.url)

    @cached_property
    def async_client(self) -> Any:
        return self.library.AsyncOpenAI(api_key="key", base_url=self.url)

    @property
    def stream_body(self) -> dict[str, Any]:
        return self.body | {"stream": True, "stream_options": {"include_usage": True}}

    def call(self) -> str:
        return self.client.chat.completions.create(**self.body).choices[0].message.content

    async def call_async(self) -> str:
        return (await self.async_client.chat.completions.create(**self.body)).choices[0].message.content

    def stream(self, on_chunk: OnChunk) -> str:
        parts = Parts()
        for chunk in self.client.chat.completions.create(**self.stream_body):
            self.take(parts, chunk, on_chunk)
        return parts.whole()

    async def stream_async(self, on_chunk: OnChunk) -> str:
        parts = Parts()
        async for chunk in await self.async_client.chat.completions.create(**self.stream_body):
            self.take(parts, chunk, on_chunk)
        return parts.whole()

    def take(self, parts: Parts, chunk: Any, on_chunk: OnChunk) -> None:
        for choice in chunk.choices:
            delta = choice.delta
            if delta.content:
                parts.text.append(delta.content)
            elif reasoning := getattr(delta, "reasoning_content", None):
                parts.reasoning.append(reasoning)
            for call in delta.tool_calls or ():
                parts.arguments.setdefault(call.index, []).append(call.function.arguments)
            on_chunk(chunk)

    def close(self) -> None:
        self.client.close()

    async def close_async(self) -> None:
        await self.async_client.close()


class HaystackGenerator(Contender):
    """A chat generator of Haystack. The subclasses say which."""

    name = "OpenAIChatGenerator"
    module = "haystack.components.generators.chat.openai"
    component: ClassVar[str] = "OpenAIChatGenerator"

    def prepare(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> None:
        from haystack.dataclasses import ChatMessage
        from haystack.tools import Tool
        from haystack.utils import Secret

        self.messages = [ChatMessage.from_openai_dict_format(message) for message in messages]
        self.generator = getattr(self.library, self.component)(
            api_key=Secret.from_token("key"),
            model=MODEL,
            api_base_url=self.url,
            tools=[Tool(**tool["function"], function=print) for tool in tools or ()] or None,
        )

    def arguments(self) -> dict[str, Any]:
        """Everything that happens before the SDK is called."""
        return self.generator._prepare_api_call(messages=self.messages)

    def call(self) -> str:
        return self.whole(self.generator.run(self.messages))

    async def call_async(self) -> str:
        return self.whole(await self.generator.run_async(self.messages))

    def stream(self, on_chunk: OnChunk) -> str:
        return self.whole(self.generator.run(self.messages, streaming_callback=on_chunk))

    async def stream_async(self, on_chunk: OnChunk) -> str:
        async def callback(chunk: Any) -> None:
            on_chunk(chunk)

        return self.whole(await self.generator.run_async(self.messages, streaming_callback=callback))

    def whole(self, output: dict[str, Any]) -> str:
        reply = output["replies"][0]
        reasoning = reply.reasoning.reasoning_text if reply.reasoning else ""
        return "".join([reasoning, reply.text or "", *(call.arguments["text"] for call in reply.tool_calls)])

    def close(self) -> None:
        self.generator.close()

    async def close_async(self) -> None:
        await self.generator.close_async()


class OpenRouterGenerator(HaystackGenerator):
    name = "OpenRouterChatGenerator"
    module = "haystack_integrations.components.generators.openrouter"
    component = "OpenRouterChatGenerator"


class AIMLAPIGenerator(HaystackGenerator):
    name = "AIMLAPIChatGenerator"
    module = "haystack_integrations.components.generators.aimlapi"
    component = "AIMLAPIChatGenerator"


class HaystackEmbedder(Contender):
    """A document embedder of Haystack, with documents in the place of messages."""

    name = "OpenAIDocumentEmbedder"
    module = "haystack.components.embedders.openai_document_embedder"
    component: ClassVar[str] = "OpenAIDocumentEmbedder"

    def __init__(self, url: str, documents: int = 32) -> None:
        self.count = documents
        super().__init__(url)

    def prepare(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> None:
        from haystack import Document
        from haystack.utils import Secret

        self.documents = [
            Document(content=f"Document {number}: {QUESTION[0]['content']}") for number in range(self.count)
        ]
        self.embedder = getattr(self.library, self.component)(
            api_key=Secret.from_token("key"),
            model="text-embedding-3-small",
            api_base_url=self.url,
            progress_bar=False,
            raise_on_failure=True,
        )

    def call(self) -> str:
        return self.whole(self.embedder.run(self.documents))

    async def call_async(self) -> str:
        return self.whole(await self.embedder.run_async(self.documents))

    def stream(self, on_chunk: OnChunk) -> str:
        raise NotImplementedError

    async def stream_async(self, on_chunk: OnChunk) -> str:
        raise NotImplementedError

    def whole(self, output: dict[str, Any]) -> str:
        assert all(document.embedding for document in output["documents"])
        return str(len(output["documents"]))

    def close(self) -> None:
        self.embedder.close()

    async def close_async(self) -> None:
        await self.embedder.close_async()


class AIMLAPIEmbedder(HaystackEmbedder):
    name = "AIMLAPIDocumentEmbedder"
    module = "haystack_integrations.components.embedders.aimlapi"
    component = "AIMLAPIDocumentEmbedder"


class LangChain(Contender):
    name = "LangChain ChatOpenAI"
    module = "langchain_openai"

    def prepare(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> None:
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_core.messages import convert_to_messages

        class Handler(BaseCallbackHandler):
            run_inline = True

            def __init__(self, on_chunk: OnChunk) -> None:
                self.on_chunk = on_chunk

            def on_llm_new_token(self, token: str, *, chunk: Any = None, **kwargs: Any) -> None:
                self.on_chunk(chunk)

        self.messages = convert_to_messages(messages)
        self.handler = Handler
        settings = {"model": MODEL, "api_key": "key", "base_url": self.url}
        self.models = [
            model.bind_tools(tools) if tools else model
            for model in (self.library.ChatOpenAI(**settings, streaming=streamed) for streamed in (False, True))
        ]

    def call(self) -> str:
        return self.whole(self.models[0].invoke(self.messages))

    async def call_async(self) -> str:
        return self.whole(await self.models[0].ainvoke(self.messages))

    def stream(self, on_chunk: OnChunk) -> str:
        return self.whole(self.models[1].invoke(self.messages, {"callbacks": [self.handler(on_chunk)]}))

    async def stream_async(self, on_chunk: OnChunk) -> str:
        return self.whole(await self.models[1].ainvoke(self.messages, {"callbacks": [self.handler(on_chunk)]}))

    def whole(self, message: Any) -> str:
        return "".join([message.content, *(call["args"]["text"] for call in message.tool_calls)])


class LiteLLM(Contender):
    name = "LiteLLM"
    module = "litellm"

    def prepare(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> None:
        super().prepare(messages, tools)
        self.body |= {"model": f"openai/{MODEL}", "api_base": self.url, "api_key": "key"}
        self.stream_body = self.body | {"stream": True, "stream_options": {"include_usage": True}}

    def call(self) -> str:
        return self.whole(self.library.completion(**self.body))

    async def call_async(self) -> str:
        return self.whole(await self.library.acompletion(**self.body))

    def stream(self, on_chunk: OnChunk) -> str:
        chunks = []
        for chunk in self.library.completion(**self.stream_body):
            on_chunk(chunk)
            chunks.append(chunk)
        return self.whole(self.library.stream_chunk_builder(chunks, messages=self.body["messages"]))

    async def stream_async(self, on_chunk: OnChunk) -> str:
        chunks = []
        async for chunk in await self.library.acompletion(**self.stream_body):
            on_chunk(chunk)
            chunks.append(chunk)
        return self.whole(self.library.stream_chunk_builder(chunks, messages=self.body["messages"]))

    def whole(self, response: Any) -> str:
        message = response.choices[0].message
        arguments = [json.loads(call.function.arguments)["text"] for call in message.tool_calls or ()]
        return "".join([getattr(message, "reasoning_content", None) or "", message.content or "", *arguments])


ALL: tuple[type[Contender], ...] = (
    RawHTTP,
    OpenAISDK,
    HaystackGenerator,
    OpenRouterGenerator,
    AIMLAPIGenerator,
    LangChain,
    LiteLLM,
)


def installed() -> list[type[Contender]]:
    """The contenders that can be imported here."""
    found = []
    for contender in ALL:
        try:
            importlib.import_module(contender.module)
        except ModuleNotFoundError as error:
            print(f"{contender.name} is left out: {error}", file=sys.stderr)
            continue
        found.append(contender)
    return found
