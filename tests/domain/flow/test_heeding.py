"""What people have asked for reaches the flow with any look, and what becomes of it then."""

from typing import Any

import msgspec
import pytest

from domain.contracts import Asked, FileWants, ListedFile, Pause, SnapshotSettings, to_wire
from domain.direct.throttle import Throttle
from domain.flow.flow import Flow
from domain.flow.heeding import heed
from domain.flow.progress import progress
from domain.flow.sharing import Allowance
from domain.flow.state import HELD, FileState, FileStep, ShardState, ShardStep
from domain.service.outcomes import AS_ASKED
from tests.domain.flow.stories import (
    LONG_AFTER,
    NOW,
    SETTINGS,
    active,
    answer,
    begun,
    ended,
    file_at,
    flow_of,
    live,
    shard_in,
    waiting,
    woken,
)

CANCEL = Asked(cancel=["k"])
UNWANTED = FileWants(unwanted=True)


def running(*, fresh: bool = True, **state: Any) -> FileState:
    return file_at(FileStep.RUN, fresh=fresh, requests=10, **state)


def listed(*keys: str) -> list[ListedFile]:
    return [ListedFile(key=key, path=f"in/{key}.csv", size=1, fresh=True) for key in keys]


def activities(flow: Flow, now: float = NOW) -> list[str]:
    return [call.activity for call in begun(flow, now)]


# --- cancelled -------------------------------------------------------------------------------------------------------


def test_a_batch_is_cancelled_at_once_and_looked_at_soon_and_nothing_of_it_is_tried_again() -> None:
    flow = flow_of(running(), active(0))
    flow.poll.next_at = LONG_AFTER
    heed(flow, CANCEL)
    (call,) = begun(flow, NOW, "cancel_batch")
    answer(flow, call, NOW, refused=False)
    assert flow.poll.next_at == NOW + SETTINGS.poll_min_seconds
    (look,) = begun(flow, NOW + 60, "poll_batches")
    answer(flow, look, NOW + 60, news={"batch-0": {"status": "cancelled", "ended": True}})
    (collection,) = begun(flow, NOW + 60, "collect_batch")
    assert (collection.input["status"], collection.input["unwanted"]) == ("cancelled", True)


@pytest.mark.parametrize("shard", [waiting(0), live(0)], ids=["batch", "live"])
def test_what_was_not_begun_is_ended_without_a_call_to_the_service(shard: Any) -> None:
    flow = flow_of(running(), shard)
    heed(flow, CANCEL)
    (call,) = begun(flow)
    assert call.activity == "collect_batch"
    assert (call.input["status"], call.input["refused"]["code"]) == ("cancelled", "cancelled")
    assert call.input["refused"]["message"] == AS_ASKED.message


@pytest.mark.parametrize("is_begun", [True, False])
def test_where_a_batch_may_exist_it_is_looked_for_and_no_pause_or_place_matters(is_begun: bool) -> None:
    """Tried before; or of a file that was taken over, whose ledger may have been lost."""
    flow = flow_of(running(fresh=is_begun), waiting(0, begun=is_begun), places=0)
    flow.pauses.begin(Pause(model=None, kind="quota", message="Full."), NOW)
    heed(flow, CANCEL)
    (call,) = begun(flow, NOW, "submit_batch")
    assert call.input["unwanted"] is True
    answer(flow, call, NOW, refused={"code": "cancelled", "message": "As asked."})
    assert activities(flow) == ["collect_batch"]


def test_a_batch_that_is_found_is_cancelled() -> None:
    flow = flow_of(running(fresh=False), waiting(0))
    heed(flow, CANCEL)
    (call,) = begun(flow, NOW, "submit_batch")
    answer(flow, call, NOW, batch_id="batch-9", submitted_at=NOW - 5)
    assert activities(flow) == ["cancel_batch"]


def test_a_look_for_a_batch_that_is_refused_waits_by_itself() -> None:
    flow = flow_of(running(fresh=False), waiting(0))
    heed(flow, CANCEL)
    (call,) = begun(flow, NOW, "submit_batch")
    answer(flow, call, NOW, paused={"model": "gpt", "kind": "configuration", "message": "No role."})
    assert begun(flow, NOW, "submit_batch") == []
    assert begun(flow, NOW + 10, "submit_batch") != []


