"""All checks that the app itself can make, and anybody with its settings and rights."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from adapters.services import Services
from domain.errors import PipelineError
from domain.findings import Finding, Verdict, failure, not_looked
from steps.doctor.service import service_checks
from steps.doctor.settings import settings_checks
from steps.doctor.storage import (
    account_checks,
    container_checks,
    host_account_check,
    lost_events_check,
    reports_check,
    rest_check,
)
from steps.doctor.task_hub import hub_checks


def examine(
    services: Services,
    env: Mapping[str, str] | None,
    *,
    as_app: bool = True,
    has_account: bool = True,
    has_service: bool = True,
    write: bool = False,
) -> Iterator[Finding]:
    """Make all checks, one after the other; what one of them stumbles over is a finding.

    `env`: the app's settings; None where they are not known. `as_app`: with the app's own rights. `has_account`, `has_service`: whether these are known. `write`: also upload a line to the
    service, and delete it. Who shows what is found takes the secrets out of it (`without_values`).
    """
    if env is None:
        yield not_looked("settings", "The app's settings are not known here.")
    else:
        yield from _made("settings", lambda: settings_checks(env))
        yield from _made("host_account", lambda: [host_account_check(env)])
        yield from _made("hub_owner", lambda: hub_checks(env))
    if has_account:
        yield from _storage(services, as_app=as_app)
    else:
        yield not_looked("account", "The data account is not known here.")
    if not has_service:
        yield not_looked("endpoint", "The Azure OpenAI resource is not known here.")
        return
    yield from _made("endpoint", lambda: service_checks(services, write=write))


def examine_settings(env: Mapping[str, str]) -> Iterator[Finding]:
    """Make the checks that are left where the settings are wrong: with those alone."""
    yield from _made("settings", lambda: settings_checks(env))
    for check in ("account", "endpoint"):
        yield not_looked(check, "The settings are wrong.")


def _storage(services: Services, *, as_app: bool) -> Iterator[Finding]:
    """Look at the account first: where nothing answers, every other check would wait for the SDK's patience to end."""
    found = list(_made("account", lambda: account_checks(services)))
    yield from found
    if found[0].verdict is Verdict.FAIL:
        yield not_looked("containers", "The account does not answer.")
        return
    yield from _made("containers", lambda: container_checks(services, as_app=as_app))
    yield from _made("lost_events", lambda: [lost_events_check(services)])
    yield from _made("reports", lambda: [reports_check(services)])
    yield from _made("files", lambda: [rest_check(services)])


def _made(check: str, make: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from make()
    except PipelineError as error:
        yield failure(check, str(error), "See the message.")
