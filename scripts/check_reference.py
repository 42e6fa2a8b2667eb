# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
Refuse an API reference that leaves out or does not explain a public method of a component, its own or an inherited one.

    python scripts/check_reference.py build/reference
"""

import re
import sys
from pathlib import Path

from haystack_integrations.components.embedders import aimlapi as embedders
from haystack_integrations.components.generators import aimlapi as generators


def missing(folder: Path) -> list[str]:
    """
    Find the methods that have no place or no text in the reference.

    :param folder: Where pdoc has written it.
    :returns: Their names, such as `AIMLAPIChatGenerator.close_async`.
    """
    found = []
    for package in (embedders, generators):
        page = folder.joinpath(*package.__name__.split(".")).with_suffix(".html").read_text(encoding="utf-8")
        shown = {
            place.partition('"')[0]
            for place in re.split(r'<(?:section|div) id="', page)
            if '<div class="docstring">' in place
        }
        for name in package.__all__:
            component = getattr(package, name)
            methods = [method for method in dir(component) if callable(getattr(component, method))]
            public = ["__init__", *(method for method in methods if not method.startswith("_"))]
            found += [f"{name}.{method}" for method in public if f"{name}.{method}" not in shown]
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit(__doc__)
    if names := missing(Path(sys.argv[1])):
        sys.exit("Not in the reference: " + ", ".join(names))