def test_live_calls_that_were_begun_have_their_log_closed_first() -> None:
    flow = flow_of(running(), live(0))
    (slice_,) = begun(flow, NOW, "send_slice")
    heed(flow, CANCEL)
    answer(flow, slice_, NOW, begun_at=NOW, done=4)
    (last,) = begun(flow, NOW, "send_slice")
    assert last.input["unwanted"] is True
    answer(flow, last, NOW, begun_at=NOW, done=4, wait_seconds=2.0)
    assert shard_in(flow).step is ShardStep.SEND
    (last,) = begun(flow, NOW + 2, "send_slice")
    answer(flow, last, NOW + 2, begun_at=NOW, done=4)
    assert (shard_in(flow).step, shard_in(flow).status) == (ShardStep.COLLECT, "cancelled")


def test_what_a_call_under_way_brings_is_ended_as_well() -> None:
    """Children of a shard that was being collected, and the shard of a batch that failed as a whole."""
    flow = flow_of(running(), ended(0), ended(1))
    first, second = begun(flow, NOW, "collect_batch")
    heed(flow, CANCEL)
    answer(flow, first, NOW, tally={"ok": 5}, children=[_child()])
    answer(flow, second, NOW, again={"model": "gpt", "kind": "quota", "message": "Full."})
    calls = {call.shard: call for call in begun(flow)}
    assert calls["0000.0"].activity == "collect_batch"
    assert (calls["0001"].activity, calls["0001"].input["unwanted"]) == ("submit_batch", True)


def test_an_unwanted_batch_that_failed_as_a_whole_is_looked_for_after_a_while() -> None:
    """It heeds no pause, so nothing else would keep it from being looked for again and again."""
    flow = flow_of(running(), ended(0))
    (collect,) = begun(flow, NOW, "collect_batch")
    heed(flow, CANCEL)
    assert begun(flow) == []
    answer(flow, collect, NOW, again={"model": "gpt", "kind": "quota", "message": "Full."})
    assert begun(flow) == []
    assert activities(flow, woken(flow)) == ["submit_batch"]


@pytest.mark.parametrize("shard", [waiting, live], ids=["batch", "live"])
def test_what_is_only_looked_for_once_more_takes_no_place_from_others(shard: Any) -> None:
    """A file that is to end, and one that is not, at the same deployment, in the place of one."""
    flow = flow_of(
        running(fresh=False, wants=UNWANTED), shard(0), running(key="b"), shard(0, key="b"),
        settings=msgspec.structs.replace(SETTINGS, micro_batch_size=2), places=1,
    )  # fmt: skip
    flow.throttles["gpt"] = Throttle(width=1.0)
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW - 600)
    calls = begun(flow)
    assert [(call.key, call.input["unwanted"]) for call in calls] == [("k", True), ("b", False)]
    assert (calls[0].input["snapshot_id"], calls[0].input["key"]) == ("snapshot-1", "k")
    assert (calls[0].key, calls[0].shard) == ("k", "0000")


def _child() -> dict[str, Any]:
    return {
        "shard": "0000.0",
        "blob": "b",
        "requests": 5,
        "size": 5,
        "model": "gpt",
        "url": "/v1",
        "attempt": 2,
    }


def test_an_unwanted_file_is_prepared_whatever_it_costs_and_costs_nothing() -> None:
    settings = SnapshotSettings(max_cost=1.0)
    flow = flow_of(file_at(fresh=True), settings=settings)
    (call,) = begun(flow, NOW, "prepare_file")
    heed(flow, CANCEL)
    answer(flow, call, NOW, held="It is beyond a budget.")
    (call,) = begun(flow, NOW + 2, "prepare_file")
    assert call.input["unwanted"] is True
    answer(flow, call, NOW + 2, requests=10, cost=5.0, shards=[_child()])
    assert (flow.file("k").step, flow.totals.cost) == (FileStep.RUN, 0.0)
    assert activities(flow, NOW + 2) == ["collect_batch"]


def test_a_job_spec_that_cannot_be_followed_holds_an_unwanted_file_too() -> None:
    flow = flow_of(file_at(wants=UNWANTED))
    (call,) = begun(flow, NOW, "prepare_file")
    answer(flow, call, NOW, held="The spec is wrong.")
    assert flow.file("k").step is FileStep.HOLD


def test_a_whole_snapshot_ends_with_the_files_that_were_not_admitted_yet() -> None:
    flow = flow_of(running(), active(0), backlog=listed("later"), files_total=2)
    heed(flow, Asked(cancel=["snapshot-1"]))
    calls = begun(flow)
    assert {call.activity for call in calls} == {"cancel_batch", "prepare_file"}
    assert all(call.input["unwanted"] for call in calls if call.activity == "prepare_file")


def test_others_are_left_alone() -> None:
    flow = flow_of(running(), waiting(0), running(key="other"), waiting(1, key="other"))
    flow.files[1].key = "other"
    heed(flow, Asked(cancel=["k", "snapshot-2", "nobody"]))
    calls = {(call.key, call.activity) for call in begun(flow)}
    assert calls == {("k", "collect_batch"), ("other", "submit_batch")}


