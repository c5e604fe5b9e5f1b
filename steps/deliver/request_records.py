"""The outputs of a ready-made batch file: the service's own lines, in the order of the input, and an error for each other line."""

from adapters.storage.blobs import LazyWriter
from adapters.storage.line_writer import LineWriter
from adapters.work.store import WorkStore
from domain import names
from domain.errors import PipelineError
from domain.records import Plan
from domain.results import error_records
from domain.results.error_codes import ErrorCodes
from domain.service.outcomes import Outcome, ShardOutcome, Tally
from domain.service.request_lines import UTF8_BOM, custom_id_of
from formats.ready_made import request_lines
from steps.deliver.collected_outcomes import CollectedOutcomes


class RequestRecords:
    """Joins the lines of the frozen input with their outcomes. Raises PipelineError when a line has none, or another's."""

    def __init__(
        self,
        key: str,
        plan: Plan,
        *,
        store: WorkStore,
        results: LazyWriter,
        errors: LazyWriter,
        retry: LazyWriter,
    ) -> None:
        self._key, self._plan, self._store = key, plan, store
        self._lines, self._errors, self._retry = LineWriter(results), errors, retry
        self._tally = Tally()
        self.error_codes = ErrorCodes()

    def write(self, collected: CollectedOutcomes) -> Tally:
        """Write all records; gives the counts per outcome."""
        if collected.have_errors:
            self._join_with_input(collected)
        else:
            for ended in collected.outcomes():
                self._write_result(ended)
        self._lines.flush()
        return self._tally

    def _write_result(self, ended: ShardOutcome) -> None:
        """Write the service's own line; one that was cut short says so at its end."""
        line = bytes(ended.answer)
        if not ended.flag:
            self._tally.ok += 1
        else:
            self._tally.count(Outcome.OK, flag=ended.flag)
            line = line.rstrip().removesuffix(b"}") + b',"flag":"' + ended.flag.encode() + b'"}'
        self._lines.add(line)

    def _join_with_input(self, collected: CollectedOutcomes) -> None:
        outcomes, invalid = collected.outcomes(), collected.invalid()
        number_of_invalid, record = next(invalid, (0, b""))
        frozen = self._store.blobs.chunks(names.frozen_input(self._key))
        for number, raw in enumerate(request_lines(frozen), 1):
            line = (raw.removeprefix(UTF8_BOM) if number == 1 else raw).rstrip(b"\r")
            if number == number_of_invalid:
                self._errors.write(record + b"\n")
                self._tally.count(Outcome.INVALID)
                self.error_codes.count(error_records.reason_of(record)[0])
                number_of_invalid, record = next(invalid, (0, b""))
            elif line.strip():
                self._write(self._matching(next(outcomes, None), line, number), line, number)

    def _write(self, ended: ShardOutcome, line: bytes, number: int) -> None:
        if ended.outcome is Outcome.OK:
            self._write_result(ended)
            return
        self._tally.count(ended.outcome or Outcome.MISSING)
        self.error_codes.count(ended.code)
        self._errors.write(error_records.of_outcome(self._plan.path, number, line, ended))
        self._retry.write(line + b"\n")

    def _matching(self, ended: ShardOutcome | None, line: bytes, number: int) -> ShardOutcome:
        """Make sure that an outcome is the one of this line."""
        custom_id = custom_id_of(line)
        if ended is None or ended.custom_id != custom_id:
            found = ended.custom_id if ended else "nothing"
            raise PipelineError(
                f"Line {number} is {custom_id!r}, but its outcome is of {found!r}.", code="outcome_mismatch"
            )
        return ended
