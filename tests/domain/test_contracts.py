"""What crosses a durable boundary is read in many threads at once, from the first moment of a process on."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# Four threads meet each of two hundred types together, changing over as often as Python allows.
MEETING = """
import sys, threading, msgspec
from domain.contracts import from_wire

sys.setswitchinterval(1e-6)
for number in range(200):
    inner = msgspec.defstruct(f"Inner{number}", [(f"field_{n}", int, 0) for n in range(10)])
    kind = msgspec.defstruct(f"Outer{number}", [(f"field_{n}", list[inner], []) for n in range(5)])
    barrier = threading.Barrier(4)

    def meet():
        barrier.wait()
        assert from_wire({"field_0": [{"field_1": 7}]}, kind).field_0[0].field_1 == 7

    threads = [threading.Thread(target=meet) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


def test_many_threads_may_read_a_contract_of_a_new_type_at_the_same_moment() -> None:
    command = [sys.executable, "-c", MEETING]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