# --- held, approved --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "items", [[file_at(fresh=True)], [running(), waiting(0), live(1)]], ids=["new", "prepared"]
)
def test_a_file_of_which_nothing_has_begun_waits(items: list[Any]) -> None:
    flow = flow_of(*items)
    heed(flow, Asked(hold=["k"]))
    (call,) = begun(flow)
    assert (call.activity, call.input["reason"], call.input["needs_settings"]) == ("hold_file", HELD, False)
    assert flow.shards == []


def test_a_file_that_is_to_wait_before_its_turn_has_come_is_set_aside_with_the_same_words() -> None:
    flow = flow_of(backlog=listed("k"))
    heed(flow, Asked(hold=["k"]))
    (call,) = begun(flow)
    assert (call.activity, call.input["reason"]) == ("hold_file", HELD)


@pytest.mark.parametrize(
    "items",
    [
        [running(), waiting(0, begun=True)],
        [running(), active(0), waiting(1)],
        [running(fresh=False), waiting(0)],
        [running(wants=UNWANTED), waiting(0)],
        [file_at(FileStep.WRITE)],
    ],
)
def test_a_file_that_has_begun_or_is_to_end_goes_on(items: list[Any]) -> None:
    flow = flow_of(*items)
    heed(flow, Asked(hold=["k"]))
    assert "hold_file" not in activities(flow)


def test_a_file_that_is_being_prepared_waits_once_that_is_over() -> None:
    flow = flow_of(file_at(fresh=True))
    (call,) = begun(flow)
    heed(flow, Asked(hold=["k"]))
    assert begun(flow) == []
    answer(flow, call, NOW, requests=5, shards=[_child()])
    assert activities(flow) == ["hold_file"]


def test_of_a_file_that_was_taken_over_preparing_it_finds_out_what_has_begun() -> None:
    flow = flow_of(file_at())
    heed(flow, Asked(hold=["k"]))
    (call,) = begun(flow)
    assert (call.activity, call.input["waits"]) == ("prepare_file", True)
    answer(flow, call, NOW, held="It waits.")
    assert activities(flow) == ["hold_file"]


@pytest.mark.parametrize("early", [True, False])
def test_an_approved_file_goes_beyond_a_budget(early: bool) -> None:
    flow = flow_of(file_at(fresh=True), settings=SnapshotSettings(max_cost=1.0))
    if early:
        heed(flow, Asked(approve=["k"]))
    (call,) = begun(flow, NOW, "prepare_file")
    assert call.input["approved"] is early
    heed(flow, Asked(approve=["k"]))
    if not early:
        answer(flow, call, NOW, held="More than MAX_TOKENS_PER_FILE.")
        (call,) = begun(flow, NOW + 2, "prepare_file")
        assert call.input["approved"] is True
    answer(flow, call, NOW + 2, requests=5, cost=9.0, shards=[_child()])
    assert (flow.file("k").step, flow.totals.cost) == (FileStep.RUN, 9.0)


# --- in which order --------------------------------------------------------------------------------------------------


ONE_PLACE = SnapshotSettings(micro_batch_size=1, max_active_batches=20)


def at_work(activity: str, key: str) -> FileState | ShardState:
    if activity == "prepare_file":
        return file_at(key=key, fresh=True)
    return waiting(0, key=key) if activity == "submit_batch" else live(0, key=key)


@pytest.mark.parametrize("activity", ["prepare_file", "submit_batch", "send_slice"])
@pytest.mark.parametrize(
    ("priority", "first"),
    [
        ({"c": 5, "in/": -1}, "c"),
        # That of a file counts more than that of its folder, and no priority is in the middle.
        ({"in/": 3, "a": 2, "c": 2}, "b"),
        ({"c": 1}, "c"),
        ({"a": -1, "c": -1}, "b"),
        ({"other/": 9, "b": 1}, "b"),
    ],
)
def test_those_of_higher_priority_are_prepared_submitted_and_sent_first(
    activity: str, priority: dict[str, int], first: str
) -> None:
    flow = flow_of(*(at_work(activity, key) for key in "abc"), settings=ONE_PLACE)
    heed(flow, Asked(priority=priority))
    assert next(call.key for call in begun(flow, NOW, activity)) == first


def test_the_backlog_is_put_in_order_and_stays_as_it_was_within_a_priority() -> None:
    flow = flow_of(backlog=listed(*"abcde"), files_total=5, settings=SnapshotSettings(micro_batch_size=1))
    heed(flow, Asked(priority={"d": 2, "b": -1}))
    assert [file.key for file in flow.backlog] == list("daceb")
    begun(flow)
    assert flow.files[0].wants.priority == 2


