# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What an image is, told by how it begins."""

import re

SVG = "image/svg+xml"

IMAGE_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(signature, re.DOTALL), media_type)
    for signature, media_type in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF.{4}WEBP", "image/webp"),
        # The brand of the file, or among those that a file of a general brand is compatible with.
        (rb".{4}ftyp(?:avi[fs]|mi[fa]1.{4}(?:.{4}){0,8}?avi[fs])", "image/avif"),
        (rb".{4}ftyp(?:hei[cmsx]|hev[cmsx])", "image/heic"),
        (rb".{4}ftyp(?:mif1|msf1)", "image/heif"),
        (rb"BM.{4}\x00{4}", "image/bmp"),
        (rb"II[*+]\x00|MM\x00[*+]", "image/tiff"),
        (rb"\x00\x00\x01\x00[^\x00]", "image/x-icon"),
    )
)
"""How images begin, and their media types. SVG is not among them: it is text, and begins as other text does."""

_SVG_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,1000}<(?:svg\b|[?!].{0,4000}<svg\b)", re.DOTALL | re.IGNORECASE)


def image_type(data: bytes, declared_type: str | None = None) -> str | None:
    """
    Tell the media type of an image by its first bytes.

    :param data: The image, or its first 64 bytes at least; for SVG, its first 5,000.
    :param declared_type: The media type that the API tells, which only matters if it is `image/svg+xml`.
    :returns: The media type. None if this is no image, or SVG that was not declared.
    """
    for signature, media_type in IMAGE_SIGNATURES:
        if signature.match(data):
            return media_type
    is_svg = str(declared_type).lower().startswith(SVG) and _SVG_BEGINNING.match(data)
    return SVG if is_svg else None
