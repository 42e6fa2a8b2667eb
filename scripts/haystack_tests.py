# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
Runs Haystack's own tests with the components of this package in the place of Haystack's OpenAI components.

    python scripts/haystack_tests.py CHECKOUT [pytest arguments]
    python scripts/haystack_tests.py --published FOLDER [pytest arguments]

CHECKOUT is a checkout of deepset-ai/haystack, best of the version that is installed; or, with the argument `tests`,
the source of an integration whose components derive from Haystack's, to see whether they can derive from these.
FOLDER is the unpacked source of an older version of this package, whose tests run against this one.

This package and what the tests import must be installed: pytest-asyncio, pytest-bdd, pandas and more, as the
`pyproject.toml` of either lists it. Tests that need a key or much time are left out, and no test reaches an API.

A failure is one of three: `DELIBERATE` names it with the reason; or the test fails without this package as well, as
when it is not of the installed version; or it is a fault, and the exit code is 1.
"""

import argparse
import functools
import importlib
import json
import os
import socket
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from haystack import component

GENERATORS = "haystack_integrations.components.generators.aimlapi"
EMBEDDERS = "haystack_integrations.components.embedders.aimlapi"

# Haystack's class, by its module and name -> the class that takes its place
ALIASES = {
    ("haystack.components.generators.chat.openai", "OpenAIChatGenerator"): (GENERATORS, "AIMLAPIChatGenerator"),
    ("haystack.components.generators.chat.openai_responses", "OpenAIResponsesChatGenerator"): (
        GENERATORS,
        "AIMLAPIResponsesChatGenerator",
    ),
    ("haystack.components.generators.openai_image_generator", "OpenAIImageGenerator"): (
        GENERATORS,
        "AIMLAPIImageGenerator",
    ),
    ("haystack.components.embedders.openai_text_embedder", "OpenAITextEmbedder"): (EMBEDDERS, "AIMLAPITextEmbedder"),
    ("haystack.components.embedders.openai_document_embedder", "OpenAIDocumentEmbedder"): (
        EMBEDDERS,
        "AIMLAPIDocumentEmbedder",
    ),
}
# These derive from the classes above, and go on to derive from Haystack's.
AZURE = [
    "haystack.components.generators.chat.azure",
    "haystack.components.generators.chat.azure_responses",
    "haystack.components.embedders.azure_text_embedder",
    "haystack.components.embedders.azure_document_embedder",
]
VARIABLES = {
    "OPENAI_API_KEY": "AIMLAPI_API_KEY",
    "OPENAI_TIMEOUT": "AIMLAPI_TIMEOUT",
    "OPENAI_MAX_RETRIES": "AIMLAPI_MAX_RETRIES",
}

# What is run unless the arguments name a path: the tests of these components, and of what uses them.
USERS = "agents builders embedders evaluators extractors generators joiners query rankers retrievers routers validators"
PATHS = [
    *(f"test/components/{name}" for name in USERS.split()),
    "test/core",
    "test/hooks",
    "test/testing",
    "test/tools",
    "test/utils/test_deserialization.py",
]
SELECTION = ["-m", "not integration and not slow", "--continue-on-collection-errors"]
QUIET = ["-q", "--tb=short", "-p", "no:cacheprovider", "-o", "log_cli=false"]

# Where this package differs on purpose -> the tests that notice
DELIBERATE = {
    "The default model, its key variable and its base URL are AIMLAPI's; `to_dict` writes this package's parameters.": [
        "*/test_openai*.py::*::test_init_default",
        "*/chat/test_openai.py::*::test_init_with_parameters*",
        "*/test_openai*.py::*::test_to_dict",
        "*/chat/test_openai*.py::*::test_to_dict_default",
        "*/chat/test_openai*.py::*::test_to_dict_with_parameters",
        "*/chat/test_openai.py::*::test_to_dict_with_response_format_json_object",
        "*/test_openai_image_generator.py::*::test_to_dict_with_params",
        "*/test_openai_image_generator.py::*::test_from_dict_default_params",
        "*/agents/test_agent*.py::*::test_to_dict",
        "tests/test_aimlapi_chat_generator.py::*::test_init_default",
        "tests/test_aimlapi_chat_generator.py::*::test_to_dict_default",
        "*/test_query_expander.py::*::test_to_dict",
    ],
    "Each tool is warmed up once, that of a run as well, which no flag for all can tell.": [
        "*/chat/test_openai*.py::*::test_warm_up_warms_tools_once",
        "*/chat/test_openai*.py::*::test_warm_up_with_*_does_not_raise",
    ],
    "There is no `organization`: it would be the user's at OpenAI, which AIMLAPI has no use for.": [
        "*/chat/test_openai_async.py::*::test_warm_up_async_should_create_async_client_with_same_args",
        "*/chat/test_openai_responses.py::*::test_warm_up_async_creates_async_client_with_expected_args",
    ],
    "The default timeout is the SDK's, 600 seconds and 5 to connect: reasoning models take minutes.": [
        "*/test_openai*.py::*::test_warm_up_uses_default_timeout_and_max_retries",
    ],
    "Clients are made in a module of this package: what is put in the place of a class in Haystack's is not used.": [
        "*/test_openai*.py::TestComponentLifecycle::test_sync_lifecycle",
        "*/test_openai*.py::TestComponentLifecycle::test_async_lifecycle",
    ],
    "Structured replies are asked for with `create`, never `parse`, which raises when a reply is cut off.": [
        "*/chat/test_openai.py::*::test_run_with_response_format",
        "*/chat/test_openai.py::*::test_run_with_response_format_in_run_method",
        "*/chat/test_openai.py::*::test_run_with_tools_and_response_format",
        "tests/test_aimlapi_chat_generator.py::*::test_prepare_api_call_with_response_format_non_streaming",
    ],
    "A Pydantic class as `response_format` works with streaming as well.": [
        "*/chat/test_openai.py::*::test_run_with_response_format_and_streaming_pydantic_model",
    ],
    "A malformed tool call is kept in `meta`, and the warning says so.": [
        "*/chat/test_openai.py::*::test_invalid_tool_call_json",
    ],
    "Embedders: `to_dict` has no `organization`.": [
        "*/embedders/test_openai_*.py::*::test_to_dict_with_custom_init_parameters",
    ],
    "Embedders: a failure is raised by default, since an index with holes is worse than an error.": [
        "*/embedders/test_openai_document_embedder.py::*::test_embed_batch_handles_exceptions_gracefully",
        "*/embedders/test_openai_document_embedder.py::*::test_run_handles_exceptions_gracefully",
    ],
    "Embedders: vectors come as base64 where the model declares it, a quarter of the bytes.": [
        "*/embedders/test_openai_text_embedder.py::*::test_prepare_input",
    ],
    "Images: `quality` goes to the model as given, whatever its vendor calls it, and `response_format` is fulfilled.": [
        "*/test_openai_image_generator.py::*::test_init_invalid_quality_falls_back_to_auto",
        "*/test_openai_image_generator.py::*::test_init_non_default_response_format_warns",
    ],
}

# How this process tells the one that runs pytest what to do.
_OUTCOMES = "HAYSTACK_TESTS_OUTCOMES"
_ALIASED = "HAYSTACK_TESTS_ALIASED"


def _take_the_places() -> None:
    for module in AZURE:
        importlib.import_module(module)
    for (module, name), (our_module, our_name) in ALIASES.items():
        theirs = getattr(importlib.import_module(module), name)
        try:
            ours = getattr(importlib.import_module(our_module), our_name)
        except ImportError:
            sys.stderr.write(f"There is no {our_name}: {name} stays Haystack's.\n")
            continue
        _pass_for(ours, module, name)
        for path, loaded in list(sys.modules.items()):
            if path.startswith("haystack.") and path not in AZURE and vars(loaded).get(name) is theirs:
                setattr(loaded, name, ours)
        # The packages import their modules lazily.
        setattr(sys.modules[module.rpartition(".")[0]], name, ours)


def _pass_for(ours: Any, module: str, name: str) -> None:
    """
    Let a class be serialized under another name, and take `organization`, so that the tests see what lies beneath.
    """
    original = ours.__init__

    @functools.wraps(original)
    def init(self: Any, *args: Any, organization: str | None = None, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.organization = organization

    ours.__init__ = init
    ours.__module__, ours.__name__, ours.__qualname__ = module, name, name
    component.registry[f"{module}.{name}"] = ours


def _mirror_variables(method: str) -> None:
    original = getattr(pytest.MonkeyPatch, method)

    def change(self: pytest.MonkeyPatch, name: str, *args: Any, **kwargs: Any) -> None:
        original(self, name, *args, **kwargs)
        if name in VARIABLES:
            original(self, VARIABLES[name], *args, **kwargs)

    setattr(pytest.MonkeyPatch, method, change)


def _refuse_paid_calls() -> None:
    original = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if any(api in str(host) for api in ("aimlapi.com", "openai.com")):
            # Not an `Exception`, which would be taken for a fault of the network and tried again.
            pytest.fail(f"The test is about to call {host}")
        return original(host, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Set up the process that runs the tests, before anything of theirs is imported."""
    _refuse_paid_calls()
    if os.environ[_ALIASED] == "haystack":
        _take_the_places()
        _mirror_variables("setenv")
        _mirror_variables("delenv")


