"""What files would take, in words for people, in lines for programs, and in exit codes."""

import json
from pathlib import Path

import pytest

from cli.faults import Ending
from tests.cli.command import SAMPLES, aoai

DEPLOYMENT = "AZURE_OPENAI_DEPLOYMENT=gpt"


def request(custom_id: str, text: str = "Say hello.", model: str = "gpt") -> str:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return (
        json.dumps({"custom_id": custom_id, "method": "POST", "url": "/chat/completions", "body": body})
        + "\n"
    )


GOLDEN = """\
File                  Requests  Invalid  Shards  Tokens in  Tokens out     Cost  Verdict
three-mistakes.jsonl        15        3       1        710       3,600  $0.0086  ready

three-mistakes.jsonl: 3 of 15 requests would not be sent:
  line 5: Not valid JSON: Input data was truncated. (invalid_json_line)
  line 10: `custom_id` 'review-9003' was used on a line above. (duplicate_custom_id)
  line 14: `model` is 'gpt-4o', but the file's first request has 'gpt-4o-mini-batch'. (model_mismatch)

three-mistakes.jsonl: request 1 of 12, /chat/completions, gpt-4o-mini-batch
  system: Sort this product review. Answer with one word: praise, complaint, question or mixed.
  user: Fits perfectly and the buckle works with gloves. Third winter now.
"""


def test_people_see_a_table_the_mistakes_and_what_would_be_asked() -> None:
    prices = 'PRICES={"gpt-4o-mini-batch": {"input": 2, "output": 2}}'
    file = SAMPLES / "mistakes" / "three-mistakes.jsonl"
    ran = aoai("quote", file, "--table", "--prompts", 1, "--set", prices)
    assert [line.rstrip() for line in ran.out.splitlines()] == GOLDEN.splitlines()
    assert (ran.code, ran.err) == (0, "")


def test_programs_get_a_line_for_each_file() -> None:
    ran = aoai("quote", SAMPLES / "catalogue", SAMPLES / "mistakes" / "three-mistakes.jsonl")
    assert (ran.code, ran.err) == (0, "")
    table, ready_made = ran.records
    assert (table["file"], table["job_spec"]) == ("catalogue/products.csv", "catalogue/_batch.yaml")
    assert (table["requests"], table["invalid"], table["shards"], table["engine"]) == (42, 2, 1, "direct")
    assert [mistake["line"] for mistake in table["mistakes"]] == [25, 45]
    assert [prompt["custom_id"] for prompt in table["prompts"]] == ["row-0", "row-1", "row-2"]
    assert ready_made["verdict"] == "ready"
    assert ready_made["cost"] is None
    assert [mistake["code"] for mistake in ready_made["mistakes"]] == [
        "invalid_json_line",
        "duplicate_custom_id",
        "model_mismatch",
    ]


def test_a_large_file_is_cut_as_the_app_cuts_it(folder: Path) -> None:
    (folder / "many.jsonl").write_text("".join(request(f"r-{n}") for n in range(25)))
    (quote,) = aoai("quote", "many.jsonl", "--set", "MAX_REQUESTS_PER_SHARD=10").records
    assert (quote["requests"], quote["shards"]) == (25, 3)


# What stands in the folder, the settings, and the verdict with its code.
REFUSALS = {
    "nothing in it": ({"a.csv": ""}, (), ("rejected", "empty_file")),
    "no type that is read": ({"a.docx": "x"}, (), ("rejected", "unsupported_type")),
    "no certain text": ({"a.csv": "a,b\n1,2\n"}, (), ("rejected", "no_text_column")),
    "no request": ({"a.jsonl": '{"custom_id": 1, "url": "/x", "body": {}}\n'}, (), ("rejected", None)),
    "a bad line, which is to reject": (
        {"a.jsonl": request("a") + "{\n"},
        ("ON_INVALID_LINE=reject",),
        ("rejected", "file_rejected"),
    ),
    "too many tokens": ({"a.jsonl": request("a")}, ("MAX_TOKENS_PER_FILE=1",), ("held", "beyond_budget")),
    "a mistake in its job spec": (
        {"a.csv": "text\nx\n", "_batch.yaml": "modle: x"},
        (),
        ("waits", "job_spec"),
    ),
    "a job spec nearly called so": ({"a.csv": "text\nx\n", "_Batch.yaml": ""}, (), ("waits", "job_spec")),
}


