# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from scripts.check_reference import missing

METHODS = ["__init__", "close", "close_async", "from_dict", "run", "run_async", "to_dict", "warm_up", "warm_up_async"]
COMPONENTS = {
    "embedders": ["AIMLAPIDocumentEmbedder", "AIMLAPITextEmbedder"],
    "generators": ["AIMLAPIChatGenerator", "AIMLAPIImageGenerator", "AIMLAPIResponsesChatGenerator"],
}


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """As pdoc writes it, but for all that does not matter."""
    for kind, names in COMPONENTS.items():
        page = tmp_path / "haystack_integrations" / "components" / kind / "aimlapi.html"
        page.parent.mkdir(parents=True)
        places = [f'<div id="{name}.{method}"><div class="docstring">' for name in names for method in METHODS]
        page.write_text("\n".join(places), encoding="utf-8")
    return tmp_path


def test_a_reference_with_all_methods(reference: Path) -> None:
    assert missing(reference) == []


@pytest.mark.parametrize("change", [("close_async", "open"), ('close_async"><div class="docstring">', 'close_async">')])
def test_a_method_without_a_place_or_without_a_text(reference: Path, change: tuple[str, str]) -> None:
    page = reference / "haystack_integrations" / "components" / "embedders" / "aimlapi.html"
    page.write_text(page.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    assert missing(reference) == ["AIMLAPIDocumentEmbedder.close_async", "AIMLAPITextEmbedder.close_async"]
