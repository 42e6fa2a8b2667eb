# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What an image model answers becomes the result of a run."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Literal

from haystack import logging

from haystack_integrations.common.aimlapi.body import call_meta, drop_empty, rest_of_service_meta
from haystack_integrations.common.aimlapi.errors import reply_error
from haystack_integrations.common.aimlapi.image_types import SVG, image_type

logger = logging.getLogger(__name__)

ImageFormat = Literal["b64_json", "url"]

# Characters of base64: enough for the beginning of an SVG, which may have comments.
_BEGINNING = 8000


def find_images(body: dict[str, Any]) -> list[dict[str, Any]]:
    """
    Find the images in a reply: OpenAI's shape has them in `data`, that of others in `images`, and some in both.

    :param body: The body of the response.
    :returns: The images, each with its data in `b64_json`, or its address in `url`.
    :raises APIError: If there is none, or moderation refused all of them.
    """
    found: Any = body.get("data") or body.get("images") or []
    entries = [_entry(value) for value in (found if isinstance(found, list) else [found])]
    refused = _refused(body, entries)
    images: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []
    for entry, is_refused in zip(entries, refused, strict=True):
        is_image = not is_refused and (entry.get("b64_json") or entry.get("url"))
        (images if is_image else missing).append(entry)
    told = "".join(f": {text}" for part in (body, *missing) if (text := part.get("description") or part.get("reason")))
    if not images:
        reason = "Moderation refused the image" if any(refused) else "AIMLAPI answered without an image"
        raise reply_error(body, f"{reason}{told}")
    if missing:
        logger.warning(
            "{missing} of {total} images were refused or left out{told}",
            missing=len(missing),
            total=len(entries),
            told=told,
        )
    return images


def _refused(body: dict[str, Any], entries: list[dict[str, Any]]) -> list[bool]:
    """
    Tell which images moderation refused: a picture without anything to see takes their place.
    """
    nsfw = body.get("has_nsfw_concepts")
    flags = dict(enumerate(nsfw if isinstance(nsfw, list) else [nsfw] * len(entries)))
    return [
        bool(flags.get(number) or entry.get("content_violation") or entry.get("respect_moderation") is False)
        for number, entry in enumerate(entries)
    ]


def _entry(value: Any) -> dict[str, Any]:
    """
    Get an image as a dictionary that has its data in `b64_json`, and its URL in `url`.
    """
    entry = dict(value) if isinstance(value, dict) else {"url": value}
    if linked := entry.pop("image_url", None):
        entry.update(linked if isinstance(linked, dict) else {"url": linked})
    return {name: part for name, part in entry.items() if name not in ("b64_json", "url") or isinstance(part, str)}


def build_result(
    body: dict[str, Any], entries: list[dict[str, Any]], *, model: str, prompt: str, headers: Mapping[str, str]
) -> dict[str, Any]:
    """
    Build the result of a run, but for the images themselves.

    :param body: The body of the response.
    :param entries: The images in it.
    :param model: The model that was asked for.
    :param prompt: The prompt.
    :param headers: The headers of the response.
    :returns: The result, with an empty list of images.
    """
    service_meta = body.get("meta")
    images = []
    for entry in entries:
        data_url = str(entry.get("url") or "").startswith("data:")
        images.append(drop_empty(entry, {"b64_json", "url"} if data_url else {"b64_json"}))
    revised = entries[0].get("revised_prompt") or entries[0].get("prompt")
    return {
        "images": [],
        "revised_prompt": revised if isinstance(revised, str) and revised != prompt else "",
        "meta": {
            "model": model,
            **drop_empty(body, {"data", "meta"}),
            **rest_of_service_meta(service_meta),
            "images": images,
            **call_meta(service_meta, headers),
        },
    }


def convert_image(entry: dict[str, Any], image_format: ImageFormat) -> str | None:
    """
    Give an image the form that was asked for.

    :param entry: The image.
    :param image_format: The form.
    :returns: Base64 or a URL; None if it must be downloaded.
    """
    known, url = entry.get("b64_json") or "", entry.get("url") or ""
    if image_format == "url" and url:
        return str(url)
    head, _, data = (known or url).rpartition("base64,")
    if not data or not (known or head.startswith("data:")):
        return None
    media_type = image_type(_beginning(data), declared_type(entry) or head.removeprefix("data:"))
    if media_type is None:
        # It came from the API, was paid for, and may be of a type that is not known here: that is for the user to say.
        logger.warning("What the model returned in base64 does not begin as an image does. It is kept as it is.")
    if image_format == "b64_json":
        return data
    media_type = media_type or declared_type(entry) or "application/octet-stream"
    return f"{head}base64,{data}" if head else f"data:{media_type};base64,{data}"


def declared_type(entry: dict[str, Any]) -> str | None:
    """
    Tell what the API says of the type of an image.

    :param entry: The image.
    :returns: A media type; None if it does not say. The end of an address says it of SVG only.
    """
    for value in (entry.get("mime_type"), entry.get("content_type")):
        if value and isinstance(value, str):
            return value
    path = re.split(r"[?#]", entry.get("url") or "", maxsplit=1)[0]
    return SVG if path.lower().endswith(".svg") else None


def _beginning(data: str) -> bytes:
    text = "".join(data[:_BEGINNING].split())
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except ValueError:
        return b""
