"""Checks of the data account, and of the host's own."""

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from adapters.probes import ask
from adapters.services import Services
from adapters.storage.blobs import Container
from adapters.storage.connection import Connection
from adapters.storage.errors import translated
from domain import names
from domain.errors import (
    ConfigurationError,
    ConflictError,
    MissingContainerError,
    NotFoundError,
    PassingError,
    PipelineError,
)
from domain.findings import Finding, failure, not_looked, warning, well
from domain.settings import Settings
from steps.doctor.task_hub import HOST_ACCOUNT, host_account, knows_host_account
from steps.intake.at_rest import files_at_rest

PAGE = "docs/storage.md"
NIGHTS_LATE = 2  # a night may be missed
LOST_EVENTS = "webjobs-blobtrigger-poison"
PROBE = "doctor/nothing"  # a blob that is never there
SKEW_WARNS, SKEW_FAILS = 60.0, 300.0  # seconds; tokens and signatures allow for five minutes


def container_checks(services: Services, *, as_app: bool) -> Iterator[Finding]:
    """Ask whether each container may be written, by a condition that never holds: with rights storage says so, and changes nothing."""
    storage = services.storage
    for role in ("input", "processed", "error", "work"):
        yield _may_write(getattr(storage, role), role, as_app=as_app)


def _may_write(container: Container, role: str, *, as_app: bool) -> Finding:
    check = f"container_{role}"
    try:
        container.write(PROBE, b"", if_etag="0x0")
    except (ConflictError, NotFoundError):
        return well(check, f"{container.name} is there and may be written.")
    except MissingContainerError:
        return failure(
            check, f"There is no container {container.name}.", "Create it, or correct the setting.", PAGE
        )
    except ConfigurationError as error:
        return _no_access(check, error, role, as_app=as_app)
    except PipelineError as error:
        return failure(check, str(error), "Is the account's network open to this place?", PAGE)
    return failure(
        check, f"{container.name} took a write that its condition forbids.", "Is this Azure Storage?"
    )


def _no_access(check: str, error: ConfigurationError, role: str, *, as_app: bool) -> Finding:
    if role == "work" and not as_app:
        return not_looked(
            check, "You may not write there, and need not; whether the app may, only the app can tell."
        )
    make = failure if as_app else warning
    return make(check, str(error), "Storage Blob Data Contributor on the container.", "docs/deploy.md")


def account_checks(services: Services) -> Iterator[Finding]:
    """Look at the account's clock, its kind, and its queue endpoint."""
    url = services.storage.account_url
    try:
        answered, now = ask(url), time.time()
    except PassingError as error:
        yield failure("account", str(error), "Is the name right, and the network open to this place?", PAGE)
        return
    kind = "hierarchical" if services.storage.work.is_hierarchical else "flat"
    yield well("account", f"{urlsplit(url).hostname} answers; it is {kind}.")
    if answered.date:
        yield _skew(answered.date.timestamp() - now)
    yield _queue(services.settings, url)


def _skew(seconds: float) -> Finding:
    told = f"This machine's clock is {abs(seconds):.0f} s {'behind' if seconds > 0 else 'before'} storage's."
    if abs(seconds) < SKEW_WARNS:
        return well("clock", told)
    make = failure if abs(seconds) >= SKEW_FAILS else warning
    return make(
        "clock", told, "Set the clock (ntp): tokens and signed addresses are refused beyond five minutes."
    )


def _queue(settings: Settings, account_url: str) -> Finding:
    url = _queue_url(settings, account_url)
    try:
        status = ask(url).status
    except PassingError as error:
        return failure(
            "queues",
            str(error),
            "The blob trigger keeps its queue there: with private endpoints, make one for queues.",
            PAGE,
        )
    return well("queues", f"{urlsplit(url).netloc} answers ({status}).")


def lost_events_check(services: Services) -> Finding:
    """Count the events that the host could not bring to the app after five tries ("Azure Blob storage trigger", poison blobs, read 2026-11)."""
    check = "lost_events"
    try:
        with translated(LOST_EVENTS), Connection(services.settings).queues() as queues:
            told = queues.get_queue_client(LOST_EVENTS).get_queue_properties()
    except NotFoundError:
        return well(check, f"No event was lost: there is no queue {LOST_EVENTS}.")
    except PipelineError as error:
        return not_looked(check, f"The queue {LOST_EVENTS} cannot be looked at: {error}")
    number = told.approximate_message_count or 0
    if not number:
        return well(check, "No event was lost.")
    return warning(
        check,
        f"About {number:,} events could not be brought to the app; the sweep has taken those files, or will.",
        f"See the host's log for why blob_arrived failed; then clear the queue {LOST_EVENTS}.",
        "docs/deploy.md",
    )


def _queue_url(settings: Settings, account_url: str) -> str:
    if settings.data__queue_service_uri:
        return settings.data__queue_service_uri
    told = re.search(r"QueueEndpoint=([^;]+)", settings.data or "")
    return told[1] if told else account_url.replace(".blob.", ".queue.", 1)


def host_account_check(env: Mapping[str, str]) -> Finding:
    """Make sure that the host's own account has no directories: the task hub does not work on one that has."""
    if not knows_host_account(env):
        return not_looked("host_account", f"{HOST_ACCOUNT} is not known here.")
    try:
        with host_account(env) as storage:
            is_hierarchical = storage.work.is_hierarchical
    except PipelineError as error:
        return not_looked("host_account", str(error))
    if is_hierarchical:
        return failure(
            "host_account",
            "The host's account has a hierarchical namespace, on which its queues and tables fail.",
            f"Give {HOST_ACCOUNT} an account of its own, without one.",
            PAGE,
        )
    return well("host_account", "The host's account is a flat one, as it has to be.")


def reports_check(services: Services) -> Finding:
    """Look for reports that are older than they are kept: what removes them at night does not run."""
    days = services.settings.retention_days
    if not days:
        return well("reports", "Reports are kept for ever, as RETENTION_DAYS says.")
    oldest = datetime.fromtimestamp(services.clock(), UTC) - timedelta(days=days + NIGHTS_LATE)
    try:
        older = services.work.snapshots.before(names.window_snapshot_id(oldest))
    except ConfigurationError as error:
        return not_looked("reports", f"The records cannot be read: {error}")
    late = [snapshot_id for snapshot_id, has_ended in older.items() if has_ended]
    if not late:
        return well("reports", f"No report is older than {days:g} days.")
    return warning(
        "reports",
        f"{len(late):,} reports are older than {days:g} days, the first one of {late[0]}.",
        "They are removed at night (the timer `purge`): see in the host's log why that does not run.",
        "docs/settings.md",
    )


def rest_check(services: Services) -> Finding:
    """Tell of files that wait for somebody."""
    try:
        resting = files_at_rest(services)
    except ConfigurationError as error:
        return not_looked("files", f"The records cannot be read: {error}")
    stuck = [*resting["waiting"], *resting["held"]]
    if not stuck:
        return well("files", "No file waits for somebody.")
    first = stuck[0]
    return warning(
        "files",
        f"{len(stuck)} wait or are held; {first['file']}: {' '.join(str(first['reason']).split())}",
        "`aoai-batch status` lists them.",
    )
