"""The measurements, in the order in which they are run and shown: the quick ones first."""

from benchmarks.figures import Part
from benchmarks.parts import (
    calls,
    cold_import,
    genuine,
    looking,
    makespan,
    memory,
    passing,
    preparing,
    stumbling,
    templating,
    trickle,
    waiting,
)

PARTS: tuple[Part, ...] = (
    cold_import.PART,
    looking.PART,
    preparing.PART,
    templating.PART,
    passing.PART,
    memory.PART,
    makespan.PART,
    stumbling.PART,
    waiting.PART,
    calls.PART,
    trickle.PART,
    genuine.PART,
)
