"""Writing and archiving: the end of a file."""

import pytest

from domain.flow.state import FileStep
from tests.domain.flow.stories import NOW, answer, begun, file_at, flow_of


@pytest.mark.parametrize("rejected", [False, True])
def test_a_file_that_is_written_is_archived_and_then_it_leaves(rejected: bool) -> None:
    flow = flow_of(file_at(FileStep.WRITE, requests=5, ended=3, fresh=True))
    (write,) = begun(flow, NOW)
    assert (write.activity, write.key, write.input["fresh"]) == ("write_outputs", "k", True)
    answer(flow, write, NOW, tally={"ok": 4, "failed": 1}, rejected=rejected)
    assert (flow.file("k").step, flow.file("k").ended) == (FileStep.ARCHIVE, 5)
    assert (flow.totals.tally.ok, flow.totals.tally.failed) == (4, 1)
    (archive,) = begun(flow, NOW)
    assert (archive.activity, archive.key) == ("archive_input", "k")
    answer(flow, archive, NOW)
    assert (flow.totals.done, flow.totals.rejected) == (int(not rejected), int(rejected))
    assert flow.finished


def test_a_file_that_another_snapshot_has_finished_leaves_uncounted() -> None:
    flow = flow_of(file_at(FileStep.WRITE, requests=5))
    (write,) = begun(flow, NOW)
    answer(flow, write, NOW, gone=True, tally={"ok": 4})
    assert (flow.totals.gone, flow.totals.tally.total) == (1, 0)
    assert flow.finished
