"""The end of a pool: each of its files is archived and removed as any other, with few calls for all of them together."""

from collections.abc import Iterable

from adapters.services import Services
from adapters.threads import in_turn
from domain import names
from domain.contracts import FileWork
from domain.records import Plan
from steps.deliver.archive import Ended, archived, close
from steps.pool.members import CALLS_AT_ONCE, Member, read_members


def archive_pool(work: FileWork, services: Services) -> None:
    """Archive the files, list them, drop their records, in this order: whatever breaks off in between can be done again.

    What stands against one file holds up no other; the pool itself goes when nothing is left of any. Raises that in the end.
    """
    plan = services.work.plans.read(work.key)
    if plan is None:
        return  # an earlier try came to the end
    end_members(work, plan, read_members(work.key, plan, services.work), services)
    services.work.drop_file(work.key)


def end_members(work: FileWork, plan: Plan, members: Iterable[Member], services: Services) -> None:
    """Archive files of a pool, list them and drop their records. Raises what stands against one, when all others are done."""
    claims = services.work.claims

    def end(member: Member) -> Ended | Exception | None:
        try:
            if member.key in plan.delivered:
                found = claims.read(member.key)
                if found is None or found[0].done_at:
                    return None
            return archived(FileWork(snapshot_id=work.snapshot_id, key=member.key), member.plan, services)
        except Exception as error:  # noqa: BLE001 - told when all others are done
            return error

    every = list(members)
    ends = [came for _, came in in_turn(end, every, threads=CALLS_AT_ONCE, ahead=len(every))]
    # Of what is gone an earlier try came to the end.
    if done := [came for came in ends if isinstance(came, Ended)]:
        close([end._replace(records=_records_besides(end)) for end in done], services)
    if error := next((came for came in ends if isinstance(came, Exception)), None):
        raise error


def _records_besides(end: Ended) -> list[str]:
    """Name the records that a file of a pool has besides its claim."""
    return [names.invalid_lines(end.work.key)] if end.plan.invalid else []
