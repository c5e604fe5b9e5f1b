"""The note of what is spent of a deployment's limits, on real storage: counted forward by all who send, lost by none."""

from concurrent.futures import ThreadPoolExecutor

from adapters.work.rates import RateRecord
from adapters.work.store import WorkStore
from domain.direct.throttle import Limits, Spent

LIMITS = Limits(requests_per_minute=60)


def spent(due_at: float) -> Spent:
    return Spent(limits=LIMITS, requests_due_at=due_at)


def note(store: WorkStore, limits: Limits = LIMITS) -> RateRecord:
    return store.rates.of("emb/größe 3", limits)


def test_what_one_has_counted_the_other_one_reads(store: WorkStore) -> None:
    first, second = note(store), note(store)
    assert first.read() == second.read() == spent(0.0)
    assert first.write(spent(1.0))
    assert first.write(spent(2.0))
    assert second.read() == spent(2.0)


def test_whoever_has_not_read_the_last_count_counts_nothing(store: WorkStore) -> None:
    first, second = note(store), note(store)
    first.read()
    second.read()
    assert first.write(spent(1.0))
    assert not second.write(spent(1.0))
    assert second.read() == spent(1.0)
    assert second.write(spent(2.0))
    assert not first.write(spent(2.0))


def test_other_limits_begin_anew(store: WorkStore) -> None:
    first = note(store)
    first.read()
    first.write(spent(1e12))
    other = Limits(requests_per_minute=6000)
    assert note(store, other).read() == Spent(limits=other)


def test_many_at_once_count_each_of_their_calls(store: WorkStore) -> None:
    def count(_number: int) -> None:
        own = note(store)
        while not own.write(spent(own.read().requests_due_at + 1.0)):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(20)))
    assert note(store).read() == spent(20.0)
