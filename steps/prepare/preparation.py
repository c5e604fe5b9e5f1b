"""Turn an input file into shards: stream through it once, check every line before anything is sent."""

from collections.abc import Callable, Mapping

from adapters.services import Services
from adapters.storage.blobs import COPY_WAIT_SECONDS
from adapters.work.claims import FrozenInput
from adapters.work.store import WorkStore
from domain import names
from domain.basis import basis_of
from domain.contracts import FileWork, PreparedFile
from domain.errors import InputFileError, JobSpecError, NotFoundError
from domain.flow.state import HELD
from domain.records import Ledger, Plan
from domain.settings import Settings
from domain.shards import ended_requests, open_shards
from domain.side_files import is_a_part
from domain.spec.job_spec import JobSpec, default_spec
from formats.allowance import Allowance
from formats.file_types import SUFFIXES, Format, file_type
from formats.ready_made import LinesHold, beginning, look_at_lines, refuse_what_is_no_request
from formats.text.gunzip import GZIP_MAGIC
from steps.containment import HARMLESS_BYTES, Contained
from steps.job_specs import read_spec
from steps.prepare.day_budget import beyond_day
from steps.prepare.old_plan import OldPlan
from steps.prepare.patience import memory_bound, patience
from steps.prepare.ready_made import RequestPreparation
from steps.prepare.settling import settle
from steps.prepare.table import TablePreparation
from steps.service_files import delete_leftovers

_LINES = frozenset({Format.JSON, Format.JSONL})  # formats whose lines may be batch requests
_NO_ROWS = frozenset({"empty_file", "no_rows"})
_TEXTS = frozenset(Format) - {Format.PARQUET, Format.ARROW}


def prepare(work: FileWork, services: Services) -> PreparedFile:
    """Make a file's plan, or find the one made before a crash and say what is left of it."""
    prepared = _prepare(work, services)
    if not work.fresh and not prepared.gone:
        delete_leftovers(work.key, services)
    return prepared


def _prepare(work: FileWork, services: Services) -> PreparedFile:
    store = services.work
    # A fresh file's plan cannot have been acted upon before this answer: making it again is as good as looking for it.
    # Looked for before the claim: a plan that is missing although the claim is there was never made. The other way
    # round, a file that another snapshot finished between the two looks would be begun again, and paid again.
    plan = None if work.fresh else store.plans.read(work.key)
    frozen = store.claims.open_input(work.key)
    if frozen is None or frozen.claim.snapshot_id != work.snapshot_id:
        return PreparedFile(gone=True)  # finished, or taken over by another snapshot
    number = 0
    if plan is not None:
        old = OldPlan(work, plan, services)
        if old.is_withdrawn(frozen):
            store.drop_file(work.key)  # what lies in its place, if anything does, is a file of its own
            return PreparedFile(gone=True)
        if not old.is_outdated():
            return _go_on(work, plan, store.ledgers.of_shards(work.key, plan.shards), services)
        number = old.take_back()
    if unready := _unready(work, frozen, services):
        return unready
    if _is_harmless(work, frozen):
        return _planned(work, frozen, services, number, at_once=True)
    contained = Contained("prepare_file", work.key, services, words="it was prepared")
    beside_others = services.own_process is not None
    return contained.run(
        work,
        PreparedFile,
        lambda: _planned(work, frozen, services, number, beside_others=beside_others),
        is_done=lambda prepared: prepared.held is None and not prepared.gone,
    )


def _is_harmless(work: FileWork, frozen: FrozenInput) -> bool:
    """Tell whether a file is too small and too simple to do harm: text that is not packed, without templates of its own."""
    known = file_type(frozen.claim.path)
    is_text = known is None or known.format in _TEXTS
    if not is_text or work.spec is not None or frozen.size > HARMLESS_BYTES:
        return False
    # By its content, whatever it is called.
    return not frozen.first_piece().startswith(GZIP_MAGIC)


def _planned(
    work: FileWork,
    frozen: FrozenInput,
    services: Services,
    number: int,
    *,
    beside_others: bool = False,
    at_once: bool = False,
) -> PreparedFile:
    """Make a plan; `at_once`: of a file that takes no time, so that the claim which was read for it counts still."""
    store, settings = services.work, services.settings
    allow = patience(settings.bounds, beside_others=beside_others)
    try:
        plan = _make_plan(work, frozen, services, number, allow)
    except JobSpecError as error:
        return PreparedFile(held=str(error))
    except NotFoundError:
        store.drop_file(work.key)  # its job spec has changed since the snapshot was taken: it is taken anew
        return PreparedFile(gone=True)
    plan.basis = basis_of(work.spec, settings.spec_defaults)
    store.plans.write(work.key, plan)
    if at_once and work.fresh and _is_its_own_shard(work.key, plan):
        # What is sent is read from the claim's own blob, which is gone where another snapshot has finished the file.
        _keep(work, plan, frozen, store)
    elif not _is_still_ours(work, store):
        return PreparedFile(gone=True)
    return _go_on(work, plan, {}, services)


def _is_its_own_shard(key: str, plan: Plan) -> bool:
    return [shard.blob for shard in plan.shards] == [names.frozen_input(key)]


def _keep(work: FileWork, plan: Plan, frozen: FrozenInput, store: WorkStore) -> None:
    """Keep what the steps to come want to know of a small file that is its own shard."""
    if len(content := frozen.first_piece()) == frozen.size:
        store.plans.keep(work.key, plan, work.snapshot_id)
        store.blobs.keep(names.frozen_input(work.key), content)


