# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""The map in docs/architecture.md is the one in the code."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "haystack_integrations"
MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]
OURS = re.compile(r"haystack_integrations\.(?:common|components\.\w+)\.aimlapi\.?")


def room(path: Path) -> str:
    """The name that the map has for a module: its path below the folder of the package."""
    return re.sub(r".*/aimlapi/", "", path.with_suffix("").as_posix())


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                found.add(room(path.parent / module.replace(".", "/")))
            elif OURS.match(module):
                found.add(OURS.sub("", module).replace(".", "/"))
    return found


def drawn() -> dict[str, set[str]]:
    arrows: dict[str, set[str]] = {}
    current = ""
    for line in MAP.splitlines():
        shown = line.partition("#")[0]
        name, arrow, targets = shown.partition("->")
        if arrow:
            current = name.strip()
            arrows[current] = set(targets.split())
        elif current and shown.startswith(" "):
            arrows[current] |= set(shown.split())
    return arrows


def test_the_map_shows_every_module_and_every_import() -> None:
    modules = [path for path in SRC.rglob("*.py") if path.name != "__init__.py"]
    assert drawn() == {room(path): imports(path) for path in modules}


def test_arrows_point_down() -> None:
    """Nothing shared imports a component, nothing imports what imports it, and some import nothing of ours."""
    arrows = drawn()
    shared = {room(path) for path in (SRC / "common" / "aimlapi").glob("*.py")}
    assert all(arrows[name] <= shared for name in shared & arrows.keys())
    assert arrows["call"] == arrows["progress"] == arrows["redaction"] == set()
    order: list[str] = []
    while len(order) < len(arrows):
        free = [name for name in arrows if name not in order and arrows[name] <= set(order)]
        assert free, f"a circle among {arrows.keys() - set(order)}"
        order += free


def test_no_module_is_long() -> None:
    lengths = {room(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SRC.rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
