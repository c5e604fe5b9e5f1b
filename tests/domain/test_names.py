"""Names: derived, short enough, and never the same for two things."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain import names
from domain.records import Plan
from domain.results.output_paths import OutputPaths, output_paths
from domain.settings import Settings

SETTINGS = Settings(azure_openai_endpoint="https://example.openai.azure.com", data="x")
MAX_BLOB_CHARS = 1024
MAX_SEGMENT_CHARS = 255
MAX_SEGMENTS = 61

segments = st.text(
    st.sampled_from("ab._-~ %#+é語🦜")
    | st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"),
    min_size=1,
    max_size=8,
) | st.builds(
    lambda text, times: (text * times)[:254],
    st.sampled_from(["a", "ab.", "é", "_output.jsonl"]),
    st.integers(1, 254),
)
paths = (
    st.lists(segments | st.just(""), min_size=1, max_size=4)
    .map("/".join)
    .filter(lambda path: 0 < len(path) <= 700 and path.rpartition("/")[2])
)  # fmt: skip - one thought
moments = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants bounds without a zone
snapshots = moments.map(names.requested_snapshot_id) | moments.map(names.window_snapshot_id)


def paths_of(path: str, snapshot: str, etag: str = "0x1", settings: Settings = SETTINGS) -> OutputPaths:
    plan = Plan(path=path, timestamp=names.timestamp_of(snapshot), etag=etag)
    return output_paths(settings, names.file_key(path, etag), plan)


def folder(blob: str) -> str:
    return blob.rpartition("/")[0]


# --- file keys and snapshots -----------------------------------------------------------------------------------------


@given(
    one=paths, other=paths, etag=st.sampled_from(["0x1", "0x2"]), other_etag=st.sampled_from(["0x1", "0x2"])
)
def test_a_file_key_stands_for_one_version_of_one_file(
    one: str, other: str, etag: str, other_etag: str
) -> None:
    same = (one, etag) == (other, other_etag)
    assert (names.file_key(one, etag) == names.file_key(other, other_etag)) is same
    assert names.file_key(one, f'"{etag}"') == names.file_key(one, etag)


@given(now=moments, window=st.floats(0.1, 3600))
def test_a_window_holds_its_moment_and_every_moment_of_it_has_its_name(now: datetime, window: float) -> None:
    start = names.window_start(now, window)
    length = timedelta(milliseconds=max(1, round(window * 1000)))
    assert start <= now < start + length
    late = start + length - timedelta(milliseconds=1)
    assert names.window_start(late, window) == start
    assert names.window_start(start + length, window) > start
    assert names.window_snapshot_id(start) == names.window_snapshot_id(names.window_start(late, window))


@given(one=moments, other=moments)
def test_snapshots_that_were_asked_for_differ_from_each_other_and_from_those_of_windows(
    one: datetime, other: datetime
) -> None:
    assert (names.requested_snapshot_id(one) == names.requested_snapshot_id(other)) is (one == other)
    assert names.requested_snapshot_id(one) != names.window_snapshot_id(other)
    assert names.is_snapshot_id(names.requested_snapshot_id(one))
    assert names.is_snapshot_id(names.window_snapshot_id(one))
    assert names.SNAPSHOT_PREFIX + names.timestamp_of(names.requested_snapshot_id(one)) == (
        names.requested_snapshot_id(one)
    )


# --- outputs ---------------------------------------------------------------------------------------------------------


@given(one=paths, other=paths, snapshot=snapshots, other_snapshot=snapshots)
def test_two_files_or_snapshots_never_share_an_output_folder(
    one: str, other: str, snapshot: str, other_snapshot: str
) -> None:
    assume((one, snapshot) != (other, other_snapshot))
    here, there = paths_of(one, snapshot), paths_of(other, other_snapshot)
    assert folder(here.results) != folder(there.results)
    assert not set(msgspec.structs.astuple(here)) & set(msgspec.structs.astuple(there))


@pytest.mark.parametrize(
    ("one", "other"),
    [("/a", "a"), ("x//a", "x/a"), ("a.csv", "a.json"), ("A", "a"), ("a", "a_"), ("x/a", "a"), ("a ", "a")],
)
def test_names_that_look_alike_have_folders_of_their_own(one: str, other: str) -> None:
    snapshot = "snapshot-20260101T000000.000Z"
    assert folder(paths_of(one, snapshot).results) != folder(paths_of(other, snapshot).results)


@given(path=paths, snapshot=snapshots)
def test_everything_about_one_file_fits_into_blob_names_and_differs(path: str, snapshot: str) -> None:
    told = paths_of(path, snapshot)
    processed = [told.results, told.processed_metadata, told.archive]
    error = [told.errors, told.retry, told.error_metadata, told.rejected_input]
    assert len(set(processed)) == 3
    assert len({told.errors, told.retry, told.error_metadata}) == 3
    assert told.rejected_input not in (told.errors, told.error_metadata)
    for blob in processed + error:
        assert len(blob) <= MAX_BLOB_CHARS
        assert all(len(segment) <= MAX_SEGMENT_CHARS for segment in blob.split("/"))
    assert len({folder(blob) for blob in processed + error}) == 1


@pytest.mark.parametrize(
    "folders", ["d/" * 60, "語" * 200 + "/" + "é" * 200 + "/" + "x" * 254 + "/", "a/" * 49 + "b" * 250 + "/"]
)
def test_folders_too_deep_or_too_long_are_cut_and_still_keep_two_files_apart(folders: str) -> None:
    told = [paths_of(f"{folders}{last}a.jsonl", "snapshot-20260101T000000.000000Z") for last in ("x/", "y/")]
    for blob in (blob for each in told for blob in msgspec.structs.astuple(each)):
        assert len(blob) <= MAX_BLOB_CHARS - 90  # an output directory comes before it
        assert len(blob.split("/")) <= MAX_SEGMENTS - 8
        assert blob.startswith(folders.split("/", maxsplit=1)[0])
    assert folder(told[0].results) != folder(told[1].results)


@pytest.mark.parametrize("suffix", ["_output.jsonl", "_metadata.json", "_error.jsonl", "_retry.jsonl"])
@pytest.mark.parametrize("length", [1, 149, 150, 151, 170, 200, 230])
def test_an_archived_file_never_has_the_name_of_its_own_results(suffix: str, length: int) -> None:
    told = paths_of("x" * length + suffix, "snapshot-20260101T000000.000Z")
    assert told.archive not in (told.results, told.processed_metadata)
    assert told.rejected_input not in (told.errors, told.error_metadata)


def test_outputs_keep_the_folders_of_the_input_below_the_directories_that_are_set() -> None:
    settings = msgspec.structs.replace(
        SETTINGS, input_directory="/in/", output_directory="out", error_directory="bad/"
    )
    told = paths_of("in/team a/bills.jsonl", "snapshot-20260102T030405.006Z", settings=settings)
    assert told == OutputPaths(
        results="out/team a/bills.jsonl_20260102T030405.006Z/bills_output.jsonl",
        processed_metadata="out/team a/bills.jsonl_20260102T030405.006Z/bills_metadata.json",
        archive="out/team a/bills.jsonl_20260102T030405.006Z/bills.jsonl",
        errors="bad/team a/bills.jsonl_20260102T030405.006Z/bills_error.jsonl",
        retry="bad/team a/bills.jsonl_20260102T030405.006Z/bills_retry.jsonl",
        error_metadata="bad/team a/bills.jsonl_20260102T030405.006Z/bills_metadata.json",
        rejected_input="bad/team a/bills.jsonl_20260102T030405.006Z/bills.jsonl",
    )


# --- what is an input file -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "size", "metadata", "expected"),
    [
        ("a.jsonl", 5, {}, True),
        ("a.jsonl", 0, {}, True),
        ("x/_batch.yaml", 5, {}, False),
        ("_batch.yml", 5, {}, False),
        ("x/_batch.json", 5, {}, False),
        ("x/my_batch.json", 5, {}, True),
        ("x/_batch.yaml/a.jsonl", 5, {}, True),
        ("x", 0, {"hdi_isfolder": "true"}, False),
        ("x", 0, {"hdi_isfolder": "True"}, False),
        ("x/", 0, {}, False),
        ("x/", 5, {}, True),
    ],
)
def test_job_specs_and_directory_markers_are_no_input(
    path: str, size: int, metadata: dict[str, str], expected: bool
) -> None:
    assert names.is_input(path, size, metadata) is expected


# --- in the work container and in the service ------------------------------------------------------------------------


@given(key=st.text("0123456789abcdef", min_size=20, max_size=20))
def test_the_key_of_a_claim_is_read_from_its_name_and_from_no_other_note(key: str) -> None:
    assert names.key_of_frozen_input(names.frozen_input(key)) == key
    others = [
        names.plan(key),
        names.invalid_lines(key),
        names.ledger(key, "0000"),
        names.outcomes(key, "input"),
    ]
    others += [names.shard_file(key, "input"), f"files/{key}/x/input", "input", "snapshots/x/input"]
    assert [names.key_of_frozen_input(other) for other in others] == [None] * len(others)


def test_a_service_file_is_found_by_a_name_that_no_other_submission_starts_with() -> None:
    prefix = names.service_file_prefix("https://account.blob.core.windows.net", "work")
    assert prefix == names.service_file_prefix("https://account.blob.core.windows.net/", "work")
    assert prefix != names.service_file_prefix("https://account.blob.core.windows.net", "other")
    shards = ["0000", "0001", "0000.0", "0000.1", "0000.10", "0000.1.0"]
    filenames = [names.service_filename(prefix, "k", shard, n) for shard in shards for n in (0, 1, 10, 11)]
    for name in filenames:
        assert [other for other in filenames if other.startswith(name)] == [name]


@pytest.mark.parametrize(
    ("snapshot_id", "seconds"),
    [
        ("snapshot-20261125T120648.000Z", 1795608438.0),
        ("snapshot-20261125T120648.500Z", 1795608438.5),
        ("snapshot-20261125T120648.500000Z", 1795608408.5),
        ("snapshot-by-hand", 0.0),
    ],
)
def test_a_snapshot_takes_nothing_before_its_window_is_over_or_it_was_asked_for(
    snapshot_id: str, seconds: float
) -> None:
    assert names.takes_files_at(snapshot_id, 30.0) == seconds
