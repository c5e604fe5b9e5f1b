"""Names that are nearly those of job specs: told from them, and from files that are input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.names import JOB_SPEC_NAMES, is_input, is_job_spec, is_nearly_a_job_spec
from domain.spec.job_spec import nearest_spec

NEARLY = [
    *("_Batch.yaml", "batch.yaml", "_batch.YAML", "_batch.yaml.yaml", " _batch.yaml", "_batch.yaml.txt"),
    *("_BATCH.YML", "_batch.yaml ", "__batch.yaml", "-batch.yaml", "_batch .yaml", "_batch.yaml.bak"),
    *(
        "_batch (1).yaml",
        "_batch(2).yml",
        "_batch copy.yaml",
        "_batch_copy.yaml",
        "_batch.yaml~",
        "_batches.yaml",
    ),
    *("._batch.yaml", "_Batch.json", "_batch.json.txt", " _batch.json", "_batch.yml.j2"),
]
INPUT = [
    *(
        "batch.json",
        "Batch.json",
        "batch.jsonl",
        "_batch.jsonl",
        "batch.csv",
        "my_batch.json",
        "batch.yamlish.csv",
    ),
    *("batch_results.json", "rebatch.csv", "_batchwork.txt", "_batch.yaml/a.csv"),
]


@pytest.mark.parametrize("name", NEARLY)
@pytest.mark.parametrize("folder", ["", "team/", "a/b/"])
def test_a_name_that_was_meant_as_a_job_spec_is_neither_one_nor_input(folder: str, name: str) -> None:
    path = folder + name
    assert is_nearly_a_job_spec(path)
    assert not is_job_spec(path)
    assert not is_input(path, 5, {})


@pytest.mark.parametrize("name", INPUT)
def test_what_may_be_data_is_input(name: str) -> None:
    assert not is_nearly_a_job_spec(name)
    assert is_input(name, 5, {})


@pytest.mark.parametrize("name", JOB_SPEC_NAMES)
def test_the_right_names_are_right(name: str) -> None:
    assert is_job_spec(f"a/{name}")
    assert not is_nearly_a_job_spec(f"a/{name}")


@given(
    st.sampled_from(JOB_SPEC_NAMES),
    st.lists(st.booleans(), min_size=12, max_size=12),
    st.sampled_from(["", " ", "_", "\t"]),
    st.sampled_from(["", ".txt", " ", ".yaml", "~"]),
)
def test_another_case_blanks_or_a_second_ending_are_noticed(
    name: str, upper: list[bool], before: str, after: str
) -> None:
    changed = "".join(c.upper() if up else c for c, up in zip(name, upper, strict=False))
    changed = before + changed + name[len(changed) :] + after
    assert is_job_spec(changed) != is_nearly_a_job_spec(changed)


def test_the_nearest_counts_and_in_one_folder_the_right_name() -> None:
    misnamed = {"a": "a/_Batch.yaml", "a/b": "a/b/batch.yaml"}
    assert nearest_spec("a/x.csv", {"_batch.yaml"}, misnamed) == "a/_Batch.yaml"
    assert nearest_spec("a/b/c/x.csv", {"_batch.yaml"}, misnamed) == "a/b/batch.yaml"
    assert nearest_spec("a/x.csv", {"a/_batch.json"}, misnamed) == "a/_batch.json"
    assert nearest_spec("x.csv", set(), misnamed) is None