@pytest.mark.parametrize(("files", "settings", "verdict"), REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize("whole_folder", [False, True], ids=["file", "folder"])
def test_what_would_not_be_sent_ends_with_2_and_says_why(
    folder: Path,
    files: dict[str, str],
    settings: tuple[str, ...],
    verdict: tuple[str, str | None],
    whole_folder: bool,
) -> None:
    for name, content in files.items():
        (folder / name).write_text(content)
    options = [option for setting in (DEPLOYMENT, *settings) for option in ("--set", setting)]
    named = "." if whole_folder else next(iter(files))
    ran = aoai("quote", named, *options)
    assert (ran.code, ran.err) == (Ending.REFUSED, "")
    (quote,) = ran.records
    assert quote["verdict"] == verdict[0]
    assert quote["code"] == (verdict[1] or quote["code"])
    assert quote["reason"]
    told = aoai("quote", named, "--table", *options)
    assert quote["reason"].splitlines()[0][:40] in " ".join(told.out.split())


def test_a_file_that_the_app_would_pass_over_is_refused_by_its_name(folder: Path) -> None:
    (folder / "_draft.csv").write_text("text\nx\n")
    ran = aoai("quote", "_draft.csv")
    assert (ran.code, ran.records[0]["code"]) == (2, "hidden_name")


def test_files_that_cost_too_much_together_end_with_2(folder: Path) -> None:
    for name in "ab":
        (folder / f"{name}.jsonl").write_text(request(name))
    settings = ("--set", 'PRICES={"gpt": {"input": 1000}}', "--set", "MAX_COST_PER_SNAPSHOT=0.01")
    assert aoai("quote", "a.jsonl", *settings).code == 0
    ran = aoai("quote", "a.jsonl", "b.jsonl", "--table", *settings)
    assert ran.code == Ending.REFUSED
    assert "MAX_COST_PER_SNAPSHOT" in ran.out


def test_bad_lines_count_where_they_are_to(folder: Path) -> None:
    (folder / "a.jsonl").write_text(request("a") + "{\n")
    assert aoai("quote", "a.jsonl").code == 0
    assert aoai("quote", "a.jsonl", "--strict").code == Ending.REFUSED


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (["gone.csv"], "There is no file gone.csv."),
        (["empty"], "There is no file to send in empty."),
        (["one/a.csv", "two/a.csv"], "would both become a.csv"),
        (["a.csv", "--set", "PRICES"], "is not NAME=VALUE"),
        (["a.csv", "--set", "PRICES=x"], "PRICES: "),
    ],
)
def test_what_cannot_be_quoted_is_told_in_one_line(folder: Path, named: list[str], told: str) -> None:
    (folder / "empty").mkdir()
    for name in ("one", "two", "."):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "a.csv").write_text("text\nx\n")
    ran = aoai("quote", *named)
    assert ran.code in (1, 2)
    assert told in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == ""


def test_a_file_in_a_folder_goes_by_the_nearest_job_spec_and_hidden_ones_stay(folder: Path) -> None:
    for name, content in {
        "d/_batch.yaml": "deployment: upper",
        "d/e/_batch.yaml": "deployment: lower",
        "d/a.txt": "x\n",
        "d/e/b.txt": "x\n",
        "d/e/f/c.txt": "x\n",
        "d/.git/d.txt": "x\n",
        "d/.hidden.txt": "x\n",
        "d/_SUCCESS": "",
        "d/b.txt.crc": "x\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    quotes = aoai("quote", "d", "--to", "/in/box/").records
    assert {quote["file"]: quote["deployment"] for quote in quotes} == {
        "in/box/d/a.txt": "upper",
        "in/box/d/e/b.txt": "lower",
        "in/box/d/e/f/c.txt": "lower",
    }
