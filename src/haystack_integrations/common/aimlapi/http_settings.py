# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""HTTP clients, with what the user set laid over the SDK's defaults."""

from typing import Any
from urllib.request import getproxies

import httpx
import httpx2
from openai import DEFAULT_CONNECTION_LIMITS, DEFAULT_TIMEOUT

from .http import AsyncHTTPClient, AsyncLegacyHTTPClient, HTTPClient, LegacyHTTPClient
from .tls import shared_ssl_context

_LIMITS = ("max_connections", "max_keepalive_connections", "keepalive_expiry")
# What aiohttp cannot do, or the user chose to do otherwise.
_OTHER_WAYS = ("mounts", "proxy", "http1", "http2")


def _holds_httpx_objects(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_httpx_objects, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_httpx_objects, value))
    return any(base.__module__.partition(".")[0] == "httpx" for base in type(value).__mro__)


def http_client_settings(http_client_kwargs: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """
    Lay the user's settings over the SDK's defaults.

    :param http_client_kwargs: What the user set; `limits` may be a dictionary, as in YAML.
    :returns: Whether the settings need a client of httpx, and the complete settings.
    """
    legacy = _holds_httpx_objects(http_client_kwargs)
    family: Any = httpx if legacy else httpx2
    limits = {name: getattr(DEFAULT_CONNECTION_LIMITS, name) for name in _LIMITS}
    settings = {
        "timeout": family.Timeout(**DEFAULT_TIMEOUT.as_dict()),
        "limits": {},
        "follow_redirects": True,
        **http_client_kwargs,
    }
    if isinstance(settings["limits"], dict):
        settings["limits"] = family.Limits(**{**limits, **settings["limits"]})
    if not (legacy or settings.get("http2") or settings.get("transport")):
        verify = settings.get("verify", True)
        if isinstance(verify, (bool, str)):
            cert, trust_env = settings.pop("cert", None), settings.get("trust_env", True)
            settings["verify"] = shared_ssl_context(verify=verify, cert=cert, trust_env=trust_env)
    return legacy, settings


def make_http_client(http_client_kwargs: dict[str, Any]) -> HTTPClient | LegacyHTTPClient:
    """
    Make a synchronous client.

    :param http_client_kwargs: What the user set.
    :returns: The client.
    """
    legacy, settings = http_client_settings(http_client_kwargs)
    return LegacyHTTPClient(**settings) if legacy else HTTPClient(**settings)


def make_async_http_client(http_client_kwargs: dict[str, Any]) -> AsyncHTTPClient | AsyncLegacyHTTPClient:
    """
    Make an asynchronous client. It connects with aiohttp, unless the user chose another way.

    :param http_client_kwargs: What the user set.
    :returns: The client.
    """
    legacy, settings = http_client_settings(http_client_kwargs)
    if legacy:
        return AsyncLegacyHTTPClient(**settings)
    proxies = getproxies() if settings.get("trust_env", True) else {}
    if "transport" in settings or any(map(settings.get, _OTHER_WAYS)) or proxies.keys() & {"http", "https", "all"}:
        return AsyncHTTPClient(**settings)
    # aiohttp is imported with the first asynchronous client, not with every component.
    from .aiohttp_transport import AiohttpTransport  # noqa: PLC0415

    limits = settings["limits"]
    chosen = http_client_kwargs.get("limits", {})
    if isinstance(chosen, dict) and "max_keepalive_connections" not in chosen:
        # The SDK keeps only a tenth of its connections, since each idle one makes the pool of httpx2 slower.
        limits = httpx2.Limits(
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_connections,
            keepalive_expiry=limits.keepalive_expiry,
        )
    ssl_context = httpx2.create_ssl_context(verify=settings["verify"], cert=settings.get("cert"))
    return AsyncHTTPClient(**settings, transport=AiohttpTransport(ssl_context=ssl_context, limits=limits))
