"""The files that are not being worked on, each with the reason, and what people have asked for, for people who ask."""

from collections.abc import Iterator
from typing import Any

from adapters.services import Services
from domain import names
from domain.flow.state import HELD
from domain.records import InputFile
from domain.results.metadata import iso
from domain.wishes import Wish, WishKind
from steps.intake.standing import StandingFile, sort_out
from steps.intake.survey import Look, look, waiting_files
from steps.intake.waiting_note import described

MOST_PASSED = 100  # files that are no input, in one answer

Described = dict[str, Any]


def files_at_rest(services: Services) -> Described:
    """Describe what waits for a job spec or for storage, what is set aside, and what is done and cannot be removed.

    The shape is documented in `docs/api.md`.
    """
    seen, now = look(services), services.clock()
    found = sort_out(seen.inputs, seen.records, services)
    unreadable = [
        {
            "key": key,
            "file": names.frozen_input(key),
            "code": "unreadable_claim",
            "reason": "The claim cannot be read.",
        }
        for key in seen.records.unreadable
    ]
    tables = [
        {"file": table.folder, "code": "table_log", "reason": f"{table.reason} Files: {table.files}."}
        for table in seen.tables
    ]
    return {
        "waiting": [
            *described(waiting_files(found.takeable, seen.specs)),
            *map(_standing, found.standing),
            *tables,
            *_refused(seen, now),
            *unreadable,
        ],
        "held": [*_set_aside(seen), *_asked_to_wait(found.takeable, seen)],
        "done": [
            {
                "file": claim.path,
                "since": iso(claim.done_at),
                "code": claim.done_code,
                "reason": claim.held_for,
            }
            for _, claim, _, _ in seen.done
        ],
        "passed_over": [
            {"file": file.path, "code": file.code, "reason": file.reason} for file in seen.passed if file.told
        ][:MOST_PASSED],
        "asked": _asked(seen),
        "intake": "paused" if seen.wished.intake_paused else "on",
    }


def _standing(file: StandingFile) -> Described:
    key = names.file_key(file.path, file.etag)
    return {"key": key, "file": file.path, "code": file.code, "reason": file.reason}


def _refused(seen: Look, now: float) -> Iterator[Described]:
    for key, claim, _, _ in seen.unfinished:
        if refusal := seen.records.refused(key, now):
            yield {"key": key, "file": claim.path, "code": refusal.code, "reason": refusal.reason}


def _set_aside(seen: Look) -> Iterator[Described]:
    """Describe the files that are held, alone or with their pool; one that people want to wait has no end."""
    for key, claim, _, _ in seen.unfinished:
        held = seen.pools.get(claim.pool, claim)
        if held.held_until:
            until = None if key in seen.wished.held else iso(held.held_until)
            yield {"key": key, "file": claim.path, "until": until, "reason": held.held_for}


def _asked_to_wait(files: list[InputFile], seen: Look) -> Iterator[Described]:
    for file in files:
        key = names.file_key(file.path, file.etag)
        if key in seen.wished.held:
            yield {"key": key, "file": file.path, "until": None, "reason": HELD}


def _asked(seen: Look) -> list[Described]:
    """Describe what people have asked for and is not over; the last one first."""
    paths = {found.key: found.claim.path for found in seen.unfinished}
    if seen.wished.wishes:
        paths |= {names.file_key(file.path, file.etag): file.path for file in seen.inputs}
    latest = sorted(seen.wished.wishes, key=lambda wish: -wish.at)
    return [described_wish(wish, paths.get(wish.subject)) for wish in latest]


def described_wish(wish: Wish, path: str | None) -> Described:
    """Describe a wish; `path`: of the file that it is about, where it is about one."""
    if wish.folder:
        about = {"folder": wish.folder}
    elif names.is_file_key(wish.subject):
        about = {"key": wish.subject} | ({"file": path} if path else {})
    else:
        about = {"id": wish.subject}
    priority = {"priority": wish.priority} if wish.kind is WishKind.PRIORITY else {}
    return about | {"asked": wish.kind.value, "since": iso(wish.at), "by": wish.by or None} | priority
