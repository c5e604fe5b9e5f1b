"""Pages that come from the code, and promises about the tree, that must not drift apart from it."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from domain.settings import Settings

ROOT = Path(__file__).parent.parent
PRODUCT = ("domain", "formats", "adapters", "steps", "activities", "orchestrators", "triggers")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date() -> None:
    for path, content in _generator().pages().items():
        assert path.read_text(encoding="utf-8") == content, f"{path.name}: run `python docs/generate.py`"


def test_the_template_names_every_setting_a_laptop_may_want_and_no_other() -> None:
    values = json.loads((ROOT / "local.settings.json.template").read_text(encoding="utf-8"))["Values"]
    known = {field.encode_name for field in msgspec.structs.fields(Settings)}
    host = {"FUNCTIONS_WORKER_RUNTIME", "PYTHON_THREADPOOL_THREAD_COUNT", "AzureWebJobsStorage"}
    assert set(values) == (known - _generator().IDENTITY_ONLY) | host


def test_the_template_s_values_are_valid_settings() -> None:
    values = json.loads((ROOT / "local.settings.json.template").read_text(encoding="utf-8"))["Values"]
    assert Settings.from_env(values).poll_min_seconds == 60.0


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")), ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_has_its_line_in_the_index() -> None:
    docs = ROOT / "docs"
    index = (docs / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| .*?\]\((?!\.\.)([^)]+)\)", index, re.MULTILINE))
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")} - {"README.md"}
    assert pages - listed == set()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "docs/glossary.md", "docs/flow.md"])
def test_files_that_people_are_sent_to_exist(page: str) -> None:
    rooms = "|".join((*PRODUCT, "local", "tests", "docs"))
    named = re.findall(rf"`((?:{rooms})/[\w./-]*)[`:]", (ROOT / page).read_text(encoding="utf-8"))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_word_of_the_glossary_has_its_meaning_and_its_module() -> None:
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line.startswith("| ") and not line.startswith("| word ")]
    assert len(entries) > 40
    shape = re.compile(r"\| [a-z][a-z -]* \| [^|]+\. \| `[a-z_/]+\.py` \|")
    assert [entry for entry in entries if not shape.fullmatch(entry)] == []


def _pages_named_in_code() -> set[str]:
    modules = [ROOT / "function_app.py", *(path for room in PRODUCT for path in (ROOT / room).rglob("*.py"))]
    texts = (module.read_text(encoding="utf-8") for module in modules)
    return {page for text in texts for page in re.findall(r"\bdocs/[\w./-]*\w", text)}


def test_pages_that_the_code_names_exist() -> None:
    assert [page for page in sorted(_pages_named_in_code()) if not (ROOT / page).is_file()] == []


def test_every_decision_is_named_in_the_code_that_it_binds() -> None:
    decisions = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "decisions").glob("*.md")}
    assert len(decisions) > 7
    assert decisions - _pages_named_in_code() == set()


@pytest.mark.parametrize(("page", "least"), [("docs/guarantees.md", 30), ("SECURITY.md", 9)])
def test_every_test_that_a_promise_names_exists(page: str, least: int) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / page).read_text(encoding="utf-8"))
    assert len(named) > least
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"


def test_deployed_requirements_have_upper_bounds() -> None:
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    assert lines
    assert all("<" in line.partition(";")[0] for line in lines)