def pytest_configure(config: pytest.Config) -> None:
    """
    Declare the markers that leave tests out, which not every project does.

    :param config: The configuration.
    """
    for marker in ("integration", "slow"):
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Mark the tests that are expected to fail.

    :param items: All tests.
    """
    for item in items if os.environ[_ALIASED] else ():
        for reason, patterns in DELIBERATE.items():
            if any(fnmatch(item.nodeid, pattern) for pattern in patterns):
                item.add_marker(pytest.mark.xfail(reason=reason))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """
    Keep what cannot be collected.

    :param report: The report.
    """
    if report.failed:
        _keep(report.nodeid, "failed")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """
    Keep the outcome of a test.

    :param report: The report on one of its phases.
    """
    if hasattr(report, "wasxfail"):
        _keep(report.nodeid, "different" if report.skipped else "not different", report.wasxfail)
    elif report.when == "call" or not report.passed:
        _keep(report.nodeid, report.outcome)


def _keep(test: str, outcome: str, reason: str = "") -> None:
    with open(os.environ[_OUTCOMES], "a", encoding="utf-8") as file:
        file.write(json.dumps([test, outcome, reason]) + "\n")


def _run(folder: Path, arguments: list[str], *, aliased: str, sources: list[str]) -> dict[str, tuple[str, str]]:
    """
    Run tests.

    :param folder: Where they are.
    :param arguments: Those of pytest.
    :param aliased: What is put in whose place.
    :param sources: Where to import from before all else.
    :returns: The outcome and the reason, by test.
    """
    with TemporaryDirectory() as scratch:
        kept = Path(scratch, "outcomes")
        kept.touch()
        # A long list of tests does not fit on a command line.
        listed = Path(scratch, "arguments")
        listed.write_text("\n".join(arguments), encoding="utf-8")
        paths = [*sources, str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(Path(path).resolve()) for path in paths if path),
            "HAYSTACK_TELEMETRY_ENABLED": "False",
            _OUTCOMES: str(kept),
            _ALIASED: aliased,
        }
        # `-P` keeps the checkout's Haystack from being imported in the place of the installed one.
        command = [sys.executable, "-P", "-m", "pytest", "-p", Path(__file__).stem, *SELECTION, *QUIET, f"@{listed}"]
        subprocess.run(command, cwd=folder, env=environment, check=False)  # noqa: S603 of its own making
        lines = map(json.loads, kept.read_text(encoding="utf-8").splitlines())
        outcomes: dict[str, tuple[str, str]] = {}
        for test, outcome, reason in lines:
            if outcomes.get(test, ("",))[0] != "failed":
                outcomes[test] = (outcome, reason)
        return outcomes


def _tell(title: str, tests: list[str]) -> None:
    sys.stdout.write(f"\n{title}: {len(tests)}\n" + "".join(f"  {test}\n" for test in tests))


def main() -> int:
    """
    Run the tests, and tell the outcomes apart.

    :returns: 0 if no test fails that should not.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, help="a checkout of Haystack, or the unpacked source of an older version")
    parser.add_argument("--published", action="store_true", help="the folder is an older version of this package")
    options, arguments = parser.parse_known_args()
    if not any((options.folder / argument.partition("::")[0]).exists() for argument in arguments):
        arguments += ["tests"] if options.published else PATHS

    aliased = "published" if options.published else "haystack"
    outcomes = _run(options.folder, arguments, aliased=aliased, sources=[])
    by_outcome = {
        kind: sorted(test for test, (outcome, _) in outcomes.items() if outcome == kind)
        for kind in ("passed", "skipped", "different", "not different", "failed")
    }
    failed = by_outcome["failed"]
    old = [str(options.folder / "src")] if options.published else []
    without = _run(options.folder, failed, aliased="", sources=old) if failed else {}
    faults = [test for test in failed if without.get(test, ("",))[0] != "failed"]

    _tell("Fail without this package as well", [test for test in failed if test not in faults])
    for reason in DELIBERATE:
        if tests := [test for test in by_outcome["different"] if outcomes[test][1] == reason]:
            _tell(f"Different: {reason}", tests)
    _tell("Expected to differ, and does not", by_outcome["not different"])
    _tell("Failed", faults)
    figures = {**{kind: len(tests) for kind, tests in by_outcome.items()}, "failed": len(faults)}
    sys.stdout.write("\n" + ", ".join(f"{number} {kind}" for kind, number in figures.items()) + "\n")
    return 1 if faults or not by_outcome["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
