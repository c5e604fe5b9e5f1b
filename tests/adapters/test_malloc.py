"""Memory that was freed goes back to the system, whichever thread had it."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCKS, BLOCK_BYTES = 24, 4 * 1024 * 1024
CODE = f"""
import threading
from pathlib import Path
from adapters.malloc import give_memory_back, use_few_pages

assert use_few_pages()

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def work(barrier):
    blocks = [bytes(bytearray(b"x" * {BLOCK_BYTES})) for _ in range(2)]
    barrier.wait()
    del blocks
    barrier.wait()

before = resident()
barrier = threading.Barrier({BLOCKS})
threads = [threading.Thread(target=work, args=(barrier,)) for _ in range({BLOCKS})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
give_memory_back()
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way")
def test_blocks_that_many_threads_had_are_given_back() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CODE], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) < BLOCKS * 2 * BLOCK_BYTES / 4


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way")
def test_the_blocks_of_a_stream_come_from_pages_that_are_there() -> None:
    code = f"""
import resource
from adapters.malloc import use_few_pages

assert use_few_pages()

def stream():
    for _ in range(20):
        bytes(bytearray(b"x" * {BLOCK_BYTES}))

stream()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
stream()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) < BLOCK_BYTES / 4096


def test_pyarrow_allocates_as_everybody_does() -> None:
    code = "from adapters.malloc import use_few_pages; use_few_pages(); import pyarrow as pa; print(pa.default_memory_pool().backend_name)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "system"


def test_the_app_loads_no_pyarrow_before() -> None:
    code = "import sys, function_app, adapters.services; print('pyarrow' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"
