# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import pytest

# So that an assertion of theirs that fails says why.
pytest.register_assert_rewrite("tests.support")
