"""A thread of ours logs for the function it works for, by the rule of each worker, and for no other afterwards."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from azure_functions_runtime.bindings import context

from adapters.threads import in_thread, log_as, pool
from local.functions_host.worker_log import Owner, current_owner
from steps.answering import answering, answering_async

NOBODY = Owner(None, None)


def both(invocation_id: str) -> Owner:
    return Owner(invocation_id, invocation_id)


def invocation(invocation_id: str) -> Any:
    """Give the context of a function's call, with the storage of the genuine worker library."""
    return SimpleNamespace(
        invocation_id=invocation_id,
        thread_local_storage=context._invocation_id_local,
    )


def look() -> Owner:
    return current_owner(loop_thread=None)


def look_deeper() -> list[Owner]:
    """Look from threads that a thread has begun, by `map` and by `submit`."""
    with pool(2) as threads:
        return [*threads.map(lambda _: look(), range(3)), threads.submit(look).result(), look()]


async def look_from_tasks() -> list[Owner]:
    """Look from threads of tasks of an event loop that a plain function runs, as live calls do."""
    return [owner for owners in await asyncio.gather(*[in_thread(look_deeper)] * 2) for owner in owners]


class Answers:
    """Stands for a step, and keeps what it has seen: an answer has to be a contract."""

    def __init__(self, seen: Callable[[], list[Owner]]) -> None:
        self._look, self.seen = seen, list[Owner]()

    def __call__(self) -> object:
        self.seen = self._look()
        return None


@pytest.mark.parametrize("way", [look_deeper, lambda: asyncio.run(look_from_tasks())], ids=["pool", "tasks"])
def test_threads_of_a_plain_function_log_as_the_function(way: Callable[[], list[Owner]]) -> None:
    step = Answers(lambda: way()[:4])
    with ThreadPoolExecutor(1) as worker:  # whose one thread serves every call
        for number in range(3):
            worker.submit(answering, step, invocation(str(number))).result()
            assert step.seen == [both(str(number))] * 4
        assert worker.submit(look_deeper).result() == [NOBODY] * 5


def test_threads_of_coroutine_functions_at_the_same_time_log_each_as_its_own() -> None:
    async def ask(number: int) -> list[Owner]:
        seen: list[Owner] = []

        async def step() -> object:
            await asyncio.sleep(0)
            seen.extend(await in_thread(look_deeper))
            return None

        await answering_async(step, invocation(str(number)))
        return seen

    async def story() -> list[list[Owner]]:
        return [*await asyncio.gather(*(ask(number) for number in range(20))), await in_thread(look_deeper)]

    *several, after = asyncio.run(story())
    assert several == [[both(str(number))] * 5 for number in range(20)]
    assert after == [NOBODY] * 5


def test_a_thread_is_nobodys_after_work_that_failed() -> None:
    seen: list[threading.Thread] = []

    def fail() -> None:
        seen.append(threading.current_thread())
        raise ValueError(look())

    async def story() -> None:
        log_as(invocation("id"))
        with pytest.raises(ValueError, match="below_313='id', from_313='id'"):
            await in_thread(fail)
        assert await asyncio.to_thread(lambda: (threading.current_thread(), look().below_313)) == (
            seen[0],
            None,
        )

    asyncio.run(story())


def test_without_an_invocation_threads_work_all_the_same() -> None:
    assert look_deeper() == [NOBODY] * 5
