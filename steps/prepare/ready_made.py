"""Turn a ready-made batch file into shards: stream through it once, check every line before anything is sent."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import msgspec

from adapters.work.claims import FrozenInput
from adapters.work.store import WorkStore
from domain import names
from domain.errors import InputFileError
from domain.estimates import Estimate, TokenMeter
from domain.records import Plan, PlannedShard
from domain.results import error_records
from domain.results.error_records import BadRecords
from domain.service.endpoints import BY_URL, engine_of
from domain.service.request_lines import BadLine, Request, RequestChecker
from domain.settings import Settings
from domain.shards import most_bytes, shard_limits
from formats.allowance import Allowance
from formats.ready_made import is_packed, lists_of_request_lines
from steps.shard_writer import InputShards, shards_of_input

SAMPLE_LINES = 1000

# Refusals that come from the lines: each gets its record.
_LINE_CODES = frozenset({"no_requests", "file_rejected"})


class RequestPreparation:
    """One pass, or two, through one ready-made batch file.

    A file within the service's limits is checked first: where nothing in it needs changing, the frozen input itself is
    the shard. Otherwise its good lines go into shards of their own, in a second pass; a file above the limits, a packed
    one, and one whose blob says how it is encoded, go there at once.
    """

    def __init__(
        self,
        key: str,
        frozen: FrozenInput,
        *,
        store: WorkStore,
        settings: Settings,
        plan_number: int = 0,
        allow: Callable[[], Allowance] = Allowance,
    ) -> None:
        self._key, self._path, self._size = key, frozen.claim.path, frozen.size
        self._store, self._settings, self._allow = store, settings, allow
        self._as_it_is = not frozen.content_encoding and not is_packed(frozen.first_piece())
        self._cause = ""  # what is wrong with the first line that is no request
        self._opened: Iterator[bytes] | None = frozen.chunks()
        claim = frozen.claim
        self._empty_plan = Plan(
            path=claim.path,
            etag=claim.etag,
            timestamp=claim.timestamp,
            size=frozen.size,
            number=plan_number,
            origin=claim.origin,
        )

    def _lines(self, allowance: Allowance) -> Iterator[list[bytes]]:
        """Stream the lines of the file, some together; the first time from the download that is open already."""
        opened, self._opened = self._opened, None
        chunks = self._store.blobs.chunks(names.frozen_input(self._key)) if opened is None else opened
        number = 0
        for lines in lists_of_request_lines(chunks, allowance):
            yield lines
            number += len(lines)
            allowance.check_rows(number)
            allowance.check_time()

    def plan(self) -> Plan:
        """Check the file and say what its shards are. Raises InputFileError when the whole file is refused."""
        settings = self._settings
        plan = self._check() if self._as_it_is and self._size <= most_bytes(settings) else None
        if plan is None:
            plan = self._write_shards()
        if plan.invalid == plan.requests:
            message = (
                f"No line of the file is a batch request. {self._cause}"
                if plan.requests
                else "The file holds no request."
            )
            raise InputFileError(message, code="no_requests")
        if plan.invalid and settings.on_invalid_line == "reject":
            message = f"{plan.invalid} of {plan.requests} lines are invalid, and ON_INVALID_LINE is `reject`."
            raise InputFileError(message, code="file_rejected")
        return plan

    def _limits(self, plan: Plan, checker: RequestChecker) -> tuple[int, int]:
        """Give the most requests and bytes of a shard of this file."""
        return shard_limits(plan.engine, self._settings, checker.output_tokens)

    def _say_how(self, plan: Plan, checker: RequestChecker) -> None:
        """Write into the plan what its requests ask for, and how they are sent."""
        settings = self._settings
        plan.model, plan.url, plan.output_tokens = checker.model, checker.url, checker.output_tokens
        plan.engine = engine_of(settings.engine, checker.url)
        if plan.engine == "batch" and settings.on_deadline == "direct":
            plan.direct_deployment = settings.direct_deployment

    def empty(self) -> Plan:
        """Give the plan of a file without anything in it."""
        return msgspec.structs.replace(self._empty_plan)

    def refuse(self, code: str, message: str) -> Plan:
        """Write an error record for every line of a refused file; gives the plan that says so."""
        plan = msgspec.structs.replace(self._empty_plan, rejected=message, rejected_code=code)
        with self._store.blobs.writer(names.invalid_lines(self._key)) as records:
            bad = BadRecords(self._path, self._size, records.write)
            for found in self._checked() if code in _LINE_CODES else ():
                bad.add_line(_rejected_with_file(found, message))
                plan.requests += 1
            if not plan.requests:
                records.write(error_records.of_file(self._path, code, message))
        plan.invalid = plan.requests
        return plan

    def _checked(self) -> Iterator[Request | BadLine]:
        """Check every line by itself."""
        checker = self._checker()
        found = (checker.check(line) for line in chain.from_iterable(self._lines(self._allow())))
        return filter(None, found)

    def _check(self) -> Plan | None:
        """Check a file that may be its own shard; None as soon as it turns out that it cannot be."""
        checker, allowance = self._checker(), self._allow()
        plan = msgspec.structs.replace(self._empty_plan)
        meter: TokenMeter | None = None
        bytes_so_far, is_sampled = 0, False
        for lines in self._lines(allowance):
            texts = checker.accept(lines)
            if texts is None and not all(map(_is_as_it_is, map(checker.check, lines))):
                return None
            plan.requests += len(lines)
            bytes_so_far += sum(map(len, lines)) + len(lines)
            meter = meter or self._meter(checker)
            meter.add_all(lines, texts)
            if plan.requests >= SAMPLE_LINES and not is_sampled:
                is_sampled = True
                if self._too_many(plan.requests, bytes_so_far):
                    return None  # it would take a second pass anyway: go there at once
        plan.estimate = meter.estimate if meter else Estimate()
        self._say_how(plan, checker)
        max_requests, max_bytes = self._limits(plan, checker)
        if plan.requests > max_requests or self._size > max_bytes:
            return None
        blob = names.frozen_input(self._key)
        shard = names.first_shard(0, plan.number)
        plan.shards = [PlannedShard(shard=shard, blob=blob, requests=plan.requests, size=self._size)]
        return plan

    def _too_many(self, lines: int, bytes_so_far: int) -> bool:
        """Foretell from the first lines that the file has more requests than fit into one shard."""
        return self._size / bytes_so_far * lines > 1.2 * self._settings.max_requests_per_shard

    def _write_shards(self) -> Plan:
        checker, settings = self._checker(), self._settings
        plan = msgspec.structs.replace(self._empty_plan)
        shards = shards_of_input(
            self._key,
            self._store,
            settings,
            size=self._size,
            as_it_is=self._as_it_is,
            plan_number=plan.number,
        )
        meter: TokenMeter | None = None
        records = self._store.blobs.lazy_writer(names.invalid_lines(self._key))
        bad = BadRecords(self._path, self._size, records.write)
        for lines in self._lines(self._allow()):
            good, texts = lines, checker.accept(lines)
            if texts is not None:
                plan.requests += len(lines)
                shards.add_all(lines)
            else:
                good = list(self._sort_out(lines, checker, shards, plan, bad))
            if good:
                meter = meter or self._meter(checker)
                meter.add_all(good, texts)
        records.close()
        plan.shards, plan.estimate = shards.close(), meter.estimate if meter else Estimate()
        return plan

    def _sort_out(
        self,
        lines: Iterable[bytes],
        checker: RequestChecker,
        shards: InputShards,
        plan: Plan,
        bad: BadRecords,
    ) -> Iterator[bytes]:
        """Count lines of every kind, write records of the bad ones, and add the others to the shards; gives those as they are sent."""
        for line in lines:
            found = checker.check(line)
            plan.requests += found is not None
            if isinstance(found, Request):
                if plan.url is None:  # the first good line decides how all of them are sent
                    self._say_how(plan, checker)
                    shards.max_requests, shards.max_bytes = self._limits(plan, checker)
                if found.changed:
                    shards.add_changed(found.line, line)
                else:
                    shards.add(found.line)
                yield found.line
                continue
            if found is not None:
                plan.invalid += 1
                self._cause = self._cause or f"Line {found.number}: {found.message}"
                bad.add_line(found)
            if len(line) > self._settings.bounds.value_bytes:
                shards.lose_place()  # it was cut off
            else:
                shards.pass_over(line)

    def _checker(self) -> RequestChecker:
        settings = self._settings
        return RequestChecker(settings.azure_openai_deployment, settings.bounds.value_bytes)

    def _meter(self, checker: RequestChecker) -> TokenMeter:
        """Count as the endpoint's models do, which the first good line has named."""
        assert checker.url is not None
        return TokenMeter(BY_URL[checker.url], counts=self._settings.count_tokens)


def _is_as_it_is(found: Request | BadLine | None) -> bool:
    """Tell a line that is sent as it stands in the file."""
    return isinstance(found, Request) and not found.changed


def _rejected_with_file(found: Request | BadLine, message: str) -> BadLine:
    """Give a bad line as it is, and a good one as one that shares its file's fate."""
    if isinstance(found, BadLine):
        return found
    return BadLine(
        found.number, "file_rejected", f"The whole file was rejected: {message}", found.line, found.custom_id
    )
