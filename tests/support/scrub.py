# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""What of a live answer may stay in a recording: an allow-list. All else keeps its place and type, not its value."""

import json
import os
import re
from typing import Any

HEADERS = {"content-type", "retry-after", "x-client-request-id", "x-aimlapi-credits-used", "x-aimlapi-usd-spent"}
INFERENCE_ID = "x-inference-id"
SCRUBBED = "scrubbed"

_SHARED = """
    id object created created_at model usage meta credits_used usd_spent type index role name text url title detail
    prompt_tokens completion_tokens total_tokens input_tokens output_tokens reasoning_tokens cached_tokens audio_tokens
    text_tokens image_tokens prompt_tokens_details completion_tokens_details input_tokens_details output_tokens_details
    accepted_prediction_tokens rejected_prediction_tokens cost status error message code
"""
# The fields of the bodies, at any depth, by the last part of the path.
FIELDS = {
    "completions": f"""{_SHARED}
        choices delta content finish_reason native_finish_reason logprobs bytes token logprob top_logprobs refusal
        annotations url_citation start_index end_index tool_calls function arguments reasoning reasoning_content
        reasoning_details summary data signature format encrypted_content extra_content google thought_signature audio
        transcript expires_at images image_url system_fingerprint service_tier provider citations search_results date
        last_updated obfuscation input custom""",
    "responses": f"""{_SHARED}
        response output output_index item item_id content content_index part delta arguments call_id summary
        summary_index encrypted_content reasoning effort tools tool_choice parameters strict instructions
        max_output_tokens temperature top_p truncation incomplete_details reason parallel_tool_calls
        previous_response_id store sequence_number annotations logprobs obfuscation format schema""",
    "generations": f"{_SHARED} data images b64_json revised_prompt prompt seed width height content_type mime_type",
    "edits": f"{_SHARED} data images b64_json revised_prompt prompt width height content_type mime_type",
    "embeddings": f"{_SHARED} data embedding",
}


def scrub_headers(headers: dict[str, str]) -> dict[str, str]:
    """Leave out every header that is not known to tell nothing; the id of the call gets a stable placeholder."""
    lower = {name.lower(): value for name, value in headers.items()}
    kept = {name: value for name, value in lower.items() if name in HEADERS}
    return kept | ({INFERENCE_ID: SCRUBBED} if INFERENCE_ID in lower else {})


def scrub_body(body: Any, path: str) -> Any:
    """The body of an answer, with the values of all fields replaced that are not on the list of its endpoint."""
    return _scrub(body, set(FIELDS[path.rpartition("/")[2]].split()))


def scrub_stream(text: str, path: str) -> list[str]:
    """The events of a stream, scrubbed one by one."""
    return [_scrub_event(event, path) for event in re.split(r"(?<=\n\n)(?=.)", text)]


def without_key(text: str) -> str:
    """The text of a recording without the key, wherever it stands."""
    key = os.environ.get("AIMLAPI_API_KEY")
    return text.replace(key, "KEY") if key else text


def _scrub_event(event: str, path: str) -> str:
    lines = []
    for line in event.splitlines(keepends=True):
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            body = json.dumps(scrub_body(json.loads(data), path), ensure_ascii=False, separators=(",", ":"))
            lines.append(f"data: {body}\n")
        elif line.startswith(("data:", "event:")) or not line.strip():
            lines.append(line)
    return "".join(lines)


def _scrub(value: Any, kept: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: _scrub(part, kept if name in kept else set()) for name, part in value.items()}
    if isinstance(value, list):
        return [_scrub(part, kept) for part in value]
    if kept or value is None or isinstance(value, bool):
        return value
    return SCRUBBED if isinstance(value, str) else 0
