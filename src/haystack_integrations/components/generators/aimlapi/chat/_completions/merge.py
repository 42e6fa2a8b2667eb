# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""How the fields of successive deltas add up."""

from typing import Any

from haystack_integrations.common.aimlapi.body import drop_empty

# Strings of nested fields that streams bring in pieces. Of others, what comes again is the same value once more.
_WRITTEN_FIELDS = {"data", "transcript", "input"}


def merge(known: Any, value: Any, name: str = "") -> Any:
    """
    Add a delta to what has come so far: strings and lists grow, dictionaries are merged, all else is replaced.

    :param known: What has come so far.
    :param value: The delta.
    :param name: The name of the field.
    :returns: Both together.
    """
    if isinstance(known, str) and isinstance(value, str):
        return value if known == value and name not in _WRITTEN_FIELDS else known + value
    if isinstance(known, list) and isinstance(value, list):
        return value if value[: len(known)] == known else known + value
    if isinstance(known, dict) and isinstance(value, dict):
        return {**known, **{key: merge(known.get(key), item, key) for key, item in drop_empty(value).items()}}
    return value
