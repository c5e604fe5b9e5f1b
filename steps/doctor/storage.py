"""Checks of the data account, and of the host's own."""

import re
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from adapters.probes import ask
from adapters.services import Services
from adapters.storage.account import open_storage
from adapters.storage.blobs import Container
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
from steps.intake.at_rest import files_at_rest

PAGE = "docs/storage.md"
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


def _queue_url(settings: Settings, account_url: str) -> str:
    if settings.data__queue_service_uri:
        return settings.data__queue_service_uri
    told = re.search(r"QueueEndpoint=([^;]+)", settings.data or "")
    return told[1] if told else account_url.replace(".blob.", ".queue.", 1)


def host_account_check(env: Mapping[str, str]) -> Finding:
    """Make sure that the host's own account has no directories: the task hub does not work on one that has."""
    name = "AzureWebJobsStorage"
    given = {"DATA": env.get(name, ""), "DATA__blobServiceUri": env.get(f"{name}__blobServiceUri", "")}
    if not any(given.values()):
        return not_looked("host_account", f"{name} is not known here.")
    settings = Settings.from_env({"AZURE_OPENAI_ENDPOINT": "https://not-asked.invalid", **given})
    storage = open_storage(settings)
    try:
        is_hierarchical = storage.work.is_hierarchical
    except PipelineError as error:
        return not_looked("host_account", str(error))
    finally:
        storage.close()
    if is_hierarchical:
        return failure(
            "host_account",
            "The host's account has a hierarchical namespace, on which its queues and tables fail.",
            f"Give {name} an account of its own, without one.",
            PAGE,
        )
    return well("host_account", "The host's account is a flat one, as it has to be.")


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
