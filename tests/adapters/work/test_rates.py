"""The note of what is spent of a deployment's limits, on real storage: counted forward by all who send, lost by none."""

from concurrent.futures import ThreadPoolExecutor

from adapters.work.rates import RateNote
from adapters.work.store import WorkRoom
from domain.direct.throttle import Limits, Spent

LIMITS = Limits(requests_per_minute=60)


def spent(due_at: float) -> Spent:
    return Spent(limits=LIMITS, requests_due_at=due_at)


def note(room: WorkRoom, limits: Limits = LIMITS) -> RateNote:
    return room.rate_note("emb/größe 3", limits)


def test_what_one_has_counted_the_other_one_reads(room: WorkRoom) -> None:
    first, second = note(room), note(room)
    assert first.read() == second.read() == spent(0.0)
    assert first.write(spent(1.0))
    assert first.write(spent(2.0))
    assert second.read() == spent(2.0)


def test_whoever_has_not_read_the_last_count_counts_nothing(room: WorkRoom) -> None:
    first, second = note(room), note(room)
    first.read()
    second.read()
    assert first.write(spent(1.0))
    assert not second.write(spent(1.0))
    assert second.read() == spent(1.0)
    assert second.write(spent(2.0))
    assert not first.write(spent(2.0))


def test_other_limits_begin_anew(room: WorkRoom) -> None:
    first = note(room)
    first.read()
    first.write(spent(1e12))
    other = Limits(requests_per_minute=6000)
    assert note(room, other).read() == Spent(limits=other)


def test_many_at_once_count_each_of_their_calls(room: WorkRoom) -> None:
    def count(_number: int) -> None:
        own = note(room)
        while not own.write(spent(own.read().requests_due_at + 1.0)):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(20)))
    assert note(room).read() == spent(20.0)
