"""Checks that only somebody outside of the app can make: its place, its address, this checkout."""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cli.app_api import AppApi
from cli.faults import CommandError
from cli.places import NOWHERE, Place
from domain.findings import Finding, Verdict, failure, not_looked, warning, well

FIRST_BUNDLE = (4, 30)
PYTHONS = ((3, 11), (3, 14))
SHORTEST_TIMEOUT = timedelta(minutes=30)  # what one call of the app may take


def place_check(place: Place) -> Finding:
    """Say which app is looked at."""
    if place.label == NOWHERE.label:
        return failure(
            "place",
            "No app is known here.",
            "--account and --app, or `aoai-batch use`; `make demo KEEP=1` starts one.",
        )
    known = [
        told
        for told, is_there in (
            ("storage account", place.has_account),
            ("app", place.app_url),
            ("Azure OpenAI resource", place.has_service),
        )
        if is_there
    ]
    return well("place", f"From {place.label}; known: {', '.join(known)}.")


def ask_app(place: Place) -> tuple[Finding, list[Finding]]:
    """Ask the app for its snapshots, and for what it finds itself; of that nothing where it does not answer, or is of an earlier version."""
    api = AppApi(place)
    if not api.is_known:
        return not_looked("app", "The app's address is not known.", "--app NAME"), []
    try:
        told = api.get("snapshots")
    except CommandError as error:
        return failure("app", str(error), "Is it running? Does its log say why not?", "docs/deploy.md"), []
    if told is None:
        why = f"{place.app_url} answers, and has no route api/snapshots."
        return failure("app", why, "Was the code deployed? Do its functions load?"), []
    try:
        answer = api.doctor()
        of_app = [] if answer is None else of_app_findings(answer)
    except CommandError as error:
        return warning("app", f"It answers; its own examination does not: {error}", "Try again."), []
    return _judge_snapshots(told, place), of_app


def _judge_snapshots(told: Any, place: Place) -> Finding:
    failed = [each["id"] for each in told.get("snapshots", []) if each["status"] == "Failed"]
    if failed:
        return warning(
            "app",
            f"It answers; {len(failed)} of the latest snapshots failed: {failed[0]}.",
            "The next sweep takes their files over.",
        )
    return well("app", f"{place.app_url} answers.")


def of_app_findings(told: Any) -> list[Finding]:
    """Read what an app found. Raises CommandError for an answer that is none."""
    try:
        return msgspec.convert(told["findings"], list[Finding])
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise CommandError(f"What the app says of itself cannot be read: {error}") from error


class Seen(NamedTuple):
    """A finding, and who saw it: `app`, or `here`, on this machine with the rights of who is signed in."""

    finding: Finding
    by: str

    @property
    def record(self) -> dict[str, Any]:
        """Give it as a record."""
        return {**msgspec.structs.asdict(self.finding), "seen_by": self.by}


_BADNESS = {Verdict.NOT_LOOKED: 0, Verdict.OK: 1, Verdict.WARN: 2, Verdict.FAIL: 3}


def merged(here: Iterable[Finding], of_app: Iterable[Finding], *, as_app: bool) -> Iterator[Seen]:
    """Put together what is seen here and what the app sees, which knows better; what looks worse from here is told beside it.

    `as_app`: what is looked at here are the app's own settings. Else a failure here is no failure of an app that is well.
    """
    left = {finding.check: finding for finding in of_app}
    for ours in here:
        theirs = left.pop(ours.check, None)
        if theirs is None or (
            theirs.verdict is Verdict.NOT_LOOKED and ours.verdict is not Verdict.NOT_LOOKED
        ):
            yield Seen(ours, "here")
            continue
        yield Seen(theirs, "app")
        if _BADNESS[ours.verdict] > _BADNESS[theirs.verdict]:
            verdict = ours.verdict if as_app else Verdict.WARN
            yield Seen(msgspec.structs.replace(ours, verdict=verdict), "here")
    yield from (Seen(finding, "app") for finding in left.values())


def checkout_checks(folder: Path) -> Iterator[Finding]:
    """Look at the files of the app in a folder; nothing where there is no app."""
    path = folder / "host.json"
    if not path.is_file():
        return
    host = json.loads(path.read_text(encoding="utf-8"))
    yield _bundle(host)
    yield _routes(host)
    yield _timeout(host)
    yield _python()


def _bundle(host: dict[str, Any]) -> Finding:
    told = str(host.get("extensionBundle", {}).get("version", ""))
    found = re.match(r"[\[(](\d+)\.(\d+)", told)
    if found and (int(found[1]), int(found[2])) >= FIRST_BUNDLE:
        return well("host_bundle", f"Extension bundle {told}.")
    return failure(
        "host_bundle",
        f"The extension bundle is {told or 'not named'}.",
        "host.json: [4.30.0, 5.0.0) at least.",
    )


def _routes(host: dict[str, Any]) -> Finding:
    prefix = host.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    if prefix == "":
        return well("host_routes", "Routes are called as the app names them.")
    return warning(
        "host_routes",
        f"Routes begin with /{prefix}/, and then as the app names them: /{prefix}/api/snapshots.",
        'host.json: "routePrefix": "".',
    )


def _timeout(host: dict[str, Any]) -> Finding:
    told = str(host.get("functionTimeout", ""))
    found = re.fullmatch(r"(?:(\d+)\.)?(\d+):(\d+):(\d+)", told)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    lasts = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if told == "-1" or lasts >= SHORTEST_TIMEOUT:
        return well("host_timeout", f"A call may take {told if found else 'as long as it wants'}.")
    return failure(
        "host_timeout",
        f"functionTimeout is {told or 'not set'}: a large file may want half an hour in one call.",
        'host.json: "functionTimeout": "00:30:00".',
    )


def _python() -> Finding:
    version = sys.version_info[:2]
    if PYTHONS[0] <= version <= PYTHONS[1]:
        return well("python", f"Python {version[0]}.{version[1]}.")
    return failure("python", f"Python {version[0]}.{version[1]}.", "3.11 to 3.14.", "docs/local.md")
