"""Two hosts with a task hub each on the same containers: each thinks that the other's snapshots are dead."""

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import requests

FILES = 12
ROWS = 3


def test_two_hosts_on_one_input_process_each_file_once(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(hosts=2)
    for number in range(FILES):
        pipeline.drop(f"{number}.jsonl", requests(f"file-{number}", ROWS))
    pipeline.wait_until_finished()

    for number in range(FILES):
        assert pipeline.delivery(f"{number}.jsonl").answered == [
            f"file-{number}/{row}" for row in range(ROWS)
        ]
    assert pipeline.wrongs() == {}
    assert 0 < len(pipeline.service.batches()) < FILES, "small files share batches"
