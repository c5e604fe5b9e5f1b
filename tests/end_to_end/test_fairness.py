"""A small late file is not behind a huge early one, and together they never have more batches than the limit."""

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import requests

LIMIT = 10
EARLY_FILES = 5
SHARDS_PER_FILE = 5
MICRO_BATCH = 3


def test_a_late_file_passes_a_snapshot_that_waits_for_room(make_pipeline: MakePipeline) -> None:
    plan = {"batches": [{"deployment": "slow", "duration_seconds": 3600}]}
    pipeline = make_pipeline(
        plan=plan,
        continuous_mode="false",
        max_active_batches=str(LIMIT),
        micro_batch_size=str(MICRO_BATCH),
        max_requests_per_shard="1",
    )
    for number in range(EARLY_FILES):
        pipeline.drop(f"early-{number}.jsonl", requests(f"early-{number}", SHARDS_PER_FILE, model="slow"))
    pipeline.host.post("/api/snapshots")
    pipeline.wait_until(lambda: len(pipeline.service.batches()) == LIMIT - 1)  # one place is for a newcomer
    pipeline.drop("late.jsonl", requests("late", 3))
    pipeline.host.post("/api/snapshots")
    pipeline.wait_until(lambda: pipeline.deliveries("late.jsonl"))

    assert pipeline.delivery("late.jsonl").answered == [f"late/{row}" for row in range(3)]
    batches = pipeline.service.batches()
    assert pipeline.service.counters()["max_active_batches"] <= LIMIT
    shards = [batch["filename"].split("-")[3] for batch in batches if batch["deployment"] == "slow"]
    # The first file is submitted while the others are prepared: it may be a micro-batch ahead, and no more.
    assert max(map(shards.count, shards)) <= MICRO_BATCH
    assert len(set(shards)) == EARLY_FILES
