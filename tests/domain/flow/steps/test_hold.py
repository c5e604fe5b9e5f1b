"""A file is set aside: with what it needs, and in any case."""

import pytest

from domain.contracts import FileWants, to_wire
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.state import FileStep
from domain.records import SpecBlob
from tests.domain.flow.stories import NEVER, NOW, answer, begun, fail, file_at, flow_of


@pytest.mark.parametrize(
    "needs",
    [{}, {"needs_settings": True}, {"needs_version": True}, {"again_soon": True}],
    ids=["time", "settings", "version", "soon"],
)
def test_the_mark_says_why_and_what_may_help(needs: dict[str, bool]) -> None:
    file = file_at(fresh=True)
    file.hold("It is too dear.", **needs)
    flow = flow_of(file)
    (call,) = begun(flow, NOW)
    expected = {"needs_settings": False, "needs_version": False, "again_soon": False, "waited": False} | needs
    assert call.activity == "hold_file"
    assert (
        call.input
        == {
            "snapshot_id": "snapshot-1",
            "key": "k",
            "fresh": True,
            "spec": None,
            "reason": "It is too dear.",
            "unwanted": False,
            "approved": False,
            "waits": False,
            "pooled": False,
            "most_cost": None,
        }
        | expected
    )
    answer(flow, call, NOW)
    assert (flow.totals.held, flow.finished) == (1, True)


def test_the_mark_says_what_people_have_asked_for_and_by_which_spec_the_file_was_prepared() -> None:
    """A later snapshot takes the file up where either has changed."""
    spec = SpecBlob(path="_batch.yaml", etag="1")
    flow = flow_of(
        *(
            file_at(FileStep.HOLD, key=key, spec=spec, wants=wants)
            for key, wants in (("a", FileWants(unwanted=True)), ("b", FileWants(approved=True)))
        )
    )
    calls = begun(flow, NOW, "hold_file")
    assert [(call.input["unwanted"], call.input["approved"]) for call in calls] == [
        (True, False),
        (False, True),
    ]
    assert [call.input["spec"] for call in calls] == [to_wire(spec)] * 2


def test_a_file_whose_mark_cannot_be_written_leaves_all_the_same() -> None:
    flow, now = flow_of(file_at(FileStep.HOLD)), NOW
    for _ in range(MAX_OTHER_TRIES):
        assert not flow.finished
        (call,) = begun(flow, now)
        fail(flow, call, now, NEVER)
        now += 3600
    assert (flow.totals.held, flow.finished) == (1, True)
