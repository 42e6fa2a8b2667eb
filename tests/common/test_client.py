# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How clients are configured, with real sockets."""

import asyncio
import ssl
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import aiohttp
import httpx
import httpx2
import openai
import pytest
import trustme
from haystack import Pipeline
from haystack.utils import Secret

from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator
from tests.support.modes import ASYNC, LEGACY, SYNC, Mode, in_all_modes, plain_only
from tests.support.server import PLAIN_HELLO, FaultServer, drop, hello, serving, whole


def openai_client(generator: AIMLAPIChatGenerator, mode: Mode) -> Any:
    """The client that the component makes in this mode."""
    if not mode.asynchronous:
        generator.warm_up()
        return generator.client
    asyncio.run(generator.warm_up_async())
    return generator.async_client


# Environment


@in_all_modes
def test_openai_environment_has_no_effect(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(hello(mode)) as elsewhere, serving(hello(mode)) as (server, generator):
        mode.complete(generator)
        for name, value in {
            "OPENAI_API_KEY": "openai-key",
            "OPENAI_ADMIN_KEY": "openai-admin-key",
            "OPENAI_ORG_ID": "openai-org",
            "OPENAI_PROJECT_ID": "openai-project",
            "OPENAI_WEBHOOK_SECRET": "openai-webhook",
            "OPENAI_BASE_URL": elsewhere.url,
            "OPENAI_CUSTOM_HEADERS": "X-Openai-Custom: openai-header\nAuthorization: Bearer openai-token",
            "OPENAI_TIMEOUT": "0.000001",
            "OPENAI_MAX_RETRIES": "0",
        }.items():
            monkeypatch.setenv(name, value)
        with closing(AIMLAPIChatGenerator(api_base_url=server.url, model="vendor/model")) as generator_then:
            mode.complete(generator_then)
        assert elsewhere.requests == []
        before, after = server.requests
        assert after.headers == before.headers
        assert after.json == before.json
        assert after.headers["authorization"] == "Bearer test-key"


@in_all_modes
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("value", [None, "", "\n"])
def test_missing_key_is_named(mode: Mode, strict: bool, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "openai-key")
    monkeypatch.delenv("AIMLAPI_API_KEY")
    if value is not None:
        monkeypatch.setenv("AIMLAPI_API_KEY", value)
    key = Secret.from_env_var("AIMLAPI_API_KEY", strict=strict)
    with serving(hello(mode), api_key=key) as (server, generator):
        with pytest.raises(ValueError, match="AIMLAPI_API_KEY") as caught:
            mode.complete(generator)
        missing, _, remedy = str(caught.value).partition(". ")
        # In the first case it is Haystack that says so.
        assert missing == "There is no API key" or (strict and value is None and "AIMLAPI_API_KEY" in missing)
        assert remedy == (
            "Make a key at https://aimlapi.com/app/keys, and set the environment variable AIMLAPI_API_KEY or pass "
            "`api_key=Secret.from_token(...)`."
        )
        assert server.connections == 0


@in_all_modes
def test_line_break_after_the_key_is_cut_off(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", " test-key\n")
    with serving(hello(mode)) as (server, generator):
        mode.complete(generator)
        assert server.requests[0].headers["authorization"] == "Bearer test-key"


@pytest.mark.parametrize("key", ["sk-very\nsecret", "sk-very\x00secret", "sk-verysécret"])
def test_key_that_cannot_be_sent_is_not_quoted(key: str) -> None:
    generator = AIMLAPIChatGenerator(api_key=Secret.from_token(key))
    with pytest.raises(
        ValueError, match=r"^The API key .* contains characters that no HTTP header can carry"
    ) as caught:
        generator.warm_up()
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@plain_only
@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("AIMLAPI_TIMEOUT", "soon", "a number of seconds"),
        ("AIMLAPI_TIMEOUT", "nan", "a number of seconds"),
        ("AIMLAPI_TIMEOUT", "inf", "a number of seconds"),
        ("AIMLAPI_TIMEOUT", "-1", "a number of seconds"),
        ("AIMLAPI_MAX_RETRIES", "often", "a whole number"),
        ("AIMLAPI_MAX_RETRIES", "2.5", "a whole number"),
        ("AIMLAPI_MAX_RETRIES", "-1", "a whole number"),
    ],
)
def test_number_that_is_none_names_the_variable(
    mode: Mode, name: str, value: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"^The environment variable {name} must be {kind}, got '{value}'.$"):
        openai_client(AIMLAPIChatGenerator(), mode)


