"""A job on whose way storage says no: each kind of call it makes, in each way, and what came of it.

`python -m tests.activities.refusal_course` walks all of them and prints the table; a test walks some.
"""

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple
from unittest.mock import patch

from domain import names
from domain.errors import PipelineError
from local.azure_openai import RunningService, running
from local.azurite import Azurite
from local.azurite import running as running_azurite
from local.fault_proxies.storage import CUT, FAULTS, GATEWAY, LOST, Fault, StorageProxy
from local.fault_proxies.storage import running as running_proxy
from steps.intake.at_rest import files_at_rest
from tests.activities.inline_pipeline import InlinePipeline, settings_for
from tests.activities.request_files import request
from tests.conftest import new_containers

PATH = "x/a.jsonl"
IDS = ["row-0", "row-1"]
CONTENT = request("row-0") + b"nonsense\n" + request("row-1")
TIMES = 5  # that a call is refused: longer than any step is tried at once
HOURS_SIX = 6 * 3600.0
MOST_SWEEPS = 12
NOT_STORAGES = frozenset({CUT, LOST, GATEWAY})


class Course(NamedTuple):
    """What came of one job. `lost` and `twice`: rows that were not delivered, and rows that were paid more than once."""

    kind: str
    fault: str
    met: int  # calls that were refused
    lost: int
    twice: int
    told: bool
    left: list[str]  # input files and records that are still there in the end

    @property
    def is_even(self) -> bool:
        return self.met > 0 and not self.lost and not self.twice and self.told and not self.left


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("azure"):
            self.told.append(record.getMessage())


@contextmanager
def listening() -> Iterator[list[str]]:
    """Give the lines that the app logs."""
    lines, root = _Lines(), logging.getLogger()
    level = root.level
    root.addHandler(lines)
    root.setLevel(logging.INFO)
    try:
        yield lines.told
    finally:
        root.removeHandler(lines)
        root.setLevel(level)


def run(azurite: Azurite, service: RunningService, proxy: StorageProxy, fault: Fault | None) -> Course:
    """Have one file come through, with sweeps as long as there is something left."""
    service.reset()
    proxy.fault = None
    retries = patch("adapters.storage.connection._RETRIES", {"retry_total": 0})
    with new_containers(azurite) as containers, retries, listening() as lines:
        settings = settings_for(containers, service, DATA=proxy.connection_string)
        bare = settings_for(containers, service)
        with closing(InlinePipeline(settings)) as pipeline, closing(InlinePipeline(bare)) as looker:
            looker.drop(PATH, CONTENT)
            proxy.fault, proxy.kinds = fault, Counter()
            said: list[str] = []
            for _ in range(MOST_SWEEPS):
                try:
                    pipeline.run()
                except PipelineError as error:
                    lines.append(f"{error.code}: {error}")  # what the orchestration shows, and the sweep logs
                said += [json.dumps(files_at_rest(looker.services))]
                if not _left(looker) and (fault is None or fault.is_over):
                    break
                pipeline._forward += HOURS_SIX
            return _judged(looker, service, fault, lines + said)


def _left(pipeline: InlinePipeline) -> list[str]:
    records = [name for name in pipeline.names(pipeline.storage.work) if name.startswith(names.FILES)]
    return [*pipeline.names(pipeline.storage.input), *records]


def _judged(
    pipeline: InlinePipeline, service: RunningService, fault: Fault | None, told: list[str]
) -> Course:
    processed = pipeline.storage.processed
    delivered = Counter(
        json.loads(line)["custom_id"]
        for name in pipeline.names(processed)
        if name.endswith("_output.jsonl")
        for line in processed.read(name)[0].splitlines()
    )
    answers = service.counters()["answers"]
    paid_twice = sum(times - 1 for times in answers["served_more_than_once"].values())
    delivered_twice = sum(times - 1 for times in delivered.values() if times > 1)
    return Course(
        kind=fault.kind if fault else "",
        fault=fault.name if fault else "",
        met=fault.met if fault else 0,
        lost=len(set(IDS) - set(delivered)),
        twice=paid_twice + delivered_twice,
        told=fault is None or _is_told(fault, told),
        left=_left(pipeline),
    )


def _is_told(fault: Fault, lines: list[str]) -> bool:
    """Tell whether people were told.

    What was no answer of storage's and was over in the same step need not be; nor a question that is asked in another way.
    """
    if fault.kind == "properties account":
        return True
    if fault.name not in NOT_STORAGES:
        return any(fault.name in line for line in lines)
    return not fault.is_over or any(
        "tried again" in line or "later" in line or "Error" in line for line in lines
    )


def kinds(azurite: Azurite, service: RunningService, proxy: StorageProxy) -> list[str]:
    """Name the kinds of calls that a job makes, by a job that meets no fault."""
    course = run(azurite, service, proxy, None)
    assert (course.lost, course.twice, course.left) == (0, 0, []), course
    return sorted(proxy.kinds)


def walk(faults: Sequence[str]) -> Iterator[Course]:
    """Have a job refused in each of its kinds of calls, in each of these ways."""
    with (
        running_azurite() as azurite,
        running(speed=20_000, storage_connection=azurite.connection_string) as service,
        running_proxy(azurite) as proxy,
    ):
        for kind in kinds(azurite, service, proxy):
            for name in faults:
                yield run(azurite, service, proxy, Fault(kind, name, TIMES))


def main() -> int:
    """Print a table of all, or of the faults that are named; 1 when something is lost, paid twice, not told or left."""
    uneven, say = 0, sys.stdout.write
    say(f"{'call':28} {'storage says':30} refused  lost  paid twice  told  left\n")
    for course in walk(sys.argv[1:] or FAULTS):
        uneven += not course.is_even
        told = "yes" if course.told else "NO"
        say(
            f"{course.kind:28} {course.fault:30} {course.met:7} {course.lost:5} {course.twice:11}  {told:4} {len(course.left):5}\n"
        )
        sys.stdout.flush()
    say(f"{uneven} uneven\n")
    return int(uneven > 0)


if __name__ == "__main__":
    sys.exit(main())
