# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How the fields of successive deltas add up, in time that grows with what comes."""

from typing import Any

from haystack_integrations.common.aimlapi.body import has_value
from haystack_integrations.components.generators.aimlapi.chat._text import TextBuffer

LATEST_FIELDS = {"timings", "token_id"}
"""Fields that tell of each frame alone: the last is kept."""
# Strings of nested fields that streams bring in pieces. Of others, what comes again is the same value once more.
_WRITTEN_FIELDS = {"data", "transcript", "input"}
# Deeper down, what comes replaces what was there.
_DEEPEST = 50


class _Fields(dict[str, Any]):
    """A dictionary of our own, which can be added to in place."""


class _Items(list[Any]):
    """A list of our own."""


def merge(known: Any, value: Any, name: str = "", depth: int = 0) -> Any:
    """
    Add a delta to what has come so far: strings and lists grow, dictionaries are merged, all else is replaced.

    :param known: What has come so far: what this function returned, or None.
    :param value: The delta, which is not changed.
    :param name: The name of the field.
    :param depth: How deep it is nested.
    :returns: Both together, for `plain` to make plain data of.
    """
    if name in LATEST_FIELDS:
        return value
    if isinstance(value, str) and isinstance(known, (str, TextBuffer)):
        return _write(known, value, grows=name in _WRITTEN_FIELDS)
    if isinstance(value, list) and isinstance(known, list):
        if value[: len(known)] == known:
            return value
        items = known if isinstance(known, _Items) else _Items(known)
        items += value
        return items
    if isinstance(value, dict) and isinstance(known, dict) and depth < _DEEPEST:
        fields = known if isinstance(known, _Fields) else _Fields(known)
        for key, item in value.items():
            if has_value(item):
                fields[key] = merge(fields.get(key), item, key, depth + 1)
        return fields
    return value


def _write(known: str | TextBuffer, value: str, *, grows: bool) -> str | TextBuffer:
    if not grows and len(known) == len(value) and str(known) == value:
        return known
    if isinstance(known, str):
        known = TextBuffer(known)
    known.write(value)
    return known


def plain(value: Any) -> Any:
    """
    Get plain data.

    :param value: What `merge` returned.
    :returns: The data.
    """
    if isinstance(value, TextBuffer):
        return str(value)
    if isinstance(value, _Fields):
        return {name: plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, _Items) else value


def add_field(fields: dict[str, Any], name: str, value: Any) -> None:
    """
    Add a field that comes with frames of a stream to what has come so far.

    Of what comes again the last is kept, of a dictionary the last of each entry: they may come in different frames.

    :param fields: What has come so far, for `plain` to make plain data of each.
    :param name: The name of the field.
    :param value: Its value, which is not changed.
    """
    known = fields.get(name)
    if isinstance(value, dict) and name not in LATEST_FIELDS:
        if not isinstance(known, dict):
            fields[name] = dict(value)
            return
        for key, item in value.items():
            if has_value(item) or key not in known:
                known[key] = item
    else:
        fields[name] = merge(known, value) if isinstance(value, list) else value


def add_logprobs(fields: dict[str, Any], value: dict[str, Any]) -> None:
    """
    Add the log probabilities of the next tokens.

    :param fields: What has come so far.
    :param value: Those of the next tokens, which are not changed.
    """
    known = fields.get("logprobs")
    if not isinstance(known, dict):
        known = fields["logprobs"] = {}
    for name, item in value.items():
        if isinstance(item, list):
            if not isinstance(known.get(name), list):
                known[name] = []
            known[name].extend(item)
        elif has_value(item) or name not in known:
            known[name] = item
