"""The samples are what their README says: good batch files, one with three mistakes, and tables with their job specs."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from domain.spec.job_spec import SpecDefaults, parse_spec
from local.demo.storage import is_job_spec, samples_in
from local.demo.tables import is_table, rows_of
from samples import make_reviews

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
GOOD = ("support-tickets/triage.jsonl", "translations/product-descriptions.jsonl")
WITH_MISTAKES = "mistakes/three-mistakes.jsonl"


def read_lines(name: str) -> list[str]:
    return (SAMPLES / name).read_text(encoding="utf-8").splitlines()


def promised_counts() -> dict[str, int]:
    rows = re.findall(
        r"^\| `([^`]+)` \|.*\| (\d+) \|$", (SAMPLES / "README.md").read_text(), flags=re.MULTILINE
    )
    return {name: int(count) for name, count in rows}


def test_every_sample_is_in_the_readme_with_its_number_of_requests_or_rows() -> None:
    files = {
        path: len(rows_of(path, content)) if is_table(path) else len(content.splitlines())
        for path, content in samples_in(SAMPLES).items()
        if not is_job_spec(path)
    }
    assert files == promised_counts()


def test_every_job_spec_is_a_good_one_and_lies_beside_a_table() -> None:
    specs = {path: content for path, content in samples_in(SAMPLES).items() if is_job_spec(path)}
    parsed = {path: parse_spec(content, path, SpecDefaults()) for path, content in specs.items()}
    assert {path: spec.task for path, spec in parsed.items()} == {
        "catalogue/_batch.yaml": "embeddings",
        "reviews/_batch.yaml": "chat",
        "signs/_batch.yaml": "chat",
    }


def test_the_catalogue_has_texts_of_several_lines_and_two_rows_that_are_wrong() -> None:
    rows = rows_of("products.csv", (SAMPLES / "catalogue/products.csv").read_bytes())
    assert [number for number, row in enumerate(rows) if row is None] == [17, 31]
    assert sum(row is not None and "\n" in row["description"] for row in rows) > 10
    lines = read_lines("catalogue/products.csv")
    assert [number for number in (25, 45) if lines[number - 1][:3] in ("PT-", "AC-")] == [25, 45]


def test_the_reviews_are_what_their_script_writes() -> None:
    assert parquet.read_table(SAMPLES / "reviews/reviews.parquet").equals(make_reviews.table())


@pytest.mark.parametrize("name", GOOD)
def test_a_good_sample_asks_one_deployment_at_one_url_with_ids_of_their_own(name: str) -> None:
    requests: list[dict[str, Any]] = [json.loads(line) for line in read_lines(name)]
    assert len({request["custom_id"] for request in requests}) == len(requests)
    assert len({(request["method"], request["url"], request["body"]["model"]) for request in requests}) == 1


def test_the_file_with_mistakes_has_exactly_three_of_three_kinds() -> None:
    requests: dict[int, dict[str, Any]] = {}
    broken: list[int] = []
    for number, line in enumerate(read_lines(WITH_MISTAKES), start=1):
        try:
            requests[number] = json.loads(line)
        except json.JSONDecodeError:
            broken.append(number)
    models = Counter(request["body"]["model"] for request in requests.values())
    usual_model = models.most_common(1)[0][0]
    ids = [request["custom_id"] for request in requests.values()]

    assert broken == [5]
    assert [number for number, custom_id in zip(requests, ids, strict=True) if ids.count(custom_id) > 1] == [
        3,
        10,
    ]
    assert [number for number, request in requests.items() if request["body"]["model"] != usual_model] == [14]
