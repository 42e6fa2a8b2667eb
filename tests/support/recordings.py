# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Recorded exchanges with AIMLAPI, played through respx. The format is described in recordings/README.md."""

import difflib
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from tests.support.multipart import sent_body
from tests.support.scrub import scrub_body, scrub_headers, scrub_stream, without_key

RECORDINGS = Path(__file__).parents[1] / "recordings"
LIVE_URL = "https://api.aimlapi.com/v1"
# Read before the environment is cleared for the tests: what `--record` asks in place of the live API.
RECORDED_URL = os.environ.get("AIMLAPI_API_BASE") or LIVE_URL

_recorded: set[str] = set()


def names(pattern: str = "*") -> list[str]:
    return sorted(path.stem for path in RECORDINGS.glob(f"{pattern}.json"))


def respond(response: dict[str, Any]) -> httpx.Response:
    body = json.dumps(response["json"]) if "json" in response else "".join(response.get("sse") or response["text"])
    return httpx.Response(response["status"], headers=response.get("headers"), content=body.encode())


class Recording:
    def __init__(self, name: str, *, record: bool = False, folder: Path = RECORDINGS) -> None:
        self.name = name
        self.path = folder / f"{name}.json"
        data = json.loads(self.path.read_text(encoding="utf-8"))
        self.source: str = data["source"]
        self.exchanges: list[dict[str, Any]] = data["exchanges"]
        self.live: list[dict[str, Any]] = []
        # What the API answers when it fails cannot be asked for again.
        failing = any(exchange["response"]["status"] >= 400 for exchange in self.exchanges)
        self.recording = record and not failing and name not in _recorded
        # Of a live answer, what it says is not known beforehand.
        self.exact = not record or failing
        self.played = 0

    def mount(self, router: respx.Router) -> None:
        # respx keeps one route per pattern: a recording mounted later takes over.
        router.route(path__startswith="/v1/").mock(side_effect=self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The response of the next exchange; `pytest.fail` passes through every `except Exception` on its way."""
        if self.played == len(self.exchanges):
            pytest.fail(f"{self.name}: a request more than recorded: {request.content.decode()}")
        exchange = self.exchanges[self.played]
        expected, response = exchange["request"], exchange["response"]
        self.played += 1
        sent = {
            "method": request.method,
            "path": request.url.path,
            "headers": {name: request.headers.get(name) for name in expected.get("headers", {})},
            "body": sent_body(request),
        }
        if self.recording:
            response = send(request)
            if response["status"] >= 400:
                pytest.fail(f"{self.name}: the API answered {response['status']}; the recording stays as it is")
            self.live.append({"request": sent, "response": response})
        elif sent != {"headers": {}, **expected}:
            pytest.fail(f"{self.name}: request {self.played} differs from the recorded one\n{diff(expected, sent)}")
        return respond(response)

    def finish(self, *, accepted: bool = True) -> None:
        """
        End the test. What was recorded is written only if the test accepted it.
        """
        if self.played != len(self.exchanges) and accepted:
            pytest.fail(f"{self.name}: {self.played} of {len(self.exchanges)} exchanges were played")
        if self.recording and accepted:
            data = {"source": "Recorded live with `pytest --record`, and scrubbed.", "exchanges": self.live}
            text = without_key(json.dumps(data, indent=2, ensure_ascii=False))
            self.path.write_text(f"{text}\n", encoding="utf-8")
            _recorded.add(self.name)


def diff(expected: dict[str, Any], sent: dict[str, Any]) -> str:
    texts = [json.dumps(side, indent=2, sort_keys=True).splitlines() for side in (expected, sent)]
    return "\n".join(difflib.unified_diff(*texts, "recorded", "sent", lineterm=""))


def send(request: httpx.Request) -> dict[str, Any]:
    """Ask the live API, past every mock: with urllib. The answer is scrubbed."""
    headers = {name: value for name, value in request.headers.items() if name not in ("accept-encoding", "connection")}
    headers.pop("host")
    url = str(request.url).replace(LIVE_URL, RECORDED_URL, 1)
    live = urllib.request.Request(url, request.content, headers, method=request.method)
    try:
        answer = urllib.request.urlopen(live, timeout=600)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        path, text = request.url.path, answer.read().decode()
        if "event-stream" in answer.headers.get("content-type", ""):
            body: dict[str, Any] = {"sse": scrub_stream(text, path)}
        else:
            body = {"json": scrub_body(json.loads(text), path)}
        return {"status": answer.status, "headers": scrub_headers(dict(answer.headers)), **body}
