"""Live calls through the real SDK: what an answer is, and what is known when there is none."""

import asyncio
import json
import socket
from contextlib import closing, suppress
from typing import Any

import httpx2
import openai
import pytest

from adapters.openai.live_api import LiveAnswer, LiveApi, open_live_api
from domain.errors import ConfigurationError, LostAnswerError, PassingError
from local.azure_openai import RunningService

BODY: dict[str, Any] = {"model": "emb", "input": "text", "dimensions": 2}


def send(url: str, key: str, body: dict[str, Any] = BODY, *, api_version: str = "v1") -> LiveAnswer:
    async def once() -> LiveAnswer:
        async with open_live_api(
            endpoint=url, api_version=api_version, api_key=key, scope="", connections=2
        ) as api:
            return await api.send("/embeddings", body, about="key-0000-7")

    return asyncio.run(once())


def answered(response: httpx2.Response, asked: list[httpx2.Request] | None = None) -> LiveAnswer:
    """What becomes of an answer that the simulator has no way to give."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if asked is not None:
            asked.append(request)
        return response

    async def once() -> LiveAnswer:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        async with openai.AsyncOpenAI(
            base_url="http://127.0.0.1/openai/v1", api_key="key", max_retries=0, http_client=http
        ) as client:
            return await LiveApi(client).send("/embeddings", BODY, about="key-0000-7")

    return asyncio.run(once())


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("api_version", ["v1", "2024-10-21"])
@pytest.mark.parametrize("suffix", ["", "/", "/openai", "/openai/v1/"])
def test_both_forms_of_address_are_served(service: RunningService, api_version: str, suffix: str) -> None:
    answer = send(service.url + suffix, service.key, api_version=api_version)
    assert (answer.status, len(json.loads(answer.body)["data"][0]["embedding"])) == (200, 2)
    assert answer.request_id
    assert answer.retry_after is None


@pytest.mark.parametrize("status", [400, 408, 409, 422, 429, 500, 502, 503, 504])
def test_an_error_is_an_answer_and_asked_for_once(service: RunningService, status: int) -> None:
    service.plan(calls=[{"operation": "live", "status": status, "code": "Some", "retry_after": "7"}])
    answer = send(service.url, service.key)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, "Some")
    assert answer.retry_after == 7.0
    assert service.counters()["calls"]["live"]["total"] == 1


@pytest.mark.parametrize(
    ("told", "expected"),
    [("0", 0.0), ("0.5", 0.5), ("86400", 3600.0), ("nan", None), ("inf", None), ("-3", None)],
)
def test_a_time_to_wait_is_a_number_of_at_most_an_hour_or_nothing(
    service: RunningService, told: str, expected: float | None
) -> None:
    service.plan(calls=[{"operation": "live", "status": 429, "retry_after": told}])
    assert send(service.url, service.key).retry_after == expected


@pytest.mark.parametrize(
    "call",
    [
        {"status": 401},
        {"status": 403},
        {"status": 404, "code": "DeploymentNotFound"},
        {"status": 400, "code": "OperationNotSupported"},
    ],
)
def test_what_somebody_has_to_mend_is_no_answer(service: RunningService, call: dict[str, Any]) -> None:
    service.plan(calls=[{"operation": "live", **call}])
    with pytest.raises(
        ConfigurationError, match=r"role|takes live calls \(no GlobalBatch or DataZoneBatch\)"
    ):
        send(service.url, service.key)


@pytest.mark.parametrize("connection", ["reset", "lost", "half"])
def test_a_call_that_was_written_and_not_answered_is_in_doubt(
    service: RunningService, connection: str
) -> None:
    service.plan(calls=[{"operation": "live", "connection": connection}])
    with pytest.raises(LostAnswerError):
        send(service.url, service.key)
    assert service.counters()["calls"]["live"]["total"] == 1


def test_an_answer_that_trickles_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece comes in time, the answer never does."""
    monkeypatch.setattr("adapters.openai.live_api.CALL_TIMEOUT_SECONDS", 0.5)

    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        with closing(writer), suppress(ConnectionError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)

    async def once() -> None:
        async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with open_live_api(
                endpoint=f"http://127.0.0.1:{port}",
                api_version="v1",
                api_key="key",
                scope="",
                connections=2,
            ) as api:
                with pytest.raises(LostAnswerError, match=r"no answer within 0\.5 s"):
                    await api.send("/embeddings", BODY, about="key-0000-7")
            await asyncio.sleep(0.2)  # until the server has noticed

    asyncio.run(once())


def test_a_call_that_could_not_be_written_is_not_in_doubt(unused_port: int) -> None:
    with pytest.raises(PassingError) as caught:
        send(f"http://127.0.0.1:{unused_port}", "key")
    assert not isinstance(caught.value, LostAnswerError)


@pytest.mark.parametrize(
    ("content", "body", "marks"),
    [
        (rb'{"a": "\ud83d"}', {"a": "\ufffd"}, ("half_character",)),
        (b'{"a": NaN}', {"a": "NaN"}, ("not_a_number",)),
        (b'{"a": "\xff"}', {"a": "\ufffd"}, ("invalid_utf8",)),
        (b'{"a":\n-1e400}', {"a": "-1e400"}, ("number_out_of_range",)),
    ],
)
def test_an_answer_that_strict_readers_refuse_is_not_lost(
    content: bytes, body: dict[str, str], marks: tuple[str, ...]
) -> None:
    answer = answered(httpx2.Response(200, content=content))
    assert (json.loads(answer.body), answer.marks) == (body, marks)
    assert b"\n" not in answer.body


def test_an_answer_comes_on_one_line() -> None:
    content = json.dumps({"data": [1.5, "a\nb"]}, indent=2).encode()
    answer = answered(httpx2.Response(200, content=content))
    assert b"\n" not in answer.body
    assert json.loads(answer.body) == json.loads(content)


def test_a_good_answer_that_cannot_be_read_is_in_doubt_for_it_was_paid() -> None:
    with pytest.raises(LostAnswerError):
        answered(httpx2.Response(200, content=b"<html>"))


def test_an_error_that_is_not_the_services_own_is_in_doubt_and_tells_its_first_words() -> None:
    with pytest.raises(LostAnswerError, match="Bad Gateway") as caught:
        answered(httpx2.Response(502, content=b"<h1>Bad Gateway</h1> https://x/y?sig=secret"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"retry-after": "7"}, b"<h1>Too Many Requests</h1>"),
        ({}, b'{"statusCode": 429, "message": "Rate limit is exceeded. Try again in 7 seconds."}'),
    ],
)
def test_a_gateway_that_counts_calls_has_not_passed_this_one_on(headers: dict[str, str], body: bytes) -> None:
    answer = answered(httpx2.Response(429, headers=headers, content=body))
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (429, "http_429")


def test_a_redirection_is_not_followed(service: RunningService) -> None:
    asked: list[httpx2.Request] = []
    with pytest.raises(LostAnswerError):
        answered(httpx2.Response(307, headers={"location": service.url}), asked)
    assert len(asked) == 1
