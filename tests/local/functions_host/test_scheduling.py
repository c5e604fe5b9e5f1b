"""The engine's queues by themselves: order, limits, second thoughts."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from local.functions_host import turn_queue
from local.functions_host.alarms import Alarms
from local.functions_host.turn_queue import TurnQueue

pytestmark = pytest.mark.asyncio


class Turns:
    """Takes turns when it is let."""

    def __init__(self, limit: int) -> None:
        self.queue = TurnQueue(self.take, limit)
        self.taken: list[str] = []
        self.running = 0
        self.most_running = 0
        self.gate = asyncio.Event()
        self.failures = 0

    async def take(self, instance_id: str) -> None:
        self.taken.append(instance_id)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await self.gate.wait()
        self.running -= 1
        if self.failures:
            self.failures -= 1
            raise OSError("disk full")


async def until(condition: Callable[[], Any]) -> None:
    while not condition():  # noqa: ASYNC110 - conditions of all kinds, and the loop has nothing else to do
        await asyncio.sleep(0)


async def test_waking_an_instance_often_gives_it_one_turn() -> None:
    turns = Turns(limit=5)
    turns.gate.set()
    for _ in range(10):
        turns.queue.wake("a")
    await until(lambda: turns.taken)
    await turns.queue.close(1)

    assert turns.taken == ["a"]


async def test_an_instance_woken_during_its_turn_has_one_more_afterwards() -> None:
    turns = Turns(limit=5)
    turns.queue.wake("a")
    await until(lambda: turns.running)
    turns.queue.wake("a")
    turns.queue.wake("a")
    turns.gate.set()
    await until(lambda: len(turns.taken) == 2)

    assert turns.most_running == 1


async def test_no_more_turns_run_at_once_than_allowed() -> None:
    turns = Turns(limit=3)
    for number in range(10):
        turns.queue.wake(str(number))
    await until(lambda: turns.running == 3)
    turns.gate.set()
    await until(lambda: len(turns.taken) == 10)

    assert turns.most_running == 3
    assert turns.taken == [str(number) for number in range(10)]


async def test_a_turn_that_could_not_be_written_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_queue, "_RETRY_SECONDS", 0)
    turns = Turns(limit=1)
    turns.failures = 1
    turns.gate.set()
    turns.queue.wake("a")
    await until(lambda: turns.taken == ["a", "a"])


async def test_a_closed_queue_starts_nothing() -> None:
    turns = Turns(limit=1)
    turns.gate.set()
    turns.queue.wake("a")
    await turns.queue.close(0)
    turns.queue.wake("b")
    for _ in range(5):
        await asyncio.sleep(0)

    assert turns.taken == []


async def test_alarms_ring_in_order_and_never_early() -> None:
    loop = asyncio.get_running_loop()
    rung: list[tuple[str, bool]] = []
    now = loop.time()
    moments = {"late": now + 0.03, "early": now + 0.01, "past": now - 1, "same": now + 0.01}
    alarms = Alarms(loop.time, lambda name: rung.append((name, loop.time() >= moments[name])))
    for name, moment in moments.items():
        alarms.set(moment, name)
    await until(lambda: len(rung) == 4)

    assert rung == [("past", True), ("early", True), ("same", True), ("late", True)]


async def test_closed_alarms_are_silent() -> None:
    loop = asyncio.get_running_loop()
    rung: list[str] = []
    alarms = Alarms(loop.time, rung.append)
    alarms.set(loop.time() + 0.001, "a")
    alarms.close()
    await asyncio.sleep(0.002)

    assert rung == []
