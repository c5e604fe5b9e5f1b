"""The steps about one file or shard, by the names of their activities: for those that are carried out elsewhere or together."""

from collections.abc import Callable
from typing import Any

from adapters.services import Services
from domain.contracts import CancelRequest, EndedBatch, FileWork, ShardWork
from domain.quotes import QuoteRequest
from steps.collect.collection import collect
from steps.pool.delivery import deliver_settled
from steps.pool_or_file import archive, hold, prepare, write
from steps.quote.of_input import quote_input
from steps.submit.submission import submit
from steps.watch.cancel import cancel

STEPS: dict[str, tuple[type[Any], Callable[[Any, Services], object]]] = {
    "prepare_file": (FileWork, prepare),
    "submit_batch": (ShardWork, submit),
    "cancel_batch": (CancelRequest, cancel),
    "collect_batch": (EndedBatch, collect),
    "write_outputs": (FileWork, write),
    "archive_input": (FileWork, archive),
    "hold_file": (FileWork, hold),
    "deliver_settled": (FileWork, deliver_settled),
    "quote_input": (QuoteRequest, quote_input),
}
