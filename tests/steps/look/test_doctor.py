"""The doctor in the app: how often it looks, what it says meanwhile, and that no secret is shown."""

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from adapters.services import Services, services_of
from domain.api.answers import Examination, Progress, Snapshot
from domain.api.problems import ProblemError
from domain.findings import Finding, Verdict, well
from domain.settings import Settings
from steps.doctor.secrets import without_values
from steps.doctor.settings import access_check, settings_checks
from steps.look import doctor
from steps.look.desk import Desk

KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
ACCOUNT_KEY = "bm90IGEga2V5IGJ1dCBsb25nIGVub3VnaCB0byBsb29rIGxpa2Ugb25l=="


class Hub:
    """A task hub that knows nothing, or does not answer."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.asked: list[tuple[str, bool]] = []

    async def get_status(self, instance_id: str, *, show_input: bool = False) -> Any:
        self.asked.append((instance_id, show_input))
        if self._error:
            raise self._error

    async def terminate(self, instance_id: str, reason: str) -> None:
        raise AssertionError(instance_id, reason)


def desk_at(times: list[float]) -> Desk:
    settings = Settings.from_env(
        {"DATA": "UseDevelopmentStorage=true", "AZURE_OPENAI_ENDPOINT": "https://x.invalid"}
    )
    services = services_of(settings)
    object.__setattr__(services, "clock", lambda: times[0])
    return Desk(services)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each time that the checks were made."""
    made: list[int] = []

    def examine(_services: Services, _env: Any) -> list[Finding]:
        made.append(1)
        return [well("account", "x"), Finding(check="endpoint", verdict=Verdict.FAIL, found="y", do="z")]

    async def nothing(_hub: Any, _desk: Desk) -> list[Finding]:
        return []

    monkeypatch.setattr(doctor, "_examine", examine)
    monkeypatch.setattr(doctor, "_of_snapshots", nothing)
    return made


def look(desk: Desk) -> Examination:
    return asyncio.run(doctor.examination(Hub(), desk, {}))


def test_it_looks_once_a_minute_however_many_ask_and_the_overview_repeats_its_word(looks: list[int]) -> None:
    now = [1000.0]
    desk = desk_at(now)
    assert doctor.last_word(desk) is None
    first = look(desk)
    now[0] += 59
    assert look(desk) is first
    now[0] += 2
    assert look(desk).looked_at != first.looked_at
    assert len(looks) == 2
    word = doctor.last_word(desk)
    assert word is not None
    assert (word.verdict, word.failures, word.warnings) == (Verdict.FAIL, 1, 0)


def test_while_it_looks_others_get_the_last_answer_or_are_asked_to_come_again(looks: list[int]) -> None:
    now = [1000.0]
    desk = desk_at(now)
    desk.examining.acquire()
    with pytest.raises(ProblemError) as refused:
        look(desk)
    assert (refused.value.problem.status, refused.value.retry_after) == (503, doctor.RETRY_SECONDS)
    desk.examining.release()
    first = look(desk)
    now[0] += 100
    desk.examining.acquire()
    assert look(desk) is first
    assert len(looks) == 1


