"""The measurements, in the order in which they are run and shown: the quick ones first."""

from benchmarks.figures import Part
from benchmarks.parts import calls, cold_import, makespan, memory, preparing

PARTS: tuple[Part, ...] = (cold_import.PART, preparing.PART, memory.PART, makespan.PART, calls.PART)
