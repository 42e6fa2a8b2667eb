# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from operator import mul
from pathlib import Path
from textwrap import dedent

import httpx
import httpx2
import openai
import pytest
import respx
from haystack import Document
from haystack.dataclasses import ImageContent

from examples.stand_in import StandIn, stand_in
from haystack_integrations.components.embedders.aimlapi import AIMLAPIDocumentEmbedder
from haystack_integrations.components.generators.aimlapi import AIMLAPIChatGenerator, AIMLAPIImageGenerator
from tests.support.modes import LEGACY
from tests.support.multipart import sent_body
from tests.support.recordings import respond
from tests.support.replies import PIXEL

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
REPLAY = "(A replay of prepared answers. Set AIMLAPI_API_KEY to ask the real API: https://aimlapi.com/app/keys)\n\n"
OUTPUT = {
    "chat.py": "The capital of France is Paris.\n",
    "quickstart.py": """\
[REASONING]
The user wants the cause of the sky's colour. That is Rayleigh scattering: short wavelengths scatter most. \
Two or three sentences are enough.

[ASSISTANT]
Sunlight is a mix of all colours. On its way through the air it is scattered by molecules far smaller than its \
wavelength, and blue light is scattered much more strongly than red. So blue reaches your eyes from every part \
of the sky.

model  deepseek-v4-flash
tokens 95
cost   $0.000855
""",
    "reasoning.py": """\
~~~~~~~~~~~~~~~..........
thought: Spell it: s-t-r-a-w-b-e-r-r-y. An r at position 3, one at 8 and one at 9.
answer:  Three times: one r in 'straw' and two in 'berry'.
cost:    {'credits_used': 1032, 'usd_spent': 0.000516}
""",
    "async_streaming.py": """\
Grey waves fold and rise,
salt wind writes upon the sand —
the tide reads it back.

tokens: 37
""",
    "aimlapi_with_tools_example.py": """\
call    weather({'city': 'Tokyo'})
call    local_time({'city': 'Tokyo'})
result  18 °C and sunny
result  21:30
answer  Welcome to Tokyo! It is 18 °C and sunny, and the local time is 21:30.
""",
    "structured_output.py": "Person(name='Marie Curie', birthplace='Warsaw', birth_year=1867)\n",
    "image_question.py": "The green bar in the middle is the tallest.\n",
    "fallback.py": """\
Holding papers together, resetting a router, and marking a page.
answered by: gpt-5.6-terra
failed before: ['AIMLAPIChatGenerator']
""",
    "responses.py": """\
[REASONING]
The ball is x, the bat x + 1.00. So 2x + 1.00 = 1.10, and x = 0.05.

[ASSISTANT]
The ball costs 0.05, and the bat 1.05.

reasoning tokens: 64
cost: {'credits_used': 5530, 'usd_spent': 0.002765}
""",
    "rag.py": """\
The call raises an exception of the OpenAI SDK whose text holds AIMLAPI's message, the ids of the call and what helps. \
Faults that may pass are tried again first, so that nothing is paid twice. [When a call fails]
source: README.md, When a call fails
cost:   $0.000760
""",
    "budget.py": """\
with $0.01: It is 18 °C and sunny in Paris.
with $0.0002: stopped: $0.000226 spent, 3 messages so far
""",
    "image.py": "image: aimlapi-cat.png\ncost: {'credits_used': 107341, 'usd_spent': 0.0536705}\n",
    "run_pipeline.py": (
        "A rainbow is sunlight that raindrops have split into all its colours, like a giant painting in the sky.\n"
    ),
}
RUN_ELSEWHERE = ("chat_repl.py", "cost_report.py", "ray_batch.py")
ELSEWHERE = ("scaling", "serving", "tracing")
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Those of other people's servers and tracers are run in tests/integrations, the others in test_scaling.
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.stem not in ELSEWHERE]
# Each Python snippet, with its output where the next block shows it.
SNIPPET = re.compile(r"^ *```python\n(.*?)^ *```\n(?:\n```\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
SNIPPETS = [
    pytest.param(*found, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, found in enumerate(SNIPPET.findall(page.read_text(encoding="utf-8")), 1)
]
HERE = re.compile(r"https://github\.com/deepset-ai/haystack-core-integrations/(blob|tree)/main/integrations/aimlapi/")
TESTS = re.compile(r"^def test_", re.MULTILINE)


# All examples in one process, as importing Haystack takes longer than any of them, each with a stand-in of its own.
RUN_ALL = """
import os, runpy, sys
for path in sys.argv[1:]:
    sys.argv = [path]
    sys.modules.pop("stand_in", None)
    os.environ.pop("AIMLAPI_API_KEY", None)
    sys.path[0] = os.path.dirname(path)
    runpy.run_path(path, run_name="__main__")
    print(end="\\0")
"""


def run(folder: Path, *command: str, **variables: str) -> str:
    environment = {**os.environ, "PYTHONUTF8": "1", "TMPDIR": str(folder), "TEMP": str(folder), **variables}
    environment.pop("AIMLAPI_API_KEY", None)
    command = (sys.executable, *command)
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(f"{folder}{os.sep}", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where examples write their files."""
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module")
def printed(folder: Path) -> dict[str, str]:
    outputs = run(folder, "-c", RUN_ALL, *(str(EXAMPLES / name) for name in OUTPUT)).split("\0")
    return dict(zip(OUTPUT, outputs, strict=False))


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTPUT)
def test_example_prints_what_it_should(name: str, printed: dict[str, str]) -> None:
    assert printed[name] == REPLAY + OUTPUT[name]


@pytest.mark.slow
def test_image_example_writes_an_image(printed: dict[str, str], folder: Path) -> None:
    assert (folder / "aimlapi-cat.png").read_bytes().startswith(b"\x89PNG")


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*OUTPUT, *RUN_ELSEWHERE, "stand_in.py"}


def test_every_example_is_in_the_readme() -> None:
    listed = set(re.findall(r"^\| \[`(\w+\.py)`\]", README, re.MULTILINE))
    assert listed == {path.name for path in EXAMPLES.glob("*.py")}


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda page: page.stem)
def test_links_into_the_repository_lead_somewhere(page: Path) -> None:
    """On the README they are absolute, so that they work on PyPI."""
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        assert page.stem != "README" or "://" in link
        path, _, anchor = HERE.sub(f"{ROOT}/", link).partition("#")
        target = page.parent / path if path else page
        is_there = target.exists() and (not anchor or anchor in headings(target))
        if "://" not in path and not is_there:
            lost.append(link)
    assert lost == []


def test_links_of_the_metadata_lead_somewhere() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    ours = [HERE.sub("", f"{url}/") for url in urls.values() if HERE.match(f"{url}/")]
    assert ours == ["docs/", "", "CHANGELOG.md/"]
    assert all((ROOT / path.removesuffix("/")).exists() for path in ours)


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.slow
def test_quickstart_says_that_it_does_not_know_another_question(tmp_path: Path) -> None:
    assert "no recording of that question" in run(tmp_path, str(EXAMPLES / "quickstart.py"), "How", "are", "you?")


def test_stand_in_runs_by_itself_and_fails_as_the_api_does() -> None:
    command = [sys.executable, str(EXAMPLES / "stand_in.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        url = re.search(r"http://\S+/v1", process.stdout.readline()).group()
        models = httpx2.get(f"{url}/models?include=pricing").json()
        errors = [
            httpx2.get(f"{url}/nothing"),
            httpx2.post(f"{url}/chat/completions", json={}),
            httpx2.post(f"{url}/chat/completions", content="{", headers={"authorization": "Bearer key"}),
            httpx2.post(f"{url}/nothing", json={}, headers={"authorization": "Bearer key"}),
            httpx2.post(f"{url}/embeddings", json={"input": ["a", ""]}, headers={"authorization": "Bearer key"}),
        ]
        process.terminate()

    assert models["object"] == "list"
    assert {"openai/gpt-5.6-terra", "deepseek/deepseek-v4-flash", "text-embedding-3-small"} <= {
        model["id"] for model in models["data"]
    }
    assert [error.status_code for error in errors] == [404, 401, 400, 404, 400]
    assert {frozenset(error.json()) for error in errors} == {
        frozenset({"message", "path", "requestId", "statusCode", "timestamp"})
    }


def test_stand_in_streams_what_is_recorded_plain() -> None:
    """A text word by word, the calls of tools, and errors."""
    pieces: list[str] = []
    with stand_in() as url:
        generator = AIMLAPIChatGenerator(
            model="moonshot/kimi-k2-6", api_base_url=url, streaming_callback=lambda chunk: pieces.append(chunk.content)
        )
        question = "Who won the marathon in Berlin this year, and what is the weather there?"
        called = generator.run(question)["replies"][0]
        generator.model = "openai/gpt-5.6-terra"
        told = generator.run("Name three uses of a paper clip.")["replies"][0]
        generator.model = "anthropic/claude-sonnet-4.6"
        with pytest.raises(openai.APIStatusError):
            generator.run("Name three uses of a paper clip.")
        generator.close()
    assert [call.tool_name for call in called.tool_calls] == ["weather"]
    assert told.text == "".join(pieces) == "Holding papers together, resetting a router, and marking a page."
    assert len(list(filter(None, pieces))) == 10
    assert told.meta["cost"]["usd_spent"] == 0.0001695


def test_stand_in_embeds_what_was_never_asked() -> None:
    """Texts with words in common are alike, in either form and at any length."""
    texts = ["a black cat", "The black cat!", "income tax"]
    for settings in ({}, {"dimensions": 64}, {"generation_kwargs": {"encoding_format": "float"}}):
        with stand_in() as url:
            embedder = AIMLAPIDocumentEmbedder(api_base_url=url, progress_bar=False, **settings)
            result = embedder.run([Document(content=text) for text in texts])
            embedder.close()
        first, second, third = (document.embedding for document in result["documents"])
        assert len(first) == settings.get("dimensions", 1536)
        assert sum(map(mul, first, second)) > 0.7
        assert sum(map(mul, first, third)) < 0.3
        assert sum(map(mul, first, first)) == pytest.approx(1)


def test_stand_in_reads_forms() -> None:
    with stand_in() as url:
        generator = AIMLAPIImageGenerator(api_base_url=url, model="openai/gpt-image-2", response_format="url")
        crown = ImageContent(base64_image=PIXEL)
        images = generator.run("Put the crown on the cat's head.", images=[crown])["images"]
        generator.close()
        broken = httpx2.post(
            f"{url}/images/edits",
            content="x",
            headers={"authorization": "Bearer key", "content-type": "multipart/form-data; boundary=b"},
        )
    assert len(images) == 1
    assert broken.status_code == 400


@pytest.mark.parametrize(("snippet", "output"), SNIPPETS)
def test_snippet_runs_and_prints_what_it_says(
    snippet: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a snippet sends, to whichever host, is answered by the stand-in."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "snippet.py").write_text(dedent(snippet), encoding="utf-8")
    with (
        StandIn() as server,
        respx.mock(using="httpcore2", assert_all_called=False) as httpx2_router,
        respx.mock(using="httpcore", assert_all_called=False) as httpx_router,
    ):

        def answer(request: httpx.Request) -> httpx.Response:
            return respond(server.answer(request.url.path, sent_body(request)))

        for router in (httpx2_router, httpx_router):
            router.post(path__startswith="/v1/").mock(side_effect=answer)
        runpy.run_path("snippet.py", run_name="__main__")
    assert not output or capsys.readouterr().out == output


def test_respx_alone_sees_no_request_of_ours() -> None:
    """As docs/testing.md says."""
    reply = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hello"}}]}
    seen = {}
    for settings in ({}, {"http_client_kwargs": LEGACY}):
        with stand_in() as url, respx.mock(assert_all_called=False) as router:
            route = router.post(f"{url}/chat/completions").respond(json=reply)
            generator = AIMLAPIChatGenerator(api_base_url=url, **settings)
            text = generator.run("What is the capital of France?")["replies"][0].text
            generator.close()
        seen[text] = route.call_count
    assert seen == {"The capital of France is Paris.": 0, "Hello": 1}


@pytest.mark.slow
def test_tests_on_the_pages_pass(tmp_path: Path) -> None:
    tests = [param.values[0] for param in SNIPPETS if TESTS.search(param.values[0])]
    for number, test in enumerate(tests):
        (tmp_path / f"test_{number}.py").write_text(test, encoding="utf-8")
    # A process of its own, in which no fixture of ours helps.
    paths = os.pathsep.join([str(ROOT), *sys.path])
    printed = run(tmp_path, "-m", "pytest", "-q", "-p", "no:randomly", str(tmp_path), PYTHONPATH=paths)
    passed = sum(len(TESTS.findall(test)) for test in tests)
    assert passed > 0
    assert re.search(rf"^{passed} passed", printed, re.MULTILINE), printed
