"""Storage that refuses any call of a job, in any way: no row is lost, none paid twice, and it is told. By a proxy, over HTTP."""

from collections.abc import Iterator

import pytest

from local.azure_openai import RunningService
from local.azurite import Azurite
from tests.activities.refusal_course import TIMES, kinds, run
from tests.storage_proxy import FAULTS, Fault, StorageProxy, running

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
