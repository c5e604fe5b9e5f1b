"""Which files share batches, and how their requests are told apart there."""

import json
from dataclasses import dataclass

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.pooling import (
    LEAST_FILES,
    MOST_BYTES_OF_FILE,
    MOST_FILES,
    MOST_ID_CHARS,
    marked_id,
    marked_request,
    number_of,
    path_of_pool,
    pools_of,
    unmarked,
)
from domain.records import SpecBlob
from domain.service.answer_repair import UNREADABLE, salvaged
from domain.service.outcomes import NO_ANSWER, Outcome, ShardOutcome

SPECS = (None, SpecBlob(path="a/_batch.yaml", etag="1"), SpecBlob(path="b/_batch.yaml", etag="1"))


@dataclass(frozen=True)
class File:
    path: str
    size: int
    spec: SpecBlob | None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, MOST_BYTES_OF_FILE, MOST_BYTES_OF_FILE + 1]), st.sampled_from(SPECS)
        ),
        max_size=120,
    ),
    st.sampled_from([1, 4, 40]),
)
def test_a_pool_has_small_files_of_one_spec_and_no_file_is_in_two(
    drawn: list[tuple[int, SpecBlob | None]], copies: int
) -> None:
    files = [File(f"{number}.csv", *kind) for number, kind in enumerate(drawn * copies)]
    pools = list(pools_of(files))
    in_pools = [file for pool in pools for file in pool]
    assert len(set(in_pools)) == len(in_pools)
    for pool in pools:
        assert len({file.spec for file in pool}) == 1
        assert LEAST_FILES <= len(pool) <= MOST_FILES
        assert all(0 < file.size <= MOST_BYTES_OF_FILE for file in pool)
        assert pool == sorted(pool, key=files.index)
    for spec in SPECS:
        small = [file for file in files if file.spec == spec and 0 < file.size <= MOST_BYTES_OF_FILE]
        pooled = [pool for pool in pools if pool[0].spec == spec]
        assert sum(map(len, pooled)) == (len(small) if len(small) >= LEAST_FILES else 0)
        assert len(pooled) <= -(-len(small) // MOST_FILES)


def test_a_pool_is_called_by_the_folder_of_its_files() -> None:
    assert path_of_pool(["a/b/1.csv", "a/bc/2.csv"]) == "a/(2 files)"
    assert path_of_pool(["1.csv", "2.csv", "3.csv"]) == "(3 files)"
    assert path_of_pool(["a/b/1.csv", "a/b/2.csv"]) == "a/b/(2 files)"


NUMBERS = st.integers(0, MOST_FILES - 1)
IDS = st.text(min_size=1, max_size=80).filter(lambda text: text.isprintable())


@given(NUMBERS, IDS)
def test_the_number_of_its_file_is_found_in_an_id(number: int, custom_id: str) -> None:
    assert number_of(marked_id(number, custom_id)) == str(number)


@given(NUMBERS, IDS, st.booleans())
def test_a_request_is_the_same_but_for_its_id(number: int, custom_id: str, escaped: bool) -> None:
    body = {"messages": [{"role": "user", "content": f'"custom_id": "{custom_id}"'}], "custom_id": custom_id}
    line = {"custom_id": custom_id, "method": "POST", "url": "/chat/completions", "body": body}
    marked = marked_request(number, json.dumps(line, ensure_ascii=escaped).encode())
    if len(f"{number}-{custom_id}") > MOST_ID_CHARS:
        assert marked is None
    else:
        assert marked is not None
        assert json.loads(marked) == {**line, "custom_id": f"{number}-{custom_id}"}


def answer(custom_id: str, **more: object) -> msgspec.Raw:
    line = {
        "response": {"body": {"custom_id": custom_id}, "status_code": 200},
        "custom_id": custom_id,
        **more,
    }
    return msgspec.Raw(json.dumps(line).encode())


@given(NUMBERS, IDS, st.lists(IDS, max_size=2))
def test_an_outcome_is_as_if_its_file_had_been_sent_alone(
    number: int, custom_id: str, earlier: list[str]
) -> None:
    def outcome(mark: str) -> ShardOutcome:
        return ShardOutcome(
            custom_id=f"{mark}{custom_id}",
            outcome=Outcome.FAILED,
            answer=answer(f"{mark}{custom_id}"),
            earlier=[answer(f"{mark}{other}") for other in earlier],
        )

    found, expected = unmarked(outcome(f"{number}-")), outcome("")
    assert found.custom_id == expected.custom_id
    for line, wanted in zip(
        [found.answer, *found.earlier], [expected.answer, *expected.earlier], strict=True
    ):
        told, alone = json.loads(bytes(line)), json.loads(bytes(wanted))
        assert told["custom_id"] == alone["custom_id"]


@given(NUMBERS, IDS, st.booleans())
def test_an_answer_that_cannot_be_read_is_kept_as_the_text_it_had_been_alone(
    number: int, custom_id: str, escaped: bool
) -> None:
    def kept(custom_id: str) -> msgspec.Raw:
        text = json.dumps({"error": None, "custom_id": custom_id, "more": custom_id}, ensure_ascii=escaped)
        return msgspec.Raw(salvaged(text.replace("null", "[" * 3).encode()) or b"")

    marked = ShardOutcome(
        custom_id=f"{number}-{custom_id}", outcome=Outcome.FAILED, answer=kept(f"{number}-{custom_id}")
    )
    found = json.loads(bytes(unmarked(marked).answer))
    before, after = (
        json.loads(found[UNREADABLE].replace("[[[", "null"))[name] for name in ("custom_id", "more")
    )
    assert found["custom_id"] == before == custom_id
    assert after == f"{number}-{custom_id}", "what the model has written is its own"


def test_what_came_without_an_answer_stays_so() -> None:
    found = unmarked(ShardOutcome(custom_id="3-a", outcome=Outcome.CANCELLED))
    assert (found.custom_id, found.answer) == ("a", NO_ANSWER)
    assert b"answer" not in msgspec.json.encode(found)
