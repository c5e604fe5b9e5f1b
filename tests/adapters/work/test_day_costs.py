"""The budget of a day, which hosts share without a lock."""

from concurrent.futures import ThreadPoolExecutor

from adapters.storage.account import Storage
from adapters.work.store import WorkStore
from domain import names
from domain.day_budget import DayLine

DAY, LIMIT = "20261124", 10.0


def test_hosts_that_ask_at_the_same_time_let_no_more_through_than_the_budget(storage: Storage) -> None:
    hosts = [WorkStore(storage.work) for _ in range(3)]
    hosts[0].day_costs.let_through(DAY, DayLine(key="first", cost=1.0), LIMIT)

    def ask(number: int) -> bool:
        line = DayLine(key=str(number), cost=1.0)
        return hosts[number % 3].day_costs.let_through(DAY, line, LIMIT) is None

    with ThreadPoolExecutor(6) as asking:
        assert sum(asking.map(ask, range(15))) == 9
    # One that comes later, and one that asks again.
    late = WorkStore(storage.work)
    assert late.day_costs.let_through(DAY, DayLine(key="late", cost=0.5), LIMIT) == LIMIT
    assert late.day_costs.let_through(DAY, DayLine(key="first", cost=1.0), LIMIT) is None


def test_each_day_begins_anew_and_old_lists_are_removed(store: WorkStore, storage: Storage) -> None:
    line = DayLine(key="a", cost=LIMIT)
    for day in ("20261123", DAY, "20261125"):
        assert store.day_costs.let_through(day, line, LIMIT) is None
        assert store.day_costs.let_through(day, DayLine(key="b", cost=1.0), LIMIT) == LIMIT
    store.day_costs.drop_before("20261125")
    assert [entry.name for entry in storage.work.list(names.DAY_COSTS)] == [names.day_costs("20261125")]
