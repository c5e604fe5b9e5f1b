"""What gateways, proxies and login pages answer in the service's place, to every call of the app."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.openai.batch_api import BatchApi
from adapters.openai.live_api import open_live_api
from domain.errors import ConfigurationError, LostAnswerError, PassingError, PipelineError
from local.azure_openai import RunningService
from local.fault_proxies import service as fault_proxy
from local.fault_proxies.service import CUT, FOREIGN, FaultProxy
from tests.activities.service_walk import ODD_ANSWERS
from tests.adapters.conftest import MakeApi
from tests.adapters.openai.test_batch_api import EFFECTS, LOOKS, Known


@pytest.fixture(scope="module")
def shared_proxy(shared_service: RunningService) -> Iterator[FaultProxy]:
    with fault_proxy.running(shared_service.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared_proxy: FaultProxy, service: RunningService) -> FaultProxy:
    return shared_proxy


@pytest.fixture
def known(open_api: MakeApi, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Known:
    for name in ("CALL", "CREATE", "TRANSFER"):
        monkeypatch.setattr(f"adapters.openai.batch_api.{name}_TIMEOUT_SECONDS", 0.2)
    return Known(open_api(api_version="2025-04-01-preview", endpoint=proxy.url))


def told(known: Known, proxy: FaultProxy, operation: str, name: str) -> PipelineError:
    proxy.strike(operation, {**FOREIGN, **CUT}[name], after=False, times=1)
    with pytest.raises(PipelineError) as caught:
        known.call(operation)
    assert proxy.struck[operation]
    return caught.value


@pytest.mark.parametrize("operation", EFFECTS)
def test_an_effect_that_the_service_did_not_answer_itself_is_in_doubt_or_waits_for_people(
    known: Known, proxy: FaultProxy, operation: str
) -> None:
    errors = {name: told(known, proxy, operation, name) for name in FOREIGN}
    assert not any(error.permanent for error in errors.values())
    odd = {
        name: error for name, error in errors.items() if not isinstance(error, expected_of_an_effect(name))
    }
    assert odd == {}


def expected_of_an_effect(name: str) -> type[PipelineError]:
    return ConfigurationError if name[:3] in ("401", "403", "404") else LostAnswerError


@pytest.mark.parametrize("operation", [*LOOKS, "cancel_batch"])
def test_a_look_that_the_service_did_not_answer_itself_has_seen_nothing(
    known: Known, proxy: FaultProxy, operation: str
) -> None:
    names = set(FOREIGN)
    if operation == "content":
        # A file may hold anything; what is missing in it is found out by its reader.
        names -= {name for name in FOREIGN if name[:2] == "20" and name != "200 html"}
    errors = [told(known, proxy, operation, name) for name in sorted(names)]
    assert not any(error.permanent or isinstance(error, LostAnswerError) for error in errors)


@pytest.mark.parametrize("name", ["200 empty", "204"])
def test_a_deletion_that_was_answered_with_nothing_counts_where_the_file_is_gone(
    known: Known, proxy: FaultProxy, name: str
) -> None:
    assert told(known, proxy, "delete_file", name).code == "file_not_deleted"
    proxy.strike("delete_file", FOREIGN[name], after=True, times=1)
    known.call("delete_file")


@pytest.mark.parametrize("name", ["200 half, promised", "200 half"])
@pytest.mark.parametrize("operation", ["get_file", "get_batch", "list_batches", "list_files"])
def test_half_an_answer_is_none(known: Known, proxy: FaultProxy, operation: str, name: str) -> None:
    assert isinstance(told(known, proxy, operation, name), PassingError)


def test_an_answer_about_another_thing_is_none(known: Known, proxy: FaultProxy) -> None:
    other = b'{"id": "batch_other", "object": "batch", "status": "completed", "input_file_id": "file-other"}'
    for operation in ("get_batch", "create_batch", "get_file", "cancel_batch", "delete_file"):
        fault = fault_proxy.Fault(kind=fault_proxy.JSON, body=other)
        proxy.strike(operation, fault, after=False, times=1)
        with pytest.raises(PassingError):
            known.call(operation)


def test_what_people_read_tells_what_came_and_hides_signatures(known: Known, proxy: FaultProxy) -> None:
    page = b"<html>see https://x.example/y?sig=secret</html>"
    proxy.strike("get_batch", fault_proxy.Fault(body=page), after=False, times=1)
    with pytest.raises(PassingError, match="text/html") as caught:
        known.call("get_batch")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("paging", ["plain", "ignored"])
def test_a_list_that_does_not_say_whether_there_is_more_is_read_to_its_end(
    api: BatchApi, monkeypatch: pytest.MonkeyPatch, paging: str
) -> None:
    import httpx2  # noqa: PLC0415 - one test makes answers by hand

    asked: list[Any] = []

    def get(_path: str, _about: str, query: dict[str, Any]) -> httpx2.Response:
        asked.append(query.get("after"))
        first = 0 if query.get("after") is None or paging == "ignored" else int(query["after"][1:]) + 1
        data = [{"id": f"b{number}", "status": "completed"} for number in range(first, min(first + 2, 5))]
        return httpx2.Response(200, json={"data": data})

    monkeypatch.setattr(api, "_get", get)
    found = [batch.batch_id for batch in api.batches()]
    assert found == (["b0", "b1", "b2", "b3", "b4"] if paging == "plain" else ["b0", "b1"])
    assert len(asked) == (4 if paging == "plain" else 2)


@pytest.mark.parametrize("name", [*sorted(FOREIGN.keys() - ODD_ANSWERS), "200 half, promised", "200 half"])
def test_a_live_call_that_the_service_did_not_answer_itself_is_in_doubt_or_waits_for_people(
    service: RunningService, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("adapters.openai.live_api.CALL_TIMEOUT_SECONDS", 0.2)

    async def once() -> None:
        async with open_live_api(
            endpoint=proxy.url, api_version="v1", api_key=service.key, scope="", connections=1
        ) as api:
            await api.send("/embeddings", {"model": "emb", "input": "text"}, about="key-0000-7")

    proxy.strike("live", {**FOREIGN, **CUT}[name], after=True, times=1)
    with pytest.raises(PipelineError) as caught:
        asyncio.run(once())
    assert type(caught.value) is expected_of_an_effect(name)
