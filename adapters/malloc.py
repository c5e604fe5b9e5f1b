"""Tell the C library to give memory back: streams take and free blocks of megabytes in many threads.

glibc keeps what is freed in an arena of each thread, and stops giving large blocks back once it has seen some freed
(mallopt(3), M_ARENA_MAX and M_MMAP_THRESHOLD). A gigabyte that passes through two dozen threads would leave its mark in each.
pyarrow has an allocator of its own, which keeps even more: 57 MB while a table becomes parquet.
"""

import ctypes
import os
import sys

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
ARENAS = 2
LARGE_BYTES = 1024 * 1024  # blocks above are given back as soon as they are freed


def give_memory_back() -> bool:
    """Set both limits for this process, and let pyarrow, once it is loaded, allocate as the rest of the process does.

    False where the C library knows no such limits.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(_M_ARENA_MAX, ARENAS) and mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))
