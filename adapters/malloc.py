"""Tell the C library to give memory back: streams take and free blocks of megabytes in many threads.

glibc keeps what is freed in an arena of each thread, and stops giving large blocks back once it has seen some freed
(mallopt(3), M_ARENA_MAX and M_MMAP_THRESHOLD). A gigabyte that passes through two dozen threads would leave its mark in each.
But what is given back comes again as new pages, each of which costs the processor a microsecond or two: a thousand for every block
of a stream. So while a stream lasts its blocks stay in the heap, and they are given back when it has ended.
pyarrow has an allocator of its own, which keeps even more: 57 MB while a table becomes parquet.
"""

import ctypes
import os
import sys
from functools import cache
from typing import Any

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
ARENAS = 2
LARGE_BYTES = 8 * 1024 * 1024  # blocks above are given back as soon as they are freed
KEPT_BYTES = 16 * 1024 * 1024  # of each arena, at its end


def use_few_pages() -> bool:
    """Set the limits for this process, and let pyarrow, once it is loaded, allocate as the rest of the process does.

    False where the C library knows no such limits.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = _of_c_library("mallopt")
    limits = {_M_ARENA_MAX: ARENAS, _M_MMAP_THRESHOLD: LARGE_BYTES, _M_TRIM_THRESHOLD: KEPT_BYTES}
    return mallopt is not None and all(mallopt(limit, value) for limit, value in limits.items())


def give_memory_back() -> None:
    """Give back what is free, wherever in the heap: to be called where a stream has ended (malloc_trim(3))."""
    if trim := _of_c_library("malloc_trim"):
        trim(0)


@cache
def _of_c_library(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