def test_a_look_that_breaks_off_lets_the_next_one_in(
    looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_at([1000.0])

    async def broken(*_: Any) -> Any:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(doctor, "_of_snapshots", broken)
        with pytest.raises(RuntimeError):
            look(desk)
    assert isinstance(desk.examining, type(threading.Lock()))
    assert look(desk).verdict is Verdict.FAIL


@pytest.mark.parametrize("error", [ConnectionError("x"), Exception("unexpected status code 500")], ids=repr)
def test_a_task_hub_that_does_not_answer_is_a_finding(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def latest(*_: Any) -> list[str]:
        return ["snapshot-20261124T031800.000Z"]

    monkeypatch.setattr(doctor, "latest_ids", latest)
    found = asyncio.run(doctor._of_snapshots(Hub(error), desk_at([0.0])))
    assert {finding.check: finding.verdict for finding in found} == {
        "task_hub": Verdict.FAIL,
        "events": Verdict.NOT_LOOKED,
        "pauses": Verdict.NOT_LOOKED,
        "capacity": Verdict.NOT_LOOKED,
    }


def snapshot(woken_by: Any, message: str | None = None) -> Snapshot:
    return Snapshot(
        id="x",
        status="Running",
        created_at=None,
        updated_at=None,
        progress=Progress(message=message),
        report=None,
        woken_by=woken_by,
    )


@pytest.mark.parametrize(
    ("woken", "is_continuous", "verdict"),
    [
        (["sweep"] * 10, True, Verdict.WARN),
        (["sweep"] * 3, True, Verdict.WARN),
        (["sweep", "http", "", "sweep", "sweep"], True, Verdict.WARN),
        (["sweep"] * 9 + ["event"], True, Verdict.OK),
        (["sweep"] * 2 + ["http"] * 8, True, Verdict.NOT_LOOKED),
        ([], True, Verdict.NOT_LOOKED),
        (["sweep"] * 10, False, Verdict.NOT_LOOKED),
    ],
)
def test_an_app_that_no_event_wakes_is_found(
    woken: list[str], verdict: Verdict, *, is_continuous: bool
) -> None:
    found = doctor.judge_events([snapshot(by) for by in woken], is_continuous=is_continuous)
    assert found.verdict is verdict
    assert found.do or verdict is not Verdict.WARN


@pytest.mark.parametrize(
    ("thousands", "verdict"),
    [(None, Verdict.NOT_LOOKED), (100, Verdict.OK), (66, Verdict.WARN), (1, Verdict.WARN)],
)
def test_what_is_enqueued_is_held_against_what_may_be(thousands: int | None, verdict: Verdict) -> None:
    running = [
        msgspec.structs.replace(snapshot("event"), progress=Progress(enqueued_tokens=30_000))
        for _ in range(2)
    ]
    found = doctor.judge_capacity(running, thousands)
    assert found.verdict is verdict
    assert "60,000" in found.found


def test_what_running_snapshots_wait_for_is_told() -> None:
    assert doctor.judge_pauses([snapshot("event")]).verdict is Verdict.OK
    waits = doctor.judge_pauses([snapshot("event"), snapshot("sweep", "The quota is full.")])
    assert (waits.verdict, waits.found) == (Verdict.WARN, "The quota is full.")


@pytest.mark.parametrize(
    ("env", "verdict"),
    [
        ({}, Verdict.OK),
        ({"WEBSITE_INSTANCE_ID": "x"}, Verdict.OK),
        ({"ACCESS": "entra"}, Verdict.FAIL),
        ({"ACCESS": "entra", "WEBSITE_AUTH_ENABLED": "False"}, Verdict.FAIL),
        ({"ACCESS": "entra", "WEBSITE_AUTH_ENABLED": "True"}, Verdict.OK),
        ({"WEBSITE_AUTH_ENABLED": "True"}, Verdict.WARN),
    ],
)
def test_who_may_call_has_to_fit_the_platform(env: dict[str, str], verdict: Verdict) -> None:
    assert access_check(env).verdict is verdict


# Where people put secrets, and what must not be seen of it.
SECRETS = {
    "AZURE_OPENAI_API_KEY": KEY,
    "AZURE_OPENAI_ENDPOINT": KEY,
    "AZURE_OPENAI_SCOPE": f"https://x.invalid/?key={KEY}",
    "AZURE_OPENAI_DEPLOYMENT": f"Endpoint=x;SharedAccessKey={ACCOUNT_KEY}",
    "DATA": f"AccountName=name;AccountKey={ACCOUNT_KEY};EndpointSuffix=core.windows.net",
    "DATA__blobServiceUri": f"https://x.invalid/?sv=1&sig={ACCOUNT_KEY}",
    "AzureWebJobsStorage": f"AccountName=name;AccountKey={ACCOUNT_KEY}",
    "MAX_ATTEMPTS": KEY,
    "PRICES": KEY,
    "STORAGE_KIND": KEY,
    "MY_PASSWORD": "correct horse battery staple",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={KEY};IngestionEndpoint=https://x.invalid",
}
HOLDERS = {
    name: (KEY if KEY in value else ACCOUNT_KEY if ACCOUNT_KEY in value else value)
    for name, value in SECRETS.items()
}


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_shown_wherever_it_was_put_and_whoever_repeats_it(name: str) -> None:
    env = {
        "AZURE_OPENAI_ENDPOINT": "https://x.invalid",
        "DATA": "UseDevelopmentStorage=true",
        name: SECRETS[name],
    }
    found = doctor.examination_of_settings(env, 0.0).findings
    assert not [finding for finding in found if HOLDERS[name] in f"{finding.found}{finding.do}"]
    repeated = Finding(check="x", verdict=Verdict.FAIL, found=f"401 for {SECRETS[name]}", do=SECRETS[name])
    if name in ("MAX_ATTEMPTS", "PRICES", "STORAGE_KIND", "AZURE_OPENAI_ENDPOINT"):
        # With such settings nothing is asked that could repeat them.
        assert any(finding.verdict is Verdict.FAIL for finding in settings_checks(env))
        return
    hidden = without_values(repeated, env)
    assert HOLDERS[name] not in hidden.found + hidden.do


def test_what_is_no_secret_stays() -> None:
    told = well("x", "MAX_TOKENS_PER_FILE: 1000000; https://x.openai.azure.com answers; account name.")
    env = {
        "MAX_TOKENS_PER_FILE": "1000000",
        "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com",
        "AzureWebJobsStorage__blobServiceUri": "https://x.openai.azure.com",
        "DATA": f"AccountName=name;AccountKey={ACCOUNT_KEY}",
    }
    assert without_values(told, env) == told