# Settings of the HTTP client


@plain_only
@pytest.mark.parametrize(
    ("variable", "settings", "expected"),
    [
        (None, {}, {"connect": 5.0, "read": 600, "write": 600, "pool": 600}),
        ("", {}, {"connect": 5.0, "read": 600, "write": 600, "pool": 600}),
        ("50", {}, {"connect": 50, "read": 50, "write": 50, "pool": 50}),
        ("50", {"http_client_kwargs": {"timeout": 40}}, {"connect": 40, "read": 40, "write": 40, "pool": 40}),
        (None, {"http_client_kwargs": {"timeout": None}}, {"connect": None, "read": None, "write": None, "pool": None}),
        (
            None,
            {"http_client_kwargs": {"timeout": httpx.Timeout(40, connect=4)}},
            {"connect": 4, "read": 40, "write": 40, "pool": 40},
        ),
        (
            None,
            {"http_client_kwargs": {"timeout": httpx2.Timeout(40, connect=4)}},
            {"connect": 4, "read": 40, "write": 40, "pool": 40},
        ),
        (
            "50",
            {"http_client_kwargs": {"timeout": 40}, "timeout": 30},
            {"connect": 30, "read": 30, "write": 30, "pool": 30},
        ),
        ("50", {"http_client_kwargs": LEGACY, "timeout": 30}, {"connect": 30, "read": 30, "write": 30, "pool": 30}),
        (None, {"http_client_kwargs": LEGACY}, {"connect": 5.0, "read": 600, "write": 600, "pool": 600}),
    ],
)
def test_timeout_comes_from_run_init_client_or_environment(
    mode: Mode, variable: str | None, settings: dict[str, Any], expected: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("AIMLAPI_TIMEOUT", variable)
    sent: list[Any] = []

    async def see(request: Any) -> None:
        sent.append(request.extensions["timeout"])

    hook = see if mode.asynchronous else lambda request: sent.append(request.extensions["timeout"])
    http_client_kwargs = {**settings.get("http_client_kwargs", {}), "event_hooks": {"request": [hook]}}
    with serving(PLAIN_HELLO, **{**settings, "http_client_kwargs": http_client_kwargs}) as (_, generator):
        mode.complete(generator)
        mode.complete(generator, generation_kwargs={"timeout": 7})
    assert sent == [expected, {"connect": 7, "read": 7, "write": 7, "pool": 7}]


@plain_only
@pytest.mark.parametrize(
    ("variable", "settings", "expected"), [(None, {}, 5), ("0", {}, 0), ("9", {}, 9), ("9", {"max_retries": 2}, 2)]
)
def test_max_retries_come_from_init_or_environment(
    mode: Mode, variable: str | None, settings: dict[str, Any], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("AIMLAPI_MAX_RETRIES", variable)
    with serving(whole(b"", 503, retry_after_ms="1"), **settings) as (server, generator):
        with pytest.raises(openai.InternalServerError):
            mode.complete(generator)
        assert len(server.requests) == 1 + expected


@plain_only
@pytest.mark.parametrize(
    "http_client_kwargs",
    [None, {}, {"verify": False}, {"limits": {"max_connections": 7}}, {"limits": httpx2.Limits(max_connections=7)}],
)
def test_client_is_of_the_sdks_own_class(mode: Mode, http_client_kwargs: dict[str, Any] | None) -> None:
    own = openai.AsyncOpenAI if mode.asynchronous else openai.OpenAI
    with closing(AIMLAPIChatGenerator(http_client_kwargs=http_client_kwargs)) as generator:
        client = openai_client(generator, mode)._client
    default = own(api_key="key")
    ours, theirs = client, default._client
    assert isinstance(ours, httpx2.AsyncClient if mode.asynchronous else httpx2.Client)
    assert ours.follow_redirects == theirs.follow_redirects
    assert ours.timeout == theirs.timeout
    assert ours.trust_env == theirs.trust_env
    if not mode.asynchronous:  # The asynchronous one has a connection pool of its own: see test_pool.py.
        pool, default_pool = ours._transport._pool, theirs._transport._pool
        limits = (http_client_kwargs or {}).get("limits")
        assert pool._max_connections == (7 if limits else default_pool._max_connections)
        if not limits:
            assert pool._max_keepalive_connections == default_pool._max_keepalive_connections
            assert pool._keepalive_expiry == default_pool._keepalive_expiry
        verify = (http_client_kwargs or {}).get("verify", True)
        assert pool._ssl_context.verify_mode == (default_pool._ssl_context.verify_mode if verify else ssl.CERT_NONE)


class LegacyAuth(httpx.Auth):
    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["X-Legacy"] = "auth"
        yield request


@plain_only
@pytest.mark.parametrize(
    "make",
    [
        lambda mode: {"limits": httpx.Limits(max_connections=7)},
        lambda mode: {"auth": LegacyAuth()},
        lambda mode: {"transport": (httpx.AsyncHTTPTransport if mode.asynchronous else httpx.HTTPTransport)()},
        lambda mode: {"mounts": {"all://": (httpx.AsyncHTTPTransport if mode.asynchronous else httpx.HTTPTransport)()}},
        lambda mode: {"cookies": httpx.Cookies({"a": "b"})},
    ],
    ids=["limits", "auth", "transport", "mounts", "cookies"],
)
def test_objects_of_httpx_get_a_client_of_httpx(mode: Mode, make: Callable[[Mode], dict[str, Any]]) -> None:
    http_client_kwargs = make(mode)
    with serving(PLAIN_HELLO, http_client_kwargs=http_client_kwargs) as (_, generator):
        assert mode.complete(generator).text == "Hello"
        client = openai_client(generator, mode)._client
        assert isinstance(client, httpx.AsyncClient if mode.asynchronous else httpx.Client)
        assert client.follow_redirects is True
        assert client.timeout == httpx.Timeout(600, connect=5)
        if "limits" in http_client_kwargs:
            assert client._transport._pool._max_connections == 7


def test_limits_of_yaml_reach_the_client() -> None:
    pipeline = Pipeline()
    pipeline.add_component(
        "llm", AIMLAPIChatGenerator(http_client_kwargs={"limits": {"max_connections": 7, "keepalive_expiry": 3}})
    )
    with closing(Pipeline.loads(pipeline.dumps()).get_component("llm")) as generator:
        pool = openai_client(generator, SYNC)._client._transport._pool
    assert (pool._max_connections, pool._keepalive_expiry) == (7, 3)


@in_all_modes
@pytest.mark.parametrize("legacy", [{}, LEGACY], ids=["httpx2", "httpx"])
def test_certificate_must_be_of_an_authority_that_is_trusted(mode: Mode, legacy: dict[str, Any]) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with serving(hello(mode), tls=tls, http_client_kwargs=legacy, max_retries=0) as (server, generator):
        with pytest.raises(openai.APIConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            mode.complete(generator)
        assert server.requests == []
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serving(hello(mode), tls=tls, http_client_kwargs={**legacy, "verify": trusting}) as (_, generator):
        assert mode.complete(generator).text == "Hello"


@in_all_modes
def test_hooks_of_the_user_run(mode: Mode) -> None:
    seen: list[str] = []

    def on_request(request: Any) -> None:
        request.headers["X-Hook"] = "ran"
        seen.append("request")

    def on_response(response: Any) -> None:
        seen.append(f"response {response.status_code}")

    async def on_request_async(request: Any) -> None:
        on_request(request)

    async def on_response_async(response: Any) -> None:
        on_response(response)

    hooks = (on_request_async, on_response_async) if mode.asynchronous else (on_request, on_response)
    http_client_kwargs = {"event_hooks": {"request": [hooks[0]], "response": [hooks[1]]}}
    answers = (whole(b"", 503, retry_after_ms="1"), hello(mode))
    with serving(*answers, http_client_kwargs=http_client_kwargs) as (server, generator):
        mode.complete(generator)
        assert [request.headers["x-hook"] for request in server.requests] == ["ran", "ran"]
    assert seen == ["request", "response 503", "request", "response 200"]


@in_all_modes
def test_a_proxy_is_used(mode: Mode) -> None:
    with FaultServer(hello(mode)) as proxy:
        generator = AIMLAPIChatGenerator(
            api_base_url="http://api.invalid/v1", http_client_kwargs={"proxy": proxy.url.removesuffix("/v1")}
        )
        with closing(generator):
            assert mode.complete(generator).text == "Hello"
        assert proxy.requests[0].target == "http://api.invalid/v1/chat/completions"


@in_all_modes
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(mode: Mode, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(hello(mode)) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        with closing(AIMLAPIChatGenerator(api_base_url="http://api.invalid/v1")) as generator:
            assert mode.complete(generator).text == "Hello"


@in_all_modes
def test_a_proxy_of_the_environment_for_https_alone_is_used(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer((drop,)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        generator = AIMLAPIChatGenerator(api_base_url="https://api.invalid/v1", max_retries=0)
        with closing(generator), pytest.raises(openai.APIConnectionError):
            mode.complete(generator)
        assert proxy.requests[0].target == "api.invalid:443"


@pytest.mark.parametrize("http_client_kwargs", [None, {"proxy": None, "http2": False}, {"trust_env": False}])
async def test_what_asks_for_no_proxy_leaves_calls_to_aiohttp(
    http_client_kwargs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if http_client_kwargs == {"trust_env": False}:
        monkeypatch.setenv("HTTP_PROXY", "http://localhost:9")
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("FTP_PROXY", "http://localhost:9")
    asked = []
    connect = aiohttp.TCPConnector.connect
    monkeypatch.setattr(
        aiohttp.TCPConnector, "connect", lambda *args, **kwargs: asked.append(args) or connect(*args, **kwargs)
    )
    with serving(hello(ASYNC), http_client_kwargs=http_client_kwargs) as (_, generator):
        assert (await ASYNC.complete_async(generator)).text == "Hello"
    assert len(asked) == 1


@in_all_modes
def test_many_headers_are_no_fault(mode: Mode) -> None:
    status, _, rest = hello(mode).partition(b"\r\n")
    with serving(b"\r\n".join([status, *(b"x-%d: 1" % number for number in range(150)), rest])) as (_, generator):
        assert mode.complete(generator).text == "Hello"


# What docs/migrating.md has in the place of Azure's tokens


@in_all_modes
def test_secret_header_takes_the_place_of_the_key_and_is_read_with_each_call(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": Secret.from_env_var("GATEWAY_AUTHORIZATION")}
    with serving(hello(mode), extra_headers=headers) as (server, generator):
        for token in ("Bearer first", "Bearer second"):
            monkeypatch.setenv("GATEWAY_AUTHORIZATION", token)
            mode.complete(generator)
        sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer first", "Bearer second"]


@in_all_modes
def test_function_is_asked_for_a_token_before_each_request(mode: Mode) -> None:
    tokens = iter(["first", "second"])

    def authorize(request: httpx2.Request) -> httpx2.Request:
        request.headers["Authorization"] = f"Bearer {next(tokens)}"
        return request

    with serving(hello(mode), http_client_kwargs={"auth": authorize}) as (server, generator):
        mode.complete(generator)
        mode.complete(generator)
        sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer first", "Bearer second"]


@in_all_modes
def test_client_of_the_component_can_be_used_directly(mode: Mode) -> None:
    """As tracers and users do: outside a call of the component nothing is recorded."""
    with serving(whole(b"", 504), max_retries=3) as (server, generator):

        async def main() -> None:
            await generator.warm_up_async()
            with pytest.raises(openai.InternalServerError):
                await generator.async_client.models.list()

        if mode.asynchronous:
            asyncio.run(main())
        else:
            generator.warm_up()
            with pytest.raises(openai.InternalServerError):
                generator.client.models.list()
        assert len(server.requests) == 1
