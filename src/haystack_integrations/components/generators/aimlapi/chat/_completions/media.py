# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Images, audio and video that a user sends, as data or by their address."""

from typing import Any

from haystack.dataclasses import FileContent, ImageContent

# The formats of `input_audio` in AIMLAPI's OpenAPI files: two have a short name, others are named by MIME type.
_AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/mpga": "mp3",
    "audio/aac": "audio/x-aac",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/m4a",
    "audio/mp4a-latm": "audio/m4a",
}


def media_part(part: Any, converted: dict[str, Any]) -> dict[str, Any]:
    """
    Convert a part of a user's message that Haystack has no form for.

    :param part: The part.
    :param converted: What Haystack's conversion makes of it.
    :returns: What to send.
    :raises ValueError: If it has no data, and its address cannot take their place.
    """
    if isinstance(part, ImageContent):
        if part.base64_image or not (url := part.meta.get("url")):
            return converted
        return {**converted, "image_url": {**converted["image_url"], "url": url}}
    if not isinstance(part, FileContent):
        return converted
    mime_type = part.mime_type or ""
    url = None if part.base64_data else part.extra.get("url")
    if mime_type.startswith("audio/"):
        audio_format = _AUDIO_FORMATS.get(mime_type, mime_type)
        return {"type": "input_audio", "input_audio": {"data": url or part.base64_data, "format": audio_format}}
    if mime_type.startswith("video/"):
        data_url = f"data:{mime_type};base64,{part.base64_data}"
        return {"type": "video_url", "video_url": {"url": url or data_url}}
    if url:
        msg = f"only images, audio and video can be sent by their address, not {mime_type or 'a file without a type'}."
        raise ValueError(msg)
    return converted
