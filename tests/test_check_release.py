# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from scripts.check_release import problems


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [1.2.3] - 2026-01-31\n", encoding="utf-8")
    return tmp_path


def test_a_tag_of_this_version_that_the_changelog_tells_of(project: Path) -> None:
    assert problems("v1.2.3", project) == []


def test_another_tag(project: Path) -> None:
    assert problems("v1.2.4", project) == ["The tag is v1.2.4, the version in pyproject.toml 1.2.3."]


def test_a_changelog_without_the_version_or_its_date(project: Path) -> None:
    (project / "CHANGELOG.md").write_text("## [1.2.3] - unreleased\n\n## [1.2.2] - 2026-01-01\n", encoding="utf-8")
    assert problems("v1.2.3", project) == ["CHANGELOG.md has no section `## [1.2.3] - YYYY-MM-DD`."]