def test_folders_put_the_files_below_them_in_order_also_those_of_later_pages() -> None:
    paths = {"a": "in/a.csv", "b": "in/urgent/b.csv", "c": "in/late/c.csv", "d": "d.csv"}
    files = [ListedFile(key=key, path=path, size=1) for key, path in paths.items()]
    flow = flow_of(backlog=files, files_total=8, pages=1)
    heed(flow, Asked(priority={"in/urgent/": 5}))
    assert [file.key for file in flow.backlog] == list("bacd")
    heed(flow, Asked(priority={"in/late/": -1}))
    assert [file.key for file in flow.backlog] == list("badc")
    flow.backlog = []
    (page,) = begun(flow, NOW, "list_files")
    answer(flow, page, NOW, files=to_wire(files), asked={"priority": {"d": 1}})
    assert [file.key for file in flow.backlog] == list("bdac")


# --- what is remembered ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [True, False], ids=["at work", "in the backlog"])
def test_one_wish_about_a_file_takes_back_no_other(turn: bool) -> None:
    flow = flow_of(*([file_at()] if turn else []), backlog=[] if turn else listed("k"))
    asked = [Asked(priority={"k": 3}), Asked(hold=["k"]), Asked(approve=["k"]), Asked(cancel=["k"])]
    for one in [*asked, Asked(cancel=["other"], priority={"other": 9})]:
        heed(flow, one)
    wants = flow.file("k").wants if turn else flow.wants["k"]
    assert wants == FileWants(unwanted=True, held=True, approved=True, priority=3)


def test_what_nothing_was_asked_about_is_not_remembered() -> None:
    flow = flow_of(backlog=listed("k"))
    heed(flow, Asked(cancel=["other"]))
    assert flow.wants == {}


def test_a_wish_is_told_again_while_a_page_of_files_is_on_its_way() -> None:
    """It may be about a file of that page, which was read before people asked."""
    flow = Flow(snapshot_id="snapshot-1", settings=SETTINGS, files_total=1, pages=1)
    (page,) = begun(flow, NOW, "list_files")
    heed(flow, Asked(cancel=["late"], seen=NOW))
    assert flow.asked_seen == 0.0
    answer(flow, page, NOW, files=[{"key": "late", "path": "late.csv", "size": 1, "fresh": True}])
    heed(flow, Asked(cancel=["late"], seen=NOW))
    assert flow.asked_seen == NOW
    (call,) = begun(flow, NOW, "prepare_file")
    assert call.input["unwanted"] is True


def test_a_page_tells_what_was_asked_about_its_files_long_ago() -> None:
    flow = Flow(snapshot_id="snapshot-1", settings=SETTINGS, files_total=1, pages=1, asked_seen=NOW)
    (page,) = begun(flow, NOW, "list_files")
    answer(
        flow,
        page,
        NOW,
        files=[{"key": "k", "path": "k.csv", "size": 1, "fresh": True}],
        asked={"hold": ["k"]},
    )
    assert activities(flow) == ["hold_file"]
    assert flow.wants == {}
    assert flow.asked_seen == NOW


@pytest.mark.parametrize(
    ("activity", "shard", "ok"),
    [
        ("poll_batches", active(0), {"news": {}}),
        ("send_slice", live(0), {"begun_at": NOW}),
        ("submit_batch", waiting(0), {"paused": {"model": "gpt", "kind": "quota", "message": "Full."}}),
        # A snapshot without room hears of wishes when it asks for some.
        ("share_limit", waiting(0), {"places": 0}),
    ],
)
def test_every_look_brings_wishes_and_asks_for_what_is_newer(
    activity: str, shard: Any, ok: dict[str, Any]
) -> None:
    flow = flow_of(running(), shard, asked_seen=NOW - 9)
    if activity == "share_limit":
        flow.allowance = Allowance()
    (call,) = begun(flow, NOW, activity)
    assert call.input["asked_since"] == NOW - 9
    answer(flow, call, NOW, **ok, asked={"cancel": ["k"], "seen": NOW})
    assert (flow.file("k").wants, flow.asked_seen) == (UNWANTED, NOW)


@pytest.mark.parametrize(
    ("wants", "word"),
    [
        (FileWants(), None),
        (FileWants(unwanted=True, held=True), "cancel"),
        (FileWants(held=True), "hold"),
        (FileWants(priority=3), "priority"),
    ],
)
def test_the_progress_says_what_was_asked(wants: FileWants, word: str | None) -> None:
    (shown,) = progress(flow_of(running(wants=wants), active(0)))["files"]
    assert shown.get("asked") == word