def _unready(work: FileWork, frozen: FrozenInput, services: Services) -> PreparedFile | None:
    """Wait for a copy that is being made, or for content that is being written; None for a file that is complete."""
    if frozen.copy_status == "pending":
        return PreparedFile(wait_seconds=COPY_WAIT_SECONDS)
    if frozen.copy_status != "success":
        # The file itself is untouched in the input container: the next sweep takes it.
        services.work.drop_file(work.key)
        return PreparedFile(gone=True)
    return settle(work, frozen, services)


def _is_still_ours(work: FileWork, store: WorkStore) -> bool:
    """Tell whether the plan may be acted upon: another snapshot may have taken the file over meanwhile, and finished it."""
    found = store.claims.read(work.key)
    if found is None:
        store.drop_file(work.key)  # what was written just now is about a file that is finished
    return found is not None and found[0].snapshot_id == work.snapshot_id


def _go_on(work: FileWork, plan: Plan, ledgers: Mapping[str, Ledger], services: Services) -> PreparedFile:
    """Say what is left to do of a plan. What was begun is brought to its end, whatever the budget is by now."""
    if plan.rejected:
        return PreparedFile(requests=plan.requests, ended=plan.requests)
    settings = services.settings
    cost = 0.0 if ledgers else plan.estimate.cost(settings.price_list, plan.model) or 0.0
    if work.waits and not ledgers:
        return PreparedFile(held=HELD)
    is_let_through = bool(ledgers) or work.unwanted or work.approved
    if not is_let_through and (reason := beyond_budget(plan, settings)):
        return PreparedFile(held=reason)
    if cost and not work.unwanted and (reason := beyond_day(work, cost, services)):
        return PreparedFile(held=reason)
    return PreparedFile(
        requests=plan.requests,
        ended=ended_requests(plan, ledgers),
        shards=open_shards(plan, ledgers),
        cost=cost,
    )


def _make_plan(
    work: FileWork, frozen: FrozenInput, services: Services, number: int, allow: Callable[[], Allowance]
) -> Plan:
    """Make a plan of a file, whatever it holds. Raises JobSpecError, NotFoundError for the spec of a table."""
    settings = services.settings

    def read_governing() -> JobSpec | None:
        if work.spec is None:
            return None
        return read_spec(services.storage.input, work.spec, settings.spec_defaults)

    return make_plan(
        work.key,
        frozen,
        read_governing,
        spec_path=work.spec.path if work.spec else None,
        store=services.work,
        settings=settings,
        number=number,
        allow=allow,
    )


def make_plan(
    key: str,
    frozen: FrozenInput,
    read_governing: Callable[[], JobSpec | None],
    *,
    spec_path: str | None,
    store: WorkStore,
    settings: Settings,
    number: int = 0,
    allow: Callable[[], Allowance],
) -> Plan:
    """Make a plan of a file, with the job spec that governs it (`spec_path`), which is read where it matters.

    Raises what reading the job spec raises.
    """
    preparation: RequestPreparation | TablePreparation
    preparation = RequestPreparation(
        key, frozen, store=store, settings=settings, plan_number=number, allow=allow
    )
    try:
        if spec := _spec_of(frozen, read_governing, settings):
            source = store.blobs.source(names.frozen_input(key), frozen.size, frozen.chunks())
            preparation = TablePreparation(
                key,
                frozen,
                source,
                spec,
                folder=spec_path and spec_path[: spec_path.rfind("/") + 1],
                store=store,
                settings=settings,
                plan_number=number,
                allow=allow,
            )
        with memory_bound(settings.bounds):
            return preparation.plan()
    except InputFileError as error:
        if error.code in _NO_ROWS and is_a_part(frozen.claim.path):
            return preparation.empty()
        # Not the error itself: it holds on to this frame, and with it the download, until some other thread collects both.
        code, reason = error.code, str(error)
    try:
        return preparation.refuse(code, reason)
    except InputFileError as error:
        # Its rows were read once more for their records, and now it took too long.
        return preparation.refuse(error.code, str(error))


def _spec_of(
    frozen: FrozenInput, read_governing: Callable[[], JobSpec | None], settings: Settings
) -> JobSpec | None:
    """Give the spec that turns a table into requests; None for a file that holds requests already.

    A job spec with templates says that files are tables, whatever their rows look like. Raises InputFileError for a file
    that holds neither rows nor requests.
    """
    if frozen.size == 0:
        raise InputFileError("The file is empty.", code="empty_file")
    known = file_type(frozen.claim.path)
    spec = read_governing() if known is not None else None
    if spec is not None and spec.has_templates:
        return spec
    found = LinesHold.ROWS
    if known is None or known.format in _LINES:
        first = beginning(frozen.first_piece())
        found = look_at_lines(first)
    if found is LinesHold.REQUESTS:
        refuse_what_is_no_request(first)
        return None
    if known is None:
        read = ", ".join(SUFFIXES)
        message = f"The file is none of the types that are read ({read}) and does not hold batch requests."
        raise InputFileError(message, code="unsupported_type")
    if spec is None and known.format is Format.JSONL and found is LinesHold.NEITHER:
        refuse_what_is_no_request(first)
        return None  # its lines are told one by one what is wrong with them
    return spec or default_spec(settings.spec_defaults)


def beyond_budget(plan: Plan, settings: Settings) -> str | None:
    """Say why a file must not be sent under these settings, None when it may."""
    limit, estimated = settings.max_tokens_per_file, plan.estimate.input_tokens
    if limit is None or estimated <= limit:
        return None
    return f"The file has about {estimated:,} input tokens, more than MAX_TOKENS_PER_FILE ({limit:,}). Nothing was sent."
