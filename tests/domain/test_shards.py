"""What is left to do for a file is read from its plan and its ledgers, wherever a crash has left them."""

from hypothesis import given
from hypothesis import strategies as st

from domain import names
from domain.contracts import OpenShard
from domain.records import BatchRecord, Collected, Ledger, Plan, PlannedShard
from domain.service.outcomes import Tally
from domain.settings import Settings
from domain.shards import MAX_OUTPUT_BYTES, answer_bytes, ended_requests, open_shards, shard_limits


def planned(shard: str, requests: int) -> PlannedShard:
    return PlannedShard(shard=shard, blob=f"b/{shard}", requests=requests, size=10 * requests)


class Grown:
    """A file's shards, grown at random; `frontier` is what must still be done, in order."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.ledgers: dict[str, Ledger] = {}
        self.frontier: list[tuple[str, int, str | None]] = []
        self.ended = draw(st.integers(0, 3))
        shards = [
            planned(f"{number:04d}", draw(st.integers(1, 5))) for number in range(draw(st.integers(0, 4)))
        ]
        requests = self.ended + sum(shard.requests for shard in shards)
        self.plan = Plan(
            model="gpt", url="/v1/responses", shards=shards, invalid=self.ended, requests=requests
        )
        for shard in shards:
            self._grow(shard, 1)

    def _grow(self, shard: PlannedShard, attempt: int, depth: int = 0) -> None:
        state = self._draw(st.sampled_from(["untouched", "intended", "submitted", "collected", "collected"]))
        if state == "untouched":
            self.frontier.append((shard.shard, attempt, None))
            return
        ledger = self.ledgers[shard.shard] = Ledger(owner="s", attempt=attempt, upload_intended_at=1.0)
        if state in ("submitted", "collected"):
            batch_id = f"batch-{shard.shard}"
            ledger.batch = BatchRecord(batch_id=batch_id, input_file_id="file", submitted_at=5.0)
        if state != "collected":
            self.frontier.append((shard.shard, attempt, ledger.batch.batch_id if ledger.batch else None))
            return
        on = self._draw(st.integers(0, shard.requests)) if depth < 4 else 0
        self.ended += shard.requests - on
        parts = [part for part in (on // 2, on - on // 2) if part]
        children = [planned(names.child_shard(shard.shard, n), part) for n, part in enumerate(parts)]
        # A batch that failed as a whole was no attempt of the requests in it: its parts keep the number.
        children_attempt = attempt + self._draw(st.sampled_from([0, 1]))
        ledger.collected = Collected(
            tally=Tally(ok=shard.requests - on), children=children, children_attempt=children_attempt
        )
        for child in children:
            self._grow(child, children_attempt, depth + 1)


grown = st.composite(Grown)()


@given(grown)
def test_the_frontier_of_any_tree_is_what_was_not_collected(file: Grown) -> None:
    found = open_shards(file.plan, file.ledgers)
    assert [(shard.shard, shard.attempt, shard.batch_id) for shard in found] == file.frontier
    assert all((shard.submitted_at is None) is (shard.batch_id is None) for shard in found)
    assert {(shard.model, shard.url) for shard in found} <= {("gpt", "/v1/responses")}


@given(grown)
def test_what_has_ended_and_what_is_open_add_up_to_the_file(file: Grown) -> None:
    ended = ended_requests(file.plan, file.ledgers)
    assert ended == file.ended
    assert ended + sum(shard.requests for shard in open_shards(file.plan, file.ledgers)) == file.plan.requests


def test_a_fresh_plan_is_open_as_it_was_planned() -> None:
    plan = Plan(model="gpt", url="/v1/responses", shards=[planned("0000", 3)], requests=3)
    expected = OpenShard(
        shard="0000", blob="b/0000", requests=3, size=30, model="gpt", url="/v1/responses", attempt=1
    )
    assert open_shards(plan, {}) == [expected]


def test_no_shard_is_larger_than_its_transport_takes() -> None:
    def most_bytes(transport: str, wanted: str | None = None) -> int:
        env = {
            "DATA": "UseDevelopmentStorage=true",
            "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com",
            "TRANSPORT": transport,
        }
        if wanted:
            env["MAX_BYTES_PER_SHARD"] = wanted
        return shard_limits("batch", Settings.from_env(env))[1]

    assert most_bytes("upload", "900000000") == most_bytes("auto", "900000000") == 200_000_000
    assert most_bytes("upload") == most_bytes("import") == 200_000_000
    assert most_bytes("blob", "900000000") == 900_000_000
    assert most_bytes("blob") == 1_000_000_000
    assert most_bytes("blob", "5000") == most_bytes("import", "5000") == 5000


def test_no_shard_is_expected_to_bring_more_than_a_small_disk_holds() -> None:
    settings = Settings.from_env(
        {"DATA": "UseDevelopmentStorage=true", "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"}
    )
    assert shard_limits("batch", settings)[0] == 100_000  # the service's own limit, with answers as usual
    assert shard_limits("batch", settings, 16_000)[0] * answer_bytes(16_000) <= MAX_OUTPUT_BYTES
    assert shard_limits("batch", settings, 16_000)[0] > 7_000
    assert shard_limits("batch", settings, 10**9)[0] == 1
