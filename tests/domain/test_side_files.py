"""What tools leave in folders is no input; what a person may have meant as input is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.partitions import partition_values
from domain.side_files import Folders, is_a_part, look_at_folders, side_file

MARKERS = [
    "t/_SUCCESS",
    "t/._SUCCESS.crc",
    "t/.part-00000.csv.crc",
    "t/_committed_123",
    "t/_started_123",
    "t/_metadata",
    "t/_common_metadata",
    "t/_delta_log/00000000000000000000.json",
    "t/_delta_log/_last_checkpoint",
    "t/_temporary/0/_temporary/attempt_1/part-00000.parquet",
    "t/_temporary/0/task_1/day=1/part-00000.csv",
    "t/.spark-staging-1/part-0.parquet",
    "t/_tmp_x/a.csv",
    "t/_staging/a.csv",
    "t/.hoodie/hoodie.properties",
    "t/_spark_metadata/0",
    "t/_symlink_format_manifest/manifest",
    "t_$folder$",
    "t/day=1_$folder$",
    ".DS_Store",
    "t/._a.csv",
    "t/.ipynb_checkpoints/a-checkpoint.csv",
    "__MACOSX/t/a.csv",
    "t/a.parquet.md5",
    "Thumbs.db",
    "t/_SUCCESS.csv/_SUCCESS",
]
TOLD = {
    "t/_mine.csv": "hidden_name",
    "a.csv.part": "unfinished_name",
    "a.csv.tmp": "unfinished_name",
    "a.csv.crdownload": "unfinished_name",
    "~$a.csv": "unfinished_name",
    "a.csv~": "unfinished_name",
    "a.csv._COPYING_": "unfinished_name",
}
INPUT = [
    "_old/a.csv",
    "part-00000-1f-c000.snappy.parquet",
    "t/_lang=de/a.csv",
    "a_b/c_.csv",
    "a.part.csv",
    "manifest.csv",
    "metadata/a.csv",
    "state.json",
    "t/_batch.yaml",
    "t/_Batch.yaml",
    "partial.csv",
    "tmp/a.csv",
]


@pytest.mark.parametrize("path", MARKERS)
def test_markers_are_passed_over_without_a_word(path: str) -> None:
    found = side_file(path)
    assert found is not None
    assert not found.told


@pytest.mark.parametrize(("path", "code"), TOLD.items())
def test_what_may_be_meant_as_input_is_told(path: str, code: str) -> None:
    found = side_file(path)
    assert found is not None
    assert (found.code, found.told) == (code, True)


@pytest.mark.parametrize("path", INPUT)
def test_what_people_and_tools_write_as_data_is_input(path: str) -> None:
    assert side_file(path) is None
    assert look_at_folders([path]) == Folders([], {})


@pytest.mark.parametrize(
    ("paths", "passed"),
    [
        (
            ["d/data-00000-of-00001.arrow", "d/state.json", "d/dataset_info.json"],
            {"d/state.json", "d/dataset_info.json"},
        ),
        (
            ["d/train/data-0.arrow", "d/train/state.json", "d/dataset_dict.json"],
            {"d/train/state.json", "d/dataset_dict.json"},
        ),
        (["d/0000_part_00", "d/manifest"], {"d/manifest"}),
        (["q/1.csv", "q/1.csv.metadata"], {"q/1.csv.metadata"}),
        (["e/a.csv", "e/schema.sql", "e/load.sql"], {"e/schema.sql", "e/load.sql"}),
        (
            ["i/metadata/v1.metadata.json", "i/metadata/snap-1.avro", "i/metadata/version-hint.text"],
            {"i/metadata/v1.metadata.json", "i/metadata/snap-1.avro", "i/metadata/version-hint.text"},
        ),
    ],
)
def test_side_files_are_told_by_what_lies_beside_them(paths: list[str], passed: set[str]) -> None:
    assert {file.path for file in look_at_folders(paths).passed} == passed


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("t/_delta_log/0.json", {"t/": "delta"}),
        ("_delta_log/0.json", {"": "delta"}),
        ("a/b/.hoodie/x", {"a/b/": "hudi"}),
        ("i/metadata/v1.metadata.json", {"i/": "iceberg"}),
    ],
)
def test_a_table_format_is_told_by_its_log(path: str, table: dict[str, str]) -> None:
    assert look_at_folders([path]).tables == table


@pytest.mark.parametrize(
    "path",
    [
        "part-00000-1f-c000.snappy.parquet", "part-00003", "part-r-00000.gz.parquet", "part.0.parquet", "000000_0",
        "data_0.parquet", "data_0_0_0.csv.gz", "00000000.parquet", "train-00000-of-00002.parquet", "x-000000000012.csv",
        "0001_part_00.csv", "day=1/a.csv", "0cc175b9c0f1b6a831c399e269772661-0.parquet",
    ],
)  # fmt: skip
def test_a_part_of_a_table_is_told_by_its_name(path: str) -> None:
    assert is_a_part(path)
    assert not is_a_part("t/reviews.csv")


def test_folders_are_columns() -> None:
    path = "t/country=de/day=2026-01-31%2012%3A00/x=__HIVE_DEFAULT_PARTITION__/e=/=v/a=b.csv"
    assert partition_values(path) == {"country": "de", "day": "2026-01-31 12:00", "x": None, "e": ""}


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4).map("/".join))
def test_any_name_is_one_or_the_other(path: str) -> None:
    found = look_at_folders([path])
    assert len(found.passed) <= 1
    partition_values(path)
    is_a_part(path)
