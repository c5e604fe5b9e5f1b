"""The doctor's checks as the app makes them, for people who look: once a minute for each host, however many ask."""

from collections.abc import Mapping
from dataclasses import replace

from adapters.services import Services
from adapters.storage.account import open_storage
from adapters.threads import in_thread
from domain.api.answers import DoctorsWord, Examination, Snapshot
from domain.api.problems import ProblemError
from domain.errors import PipelineError
from domain.findings import Finding, Verdict, failure, not_looked, warning, well, worst, worst_first
from domain.results.metadata import iso
from steps.doctor.examination import examine, examine_settings
from steps.doctor.secrets import without_values
from steps.doctor.settings import access_check
from steps.look.desk import Desk
from steps.look.hub import TaskHub
from steps.look.snapshots import all_described, is_running, latest_ids

COUNTS_SECONDS = 60.0
RETRY_SECONDS = 5.0
LOOKED_AT_SNAPSHOTS = 10
NEARLY_FULL = 0.9
_OF_RUNNING = ("events", "pauses", "capacity")
# A sweep may well come first now and then.
FEWEST_FOR_A_WORD = 3


async def examination(hub: TaskHub, desk: Desk, env: Mapping[str, str]) -> Examination:
    """Give what the checks find, at most a minute old. Raises ProblemError while the first examination is being made."""
    last = desk.examination
    if last is not None and 0 <= desk.services.clock() - desk.examined_at < COUNTS_SECONDS:
        return last
    if not desk.examining.acquire(blocking=False):
        if last is None:
            raise ProblemError(503, "being_looked_at", "Being looked at.", retry_after=RETRY_SECONDS)
        return last
    try:
        found = [*await in_thread(_examine, desk.services, env), *await _of_snapshots(hub, desk)]
        at = desk.services.clock()
        desk.examination, desk.examined_at = _summed(found, at, env), at
        return desk.examination
    finally:
        desk.examining.release()


def examination_of_settings(env: Mapping[str, str], at: float) -> Examination:
    """Give what the checks find where the settings are wrong, so that nothing can be asked for."""
    return _summed(list(examine_settings(env)), at, env)


def last_word(desk: Desk) -> DoctorsWord | None:
    """Give what the last examination came to; nothing is asked for it."""
    last = desk.examination
    if last is None:
        return None
    verdicts = [finding.verdict for finding in last.findings]
    return DoctorsWord(
        verdict=last.verdict,
        looked_at=last.looked_at,
        failures=verdicts.count(Verdict.FAIL),
        warnings=verdicts.count(Verdict.WARN),
    )


def _summed(found: list[Finding], at: float, env: Mapping[str, str]) -> Examination:
    told = [without_values(finding, env) for finding in found]
    return Examination(verdict=worst(told), looked_at=iso(at), findings=worst_first(told))


def _examine(services: Services, env: Mapping[str, str]) -> list[Finding]:
    """Make the checks that need no task hub; with containers that are missing left missing, in the emulator too."""
    own = replace(
        services,
        open_storage=lambda: open_storage(services.settings),
        open_batch_api=lambda: services.batch_api,
    )
    try:
        return [*examine(own, env), access_check(env)]
    finally:
        if "storage" in vars(own):
            own.storage.close()


async def _of_snapshots(hub: TaskHub, desk: Desk) -> list[Finding]:
    try:
        ids = await latest_ids(desk, LOOKED_AT_SNAPSHOTS)
    except PipelineError as error:
        why = f"The snapshots cannot be listed: {error}"
        return [not_looked(check, why) for check in ("task_hub", *_OF_RUNNING)]
    try:
        # Also without a snapshot: an id that no instance has.
        await hub.get_status(ids[0] if ids else "doctor")
        latest = [found for found in await all_described(ids, hub, desk) if found]
    except Exception as error:  # noqa: BLE001 - the SDK raises bare exceptions for answers that it does not expect
        return [
            failure(
                "task_hub",
                f"The task hub does not answer ({type(error).__name__}).",
                "The account of AzureWebJobsStorage: is it there, do its blob, queue and table endpoints answer, has the identity its roles?",
                "docs/deploy.md",
            ),
            *(not_looked(check, "The task hub does not answer.") for check in _OF_RUNNING),
        ]
    running = [snapshot for snapshot in latest if is_running(snapshot)]
    return [
        well("task_hub", f"It answers; {len(running)} of the latest {len(latest)} snapshots are running."),
        judge_events(latest, is_continuous=desk.services.settings.continuous_mode),
        judge_pauses(running),
        judge_capacity(running, desk.services.settings.batch_capacity),
    ]


def judge_events(latest: list[Snapshot], *, is_continuous: bool) -> Finding:
    """Judge by what started the latest snapshots whether events reach the app; without them each file waits for the sweep."""
    if not is_continuous:
        return not_looked("events", "CONTINUOUS_MODE is off: neither events nor the sweep start anything.")
    woken = [snapshot.woken_by for snapshot in latest if snapshot.woken_by in ("event", "sweep")]
    by_event = woken.count("event")
    if by_event:
        return well("events", f"{by_event} of the latest {len(woken)} snapshots were started by an event.")
    if len(woken) < FEWEST_FOR_A_WORD:
        return not_looked("events", "Too few snapshots yet to tell whether events reach the app.")
    return warning(
        "events",
        f"All of the latest {len(woken)} snapshots were started by the sweep: no event reaches the app.",
        "Flex Consumption needs the subscription of infra/events.bicep; sign-in has to leave /runtime/webhooks/* open.",
        "docs/deploy.md",
    )


def judge_pauses(running: list[Snapshot]) -> Finding:
    """Judge whether what runs waits for something: a quota, a setting, a place."""
    waits = [snapshot.progress.message for snapshot in running if snapshot.progress]
    told = [" ".join(message.split()) for message in waits if message]
    if not told:
        return well("pauses", "No running snapshot waits for a quota or a setting.")
    return warning("pauses", " ".join(told), "A full quota ends by itself; settings have to be corrected.")


def judge_capacity(running: list[Snapshot], thousands: int | None) -> Finding:
    """Judge the tokens that running batches have enqueued, as the app estimates them, by what the deployment may have."""
    enqueued = sum(snapshot.progress.enqueued_tokens for snapshot in running if snapshot.progress)
    told = f"About {enqueued:,} tokens are enqueued in batches of the running snapshots"
    if thousands is None:
        return not_looked("capacity", f"{told}; how many may be, BATCH_CAPACITY does not say.")
    told = f"{told}, of {1000 * thousands:,} that the deployment may have."
    if enqueued < NEARLY_FULL * 1000 * thousands:
        return well("capacity", told)
    return warning(
        "capacity",
        told,
        "Further batches wait for room; a larger quota lets more run at once.",
        "docs/deploy.md",
    )
