"""The files that are not being worked on, each with the reason, for people who ask."""

from typing import Any

from adapters.services import Services
from domain import names
from domain.results.metadata import iso
from steps.intake.standing import sort_out
from steps.intake.survey import look, waiting_files
from steps.intake.waiting_note import described

MOST_PASSED = 100  # files that are no input, in one answer


def files_at_rest(services: Services) -> dict[str, list[dict[str, Any]]]:
    """Describe what waits for a job spec or for storage, what is set aside, and what is done and cannot be removed.

    The shape is documented in `docs/api.md`.
    """
    seen, now = look(services), services.clock()
    found = sort_out(seen.inputs, seen.records, services)
    standing = [{"file": file.path, "code": file.code, "reason": file.reason} for file in found.standing]
    refused = [
        {"file": claimed.claim.path, "code": refusal.code, "reason": refusal.reason}
        for claimed in seen.unfinished
        if (refusal := seen.records.refused(claimed.key, now))
    ]
    unreadable = [
        {"file": names.frozen_input(key), "code": "unreadable_claim", "reason": "The claim cannot be read."}
        for key in seen.records.unreadable
    ]
    tables = [
        {"file": table.folder, "code": "table_log", "reason": f"{table.reason} Files: {table.files}."}
        for table in seen.tables
    ]
    return {
        "waiting": described(waiting_files(found.takeable, seen.specs))
        + standing
        + tables
        + refused
        + unreadable,
        "held": [
            {"key": key, "file": claim.path, "until": iso(claim.held_until), "reason": claim.held_for}
            for key, claim, _, _ in seen.unfinished
            if claim.held_until
        ],
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
    }
