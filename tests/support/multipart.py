# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Bodies of requests, whatever they are written in."""

import base64
import json
from email import message_from_bytes
from typing import Any


def sent_body(request: Any) -> Any:
    """
    The body of a request of httpx2 or httpx.

    Of a form, a field is a text, or a list if there are more of its name; a file is a dictionary.
    """
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        return json.loads(request.content)
    form: dict[str, list[Any]] = {}
    message: Any = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + request.content)
    for part in message.get_payload():
        name = part.get_param("name", header="content-disposition")
        form.setdefault(name, []).append(file(part) if part.get_filename() else part.get_payload())
    return {name: values[0] if len(values) == 1 else values for name, values in form.items()}


def file(part: Any) -> dict[str, str]:
    data = base64.b64encode(part.get_payload(decode=True)).decode()
    return {"filename": part.get_filename(), "content_type": part.get_content_type(), "base64": data}
