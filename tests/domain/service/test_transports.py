"""Which way a shard goes, and what the metadata say about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.service.transports import (
    AUTO,
    BLOB_LIMIT_BYTES,
    FILE_LIMIT_BYTES,
    IMPORT_FROM_BYTES,
    TransportName,
    choose,
    limit_bytes,
    remedy,
)
from domain.settings import Settings

NONE_KNOWN = "the service knows no import in this api-version"


@pytest.mark.parametrize(
    ("wanted", "size", "unsupported", "failing", "expected"),
    [
        ("upload", 199_000_000, None, None, "upload"),
        ("import", 10, None, None, "import"),
        ("import", 10, None, "an import was refused", "import"),
        ("import", 10, NONE_KNOWN, None, "upload"),
        ("blob", 10, NONE_KNOWN, "it failed", "blob"),
        ("auto", IMPORT_FROM_BYTES - 1, None, None, "upload"),
        ("auto", IMPORT_FROM_BYTES, None, None, "import"),
        ("auto", IMPORT_FROM_BYTES, NONE_KNOWN, None, "upload"),
        ("auto", IMPORT_FROM_BYTES, None, "an import was refused", "upload"),
        ("upload", FILE_LIMIT_BYTES, None, None, "upload"),
        ("upload", FILE_LIMIT_BYTES + 1, None, None, "blob"),
    ],
)
def test_the_way_of_a_shard(
    wanted: str, size: int, unsupported: str | None, failing: str | None, expected: str
) -> None:
    choice = choose(wanted, size=size, unsupported=unsupported, failing=failing)
    assert choice.transport == expected
    assert choice.reason


@given(
    wanted=st.sampled_from([AUTO, *TransportName]),
    size=st.integers(1, 1_000_000_000),
    unsupported=st.none() | st.just(NONE_KNOWN),
    failing=st.none() | st.just("it failed"),
)
def test_every_choice_takes_the_shard(
    wanted: str, size: int, unsupported: str | None, failing: str | None
) -> None:
    choice = choose(wanted, size=size, unsupported=unsupported, failing=failing)
    assert size <= limit_bytes(choice.transport)


def test_only_blobs_may_be_larger_than_files() -> None:
    limits = {wanted: limit_bytes(wanted) for wanted in (AUTO, *TransportName)}
    assert limits.pop(TransportName.BLOB) == BLOB_LIMIT_BYTES
    assert set(limits.values()) == {FILE_LIMIT_BYTES}


def test_the_setting_offers_these_ways_and_no_other() -> None:
    base = {"DATA": "UseDevelopmentStorage=true", "AZURE_OPENAI_ENDPOINT": "https://e"}
    for wanted in (AUTO, *TransportName):
        assert Settings.from_env({**base, "TRANSPORT": wanted}).transport == wanted


def test_a_missing_role_is_named() -> None:
    assert "Storage Blob Data Contributor" in remedy("input_no_permissions")
    assert remedy("model_not_found") == ""
