# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How far a request got, by what its client tells."""

import httpcore2
import httpx2
import pytest

from haystack_integrations.common.aimlapi.progress import watched


@pytest.mark.parametrize(
    ("protocol", "method", "sent"),
    [("http11", b"POST", True), ("http11", b"CONNECT", False), ("http2", b"POST", True)],
    ids=["HTTP/1.1", "a tunnel", "HTTP/2"],
)
def test_each_step_is_noted(protocol: str, method: bytes, sent: bool) -> None:
    request = httpx2.Request("POST", "https://api.aimlapi.com/v1/chat/completions")
    with watched(request, asynchronous=False) as progress:
        trace = request.extensions["trace"]
        assert (progress.sent, progress.answered) == (None, None)

        trace(f"{protocol}.send_request_headers.started", {"request": httpcore2.Request(method, "https://x")})
        assert (progress.sent, progress.answered, progress.silence) == (False, False, 0)

        trace(f"{protocol}.send_request_body.complete", {})
        assert (progress.sent, progress.answered) == (sent, False)
        assert progress.sent_at is not None

        trace(f"{protocol}.receive_response_headers.complete", {})
        assert progress.answered is sent
