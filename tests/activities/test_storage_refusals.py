"""Storage that refuses any call of a job, in any way: no row is lost, none paid twice, and it is told. By a proxy, over HTTP."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

import adapters.storage.blobs
from local.azure_openai import RunningService
from local.azurite import Azurite
from local.fault_proxies.storage import FAULTS, Fault, StorageProxy, running
from tests.activities.conftest import NewWorld
from tests.activities.crash_points import walk
from tests.activities.inline_pipeline import Blown, Fuse
from tests.activities.mixed_file import CONTENT, PATH, PLAN, check
from tests.activities.refusal_course import TIMES, kinds, run

SHARES = 4  # so that several workers may share the way; `make refusals` goes all of it


@pytest.fixture(scope="module")
def proxy(azurite: Azurite) -> Iterator[StorageProxy]:
    with running(azurite) as proxy:
        yield proxy


@pytest.mark.parametrize("share", range(SHARES))
def test_a_refusal_of_any_kind_of_call_loses_nothing_pays_nothing_twice_and_is_told(
    azurite: Azurite, service: RunningService, proxy: StorageProxy, share: int
) -> None:
    """Each kind of call, with another fault from kind to kind."""
    found = list(enumerate(kinds(azurite, service, proxy)))
    assert len(found) > 25
    for number, kind in found[share::SHARES]:
        course = run(azurite, service, proxy, Fault(kind, FAULTS[number % len(FAULTS)], TIMES))
        assert course.is_even, course


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("kind", ["copy work/claim", "delete input/file"])
def test_the_two_calls_that_decide_on_a_file_may_be_refused_in_any_way(
    azurite: Azurite, service: RunningService, proxy: StorageProxy, kind: str, name: str
) -> None:
    course = run(azurite, service, proxy, Fault(kind, name, TIMES))
    assert course.is_even, course


def outputs_and_archive(order: Sequence[str]) -> list[int]:
    """Choose, of the effects after which something lies in the output containers, every second one."""
    end = len(order) - order[::-1].index("delete_file")
    return list(range(end + 1, len(order) + 1))[::2]


@pytest.mark.parametrize("blocks", [False, True], ids=["whole", "in blocks"])
def test_outputs_under_a_retention_policy_stand_as_the_first_try_wrote_them(
    new_world: NewWorld,
    service: RunningService,
    proxy: StorageProxy,
    monkeypatch: pytest.MonkeyPatch,
    blocks: bool,
) -> None:
    """A process that dies after any of them begins again, and may overwrite none."""
    if blocks:
        monkeypatch.setattr(adapters.storage.blobs, "BLOCK_BYTES", 100)
    monkeypatch.setattr(proxy, "retention", True)

    def life(fuse: Fuse) -> None:
        with new_world(DATA=proxy.connection_string) as pipeline:
            service.plan(rows=PLAN)
            pipeline.drop(PATH, CONTENT)
            with suppress(Blown):
                pipeline.run(fuse)
            pipeline.run()
            check(pipeline, service)

    walk(f"retention-{blocks}", life, outputs_and_archive)
