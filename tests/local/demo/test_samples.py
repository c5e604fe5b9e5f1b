"""The samples are what their README says: good batch files, and one with exactly three mistakes."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

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


def test_every_sample_is_in_the_readme_with_its_number_of_requests() -> None:
    files = {
        str(path.relative_to(SAMPLES)): len(path.read_text().splitlines())
        for path in SAMPLES.rglob("*.jsonl")
    }
    assert files == promised_counts()


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
