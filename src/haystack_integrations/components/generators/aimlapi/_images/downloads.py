# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The images of a reply that came by address are downloaded."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import aclosing, closing, contextmanager, nullcontext
from typing import Any
from urllib.request import getproxies

import httpx
import httpx2

from haystack_integrations.common.aimlapi.client import BASE_URL
from haystack_integrations.common.aimlapi.download import (
    DownloadError,
    DownloadOptions,
    download_image,
    download_image_async,
    shown,
)
from haystack_integrations.common.aimlapi.errors import reply_error
from haystack_integrations.common.aimlapi.http_settings import http_client_settings

from .reply import declared_type

# How hosts are reached. What else there is, such as headers, is meant for the API.
_SHARED = ("transport", "mounts", "proxy", "verify", "cert", "trust_env", "timeout")

_LONGEST = 600.0  # seconds, as calls have by default

Entry = dict[str, Any]


class Downloads:
    """The downloads of one call: past the SDK's client, whose key and headers are none of an image host's business."""

    def __init__(self, client: Any, *, http_client_kwargs: dict[str, Any] | None, timeout: Any) -> None:
        """
        Set up the downloads of a call.

        :param client: The client of the call.
        :param http_client_kwargs: What the user set.
        :param timeout: The timeout of the call, if it has its own: seconds, or an object of httpx2 or httpx.
        """
        legacy, settings = http_client_settings(http_client_kwargs or {})
        self._family: Any = httpx if legacy else httpx2
        self._settings = {name: settings[name] for name in _SHARED if name in settings}
        # What the user made serves the calls as well.
        self._is_borrowed = bool(settings.get("transport") or settings.get("mounts"))
        self._options = DownloadOptions(
            # What somebody put in the place of a client may have none of this.
            api_url=str(getattr(client, "base_url", BASE_URL)),
            timeout=_seconds(getattr(client, "timeout", None) if timeout is None else timeout),
            max_retries=getattr(client, "max_retries", 0),
            proxied=_is_proxied(settings),
        )

    def fill(self, images: list[str | None], entries: list[Entry], body: Any) -> list[str]:
        """
        Download the images that are missing.

        :param images: The images; None where one is missing.
        :param entries: What the reply has of each.
        :param body: The reply, which the error keeps: it was paid for.
        :returns: All images, in base64 where they were missing.
        :raises APIError: If one cannot be downloaded.
        """
        client = self._family.Client(**self._settings)
        filled = []
        with nullcontext() if self._is_borrowed else closing(client):
            for image, entry in zip(images, entries, strict=True):
                with _failing(entry, body):
                    filled.append(image or _encoded(download_image(client, **self._arguments(entry))))
        return filled

    async def fill_async(self, images: list[str | None], entries: list[Entry], body: Any) -> list[str]:
        """
        Download the images that are missing. Parameters, result and errors are those of `fill`.
        """
        client = self._family.AsyncClient(**self._settings)
        filled = []
        async with nullcontext() if self._is_borrowed else aclosing(client):
            for image, entry in zip(images, entries, strict=True):
                with _failing(entry, body):
                    filled.append(image or _encoded(await download_image_async(client, **self._arguments(entry))))
        return filled

    def _arguments(self, entry: Entry) -> dict[str, Any]:
        return {"url": entry.get("url") or "", "options": self._options, "declared_type": declared_type(entry)}


@contextmanager
def _failing(entry: Entry, body: Any) -> Iterator[None]:
    try:
        yield
    except DownloadError as error:
        msg = f"The image was made, but its download from {shown(entry.get('url') or '')} failed: {error}"
        raise reply_error(body, msg) from error


def _encoded(downloaded: tuple[bytes, str]) -> str:
    return base64.b64encode(downloaded[0]).decode()


def _seconds(timeout: Any) -> float:
    read = timeout.read if hasattr(timeout, "read") else httpx2.Timeout(timeout).read
    # Who waits for a model without end has no reason to wait so for a host that anybody may have named.
    return _LONGEST if read is None else read


def _is_proxied(settings: Mapping[str, Any]) -> bool:
    # Mounts are told apart by the names of hosts, and so is what goes past the proxies of the environment.
    if settings.get("proxy") or settings.get("mounts"):
        return True
    from_environment = settings.get("trust_env", True) and not settings.get("transport")
    return bool(from_environment and getproxies().keys() & {"http", "https", "all"})
