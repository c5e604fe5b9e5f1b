"""How each request of a shard ended, in their order: counted, written down, and put into a child where it is tried again."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from adapters.services import Services
from adapters.storage.line_writer import LineWriter
from adapters.threads import pool
from domain import names
from domain.contracts import EndedBatch
from domain.direct.sending import LOST_ANSWER, NOT_SENT, SendBook
from domain.pooling import number_of
from domain.records import Again, Collected, Counted, PlannedShard, summed
from domain.service.outcomes import (
    AS_ASKED,
    NO_ANSWER,
    Outcome,
    ShardOutcome,
    Tally,
    Verdict,
    is_plain,
    judge,
    judge_absent,
)
from domain.service.regrouping import Regrouping
from domain.service.request_lines import custom_id_of
from domain.shards import shard_limits
from domain.wishes import WishKind
from steps.collect.answer_checks import CheckedAnswers
from steps.collect.answer_spool import AnswerSpool
from steps.collect.outcome_lines import OutcomeLines
from steps.collect.patience import GIVEN_UP, Patience
from steps.collect.requests import Requests
from steps.collect.result_sources import BatchResults
from steps.containment import answers_are_harmless
from steps.pool.members import read_members
from steps.shard_writer import ShardWriter

if TYPE_CHECKING:
    from concurrent.futures import Future

# Ends after which nothing is billed any more.
ENDED_OVERDUE = frozenset({"cancelled", "expired", "completed"})

SHOWN_IDS = 10  # of the requests that have no answer

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class RequestOutcomes:
    """The outcomes of one shard. `results` of its batch, None where it was sent live or refused.

    `make_sure` is called before anything but the ledger is written; it raises ConflictError where the shard is another run's by now.
    """

    def __init__(
        self,
        ended: EndedBatch,
        results: BatchResults | None,
        patience: Patience,
        services: Services,
        make_sure: Callable[[], None],
    ) -> None:
        self._ended, self._shard, self._results = ended, ended.shard, results
        self._store, self._settings = services.work, services.settings
        self._patience, self._make_sure = patience, make_sure
        self._book = SendBook(ended.shard.requests)  # of a shard that was sent live
        self._missing: list[str] = []  # custom_ids of the first requests without an answer
        self._missing_count = self._answered = 0
        self._counted: dict[str, Counted] = {}  # of a pool's shard by the numbers of its files
        self._unsettled: set[str] = set()  # of these, the numbers of files that go on
        self._count_for("")
        self._checked: CheckedAnswers | None = None

    def collect(self, regrouping: Regrouping | None) -> Collected:
        """Write the shard's children, and its outcomes where they are many; gives what goes into the ledger."""
        children_attempt = self._shard.attempt
        children = self._children_writer(halve=bool(regrouping and regrouping.halve))
        blob = names.outcomes(self._ended.key, self._shard.shard)
        with (
            AnswerSpool(self._judge()) as answers,
            OutcomeLines(self._store.blobs.writer(blob), self._make_sure) as written,
        ):
            ids = self._begin_to_read_ids()
            with self._patience.while_reading():
                self._read_answers(answers)
            known = ids.result() if ids else None
            if known and answers.are_all_plain_of(known):
                return self._collect_plain(known, answers)
            requests = Requests(self._requests, known)
            for number, custom_id in requests.numbered():
                if self._shard.pooled:
                    self._count_for(number_of(custom_id))
                found = answers.take(custom_id)
                if found is not None and is_plain(found[0]):
                    written.add(self._plain_outcome(custom_id, *found))
                    continue
                self._note(custom_id, found[0] if found else None)
                verdict, answer = found or (self._judge_unanswered(number, regrouping), b"")
                regrouped = found is None and regrouping is not None  # the batch failed, not the request
                goes_on = self._goes_on(verdict, regrouped=regrouped)
                if goes_on:
                    self._make_sure()
                    self._unsettled.add(self._number)
                    children.add(self._request_again(requests.line(number), verdict, answer))
                    children_attempt = max(children_attempt, self._shard.attempt + (not regrouped))
                written.add(_encode(self._outcome(custom_id, verdict, answer, passed_on=goes_on)))
            if answers.unrequested:
                log.warning(
                    "shard %s: %d answers to requests it never held", self._shard.shard, answers.unrequested
                )
            if self._missing and self._results and not self._patience.is_over:
                self._results.check_missing(self._missing, count=self._missing_count, answered=self._answered)
            outcomes = written.close()
        counted = summed(self._counted.values())
        members = {number: part for number, part in self._counted.items() if number}
        return Collected(
            tally=counted.tally,
            children=[self._sent_on(child) for child in children.close()],
            children_attempt=children_attempt,
            wide=sorted(self._checked.wide) if self._checked else [],
            again=counted.again,
            members=members,
            settled=len(members.keys() - self._unsettled),
            outcomes=outcomes,
        )

    def _begin_to_read_ids(self) -> "Future[list[str]] | None":
        """Read the ids of a large shard's requests while the answers come; None where they may be more than answers.

        The requests themselves matter only where one of them ends otherwise than with an answer.
        """
        shard = self._shard
        is_usual = shard.engine == "batch" and self._results and not (shard.pooled or self._ended.refused)
        if not is_usual or answers_are_harmless(shard.size, shard.requests):
            return None
        reader = pool(1)
        ids = reader.submit(lambda: list(map(custom_id_of, self._requests())))
        reader.shutdown(wait=False)
        return ids

    def _collect_plain(self, ids: Iterable[str], answers: AnswerSpool) -> Collected:
        """Write the answers in the order of the requests, where there is nothing else to tell."""
        with self._store.blobs.writer(names.answers(self._ended.key, self._shard.shard)) as blob:
            lines = LineWriter(blob)
            for verdict, answer in answers.take_all(ids):
                self._count_plain(verdict)
                lines.add(answer.strip())
            lines.flush()
        return Collected(tally=self._tally, answer_bytes=blob.size)

    def _count_for(self, number: str) -> None:
        """Have what follows counted for a file of the pool; for the empty number where there is one file."""
        counted = self._counted.setdefault(number, Counted())
        self._number = number
        self._tally, self._again = counted.tally, counted.again
        self._is_unwanted = self._ended.unwanted or (bool(number) and number in self._cancelled)

    @cached_property
    def _cancelled(self) -> set[str]:
        """The numbers of the pool's files whose cancellation people have asked for: nothing of them is asked for again."""
        keys = self._store.wishes.standing().subjects(WishKind.CANCEL)
        plan = self._store.plans.read(self._ended.key) if keys else None
        if plan is None:
            return set()
        members = read_members(self._ended.key, plan, self._store)
        return {str(member.number) for member in members if member.key in keys}

    def _note(self, custom_id: str, verdict: Verdict | None) -> None:
        """Count a request as answered, as not begun, or as one without an answer."""
        if verdict is not None:
            self._answered += verdict.outcome not in (Outcome.EXPIRED, Outcome.CANCELLED)
            return
        self._missing_count += 1
        if len(self._missing) < SHOWN_IDS:
            self._missing.append(custom_id)

    def _request_again(self, request: bytes, verdict: Verdict, answer: bytes) -> bytes:
        """Give the request as it goes into a child."""
        return self._checked.request_again(request, verdict, answer) if self._checked and answer else request

    def _goes_on(self, verdict: Verdict, *, regrouped: bool) -> bool:
        """Tell whether a request is tried again. What the deadline cut off was not tried yet."""
        if self._is_unwanted:
            return False
        if self._finishes_live and verdict.outcome in (Outcome.CANCELLED, Outcome.EXPIRED):
            return True
        return verdict.passing and (regrouped or self._shard.attempt < self._settings.max_attempts)

    @property
    def _finishes_live(self) -> bool:
        """Whether what the batch has not answered by the deadline is sent as live calls.

        Not where the batch may still be working: then it would be paid twice.
        """
        over = self._ended.overdue and self._ended.status in ENDED_OVERDUE
        return over and self._shard.engine == "batch" and self._shard.direct_deployment is not None

    def _sent_on(self, child: PlannedShard) -> PlannedShard:
        """Write down how a child is sent: as its parent, or live to another deployment."""
        shard = self._shard
        engine, model = shard.engine, shard.model
        if self._finishes_live and shard.direct_deployment:
            engine, model = "direct", shard.direct_deployment
        return msgspec.structs.replace(child, engine=engine, model=model, url=shard.url)

    def _judge(self) -> Callable[[bytes], Verdict | None]:
        """Give the judge of answers: one that knows the job spec, where that says more about them."""
        if not self._shard.structured:
            return judge
        plan = self._store.plans.read(self._ended.key)
        if plan is None or plan.spec is None:
            return judge
        self._checked = CheckedAnswers(plan.spec)
        return self._checked.judge

    def _children_writer(self, *, halve: bool) -> ShardWriter:
        engine = "direct" if self._finishes_live else self._shard.engine
        most_requests, most_bytes = shard_limits(engine, self._settings)

        def name(number: int) -> tuple[str, str]:
            child = names.child_shard(self._shard.shard, number)
            return child, names.shard_file(self._ended.key, child)

        return ShardWriter(
            self._store.blobs.writer,
            name,
            max_requests=min(most_requests, -(-self._shard.requests // 2)) if halve else most_requests,
            max_bytes=most_bytes,
        )

    def _requests(self) -> Iterator[bytes]:
        return self._store.blobs.shard_lines(self._ended.key, self._shard)

    def _judge_unanswered(self, number: int, regrouping: Regrouping | None) -> Verdict:
        """Judge a request without an answer, by what happened to its batch."""
        refused = self._ended.refused
        if refused:
            return AS_ASKED if refused.code == AS_ASKED.code else _failed(refused.code, refused.message)
        if self._shard.engine == "direct":
            return self._judge_unsent(number - 1)
        if regrouping is None:
            return GIVEN_UP if self._patience.is_over else judge_absent(self._ended.status)
        fault = regrouping.bad_lines.get(number)
        if fault:
            return _failed(fault.code, fault.message)
        again = bool(regrouping.bad_lines) or regrouping.halve or regrouping.pause is not None
        if again and self._is_unwanted:
            return AS_ASKED
        reason = regrouping.reason
        return Verdict(
            custom_id="", outcome=Outcome.FAILED, code=reason.code, message=reason.message, passing=again
        )

    def _judge_unsent(self, row: int) -> Verdict:
        if self._book.is_in_doubt(row):
            return LOST_ANSWER
        if self._ended.status != "cancelled":
            return judge_absent(self._ended.status)
        return AS_ASKED if self._is_unwanted else NOT_SENT

    def _plain_outcome(self, custom_id: str, verdict: Verdict, answer: bytes) -> bytes:
        """Count an answer that is one, in full, and give its line, as `_outcome` does for every request."""
        self._count_plain(verdict)
        attempts = 0 if self._ended.refused else self._shard.attempt
        return _encode(
            ShardOutcome(
                custom_id=custom_id, outcome=Outcome.OK, attempts=attempts, answer=msgspec.Raw(answer)
            )
        )

    def _count_plain(self, verdict: Verdict) -> None:
        self._answered += 1
        self._tally.ok += 1
        _add_tokens(self._tally, verdict)

    def _outcome(self, custom_id: str, verdict: Verdict, answer: bytes, *, passed_on: bool) -> ShardOutcome:
        _add_tokens(self._tally, verdict)
        is_kept = verdict.has_text or verdict.outcome is Outcome.OK
        if passed_on:
            is_kept = verdict.input_tokens + verdict.output_tokens > 0  # it was paid
            self._again.requests += is_kept
            _add_tokens(self._again, verdict)
        kept = msgspec.Raw(answer) if is_kept else NO_ANSWER
        if passed_on:
            return ShardOutcome(custom_id=custom_id, passed_on=True, answer=kept)
        self._tally.count(verdict.outcome, flag=verdict.flag)
        attempts = 0 if self._ended.refused else self._shard.attempt - (verdict in (NOT_SENT, AS_ASKED))
        return ShardOutcome(
            custom_id=custom_id,
            outcome=verdict.outcome,
            attempts=attempts,
            code=verdict.code,
            message=verdict.message,
            flag=verdict.flag,
            answer=kept,
        )

    def _read_answers(self, answers: AnswerSpool) -> None:
        """Read both result files, whatever the batch's state says about them; or the log of what was sent live."""
        if self._shard.engine == "direct":
            for record in self._store.send_logs.records(self._ended.key, self._shard.shard):
                self._book.note(record)
                if record.row is not None:
                    answers.add(bytes(record.answer))
        elif self._results:
            self._results.read_into(answers)


def _failed(code: str, message: str) -> Verdict:
    return Verdict(custom_id="", outcome=Outcome.FAILED, code=code, message=message)


def _add_tokens(total: Tally | Again, verdict: Verdict) -> None:
    total.input_tokens += verdict.input_tokens
    total.output_tokens += verdict.output_tokens
    total.cached_tokens += verdict.cached_tokens
