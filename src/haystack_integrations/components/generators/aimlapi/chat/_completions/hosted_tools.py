# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
Calls of hosted tools that a model wants to have sent back, such as `$web_search` of Kimi.

The provider runs such a tool when the call comes back to it with its own arguments as the result (AIMLAPI docs,
text-models-llm/moonshot/kimi-k2-preview.md). No tool of the user's is meant: the calls are kept in the meta of the
message, out of sight of an Agent, and go out again with it.
"""

import json
from typing import Any

from haystack.dataclasses import ChatMessage, ChatRole

META_KEY = "hosted_tool_calls"
_ROUNDS_KEY = "hosted_tool_rounds"
_PREFIX = "$"  # No function of a user's may begin with it.
_MOST_ROUNDS = 10


class HostedToolRounds:
    """
    The calls of the API until a reply wants more than to have its calls of hosted tools sent back.

    :param messages: The messages of the run.
    """

    def __init__(self, messages: list[ChatMessage] | str) -> None:
        self.messages = messages
        self.result: dict[str, list[ChatMessage]] | None = None
        self._past: list[ChatMessage] = []

    def add(self, result: dict[str, list[ChatMessage]]) -> None:
        """
        Take the result of the next call: the last one, or one more turn to go on from.

        :param result: The result of a call.
        """
        replies = [_set_aside(reply) for reply in result["replies"]]
        if len(replies) == 1 and META_KEY in replies[0].meta and not replies[0].tool_calls:
            if len(self._past) < _MOST_ROUNDS:
                self._past.append(replies[0])
                before = [ChatMessage.from_user(self.messages)] if isinstance(self.messages, str) else self.messages
                self.messages = [*before, replies[0]]
                return
        if self._past:
            for reply in replies:
                reply.meta[_ROUNDS_KEY] = [past.to_dict() for past in self._past]
        self.result = {"replies": replies}


def _set_aside(reply: ChatMessage) -> ChatMessage:
    hosted = [call for call in reply.tool_calls if call.tool_name.startswith(_PREFIX)]
    if not hosted:
        return reply
    data = reply.to_dict()
    calls = [call.to_dict() for call in hosted]
    data["content"] = [part for part in data["content"] if part.get("tool_call") not in calls]
    data["meta"] = {**data["meta"], META_KEY: calls}
    return ChatMessage.from_dict(data)


def with_rounds(messages: list[ChatMessage]) -> list[ChatMessage]:
    """
    Put the turns that led to a reply before it, inside a tool loop: the model would have to call its tools once more.

    :param messages: The conversation.
    :returns: The conversation with them.
    """
    users = (position for position in range(len(messages) - 1, -1, -1) if messages[position].role == ChatRole.USER)
    loop = next(users, -1) + 1
    if not any(_ROUNDS_KEY in message.meta for message in messages[loop:]):
        return messages
    expanded = messages[:loop]
    for message in messages[loop:]:
        expanded += [ChatMessage.from_dict(past) for past in message.meta.get(_ROUNDS_KEY, ())]
        expanded.append(message)
    return expanded


def sent_back(calls: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """
    Make the calls of hosted tools what goes back to the API.

    :param calls: The calls, as the meta of a message holds them.
    :returns: The calls for the message, and the messages with their results.
    """
    sent, results = [], []
    for call in calls:
        arguments = json.dumps(call["arguments"], ensure_ascii=False)
        kind = (call.get("extra") or {}).get("type", "function")
        sent.append({"id": call["id"], "type": kind, "function": {"name": call["tool_name"], "arguments": arguments}})
        results.append({"role": "tool", "tool_call_id": call["id"], "name": call["tool_name"], "content": arguments})
    return sent, results
