# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The code in the pages of docs, by page and heading."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def snippets(page: str, heading: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    _, section, *_ = re.split(rf"^##+ {re.escape(heading)}$", text, flags=re.MULTILINE)
    return re.findall(
        r"^```\w+\n(.*?)^```$", re.split(r"^##+ ", section, flags=re.MULTILINE)[0], re.DOTALL | re.MULTILINE
    )


def snippet(page: str, heading: str) -> str:
    """The first piece of code under a heading."""
    return snippets(page, heading)[0]
