"""How large the values of a column become once each stands for itself."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

MOST_LOOKED_AT = 1000  # of values that are no texts
ENTRY_BYTES = 8  # a place in a list, which even nothing takes


def expanded_bytes(column: pa.Array) -> int:
    """Count the bytes of a column's values, or more: those that are stored once and named often count each time."""
    for matches, count in _EXPANDING:
        if matches(column.type):
            return count(column)
    return int(column.nbytes)


def may_expand(kind: pa.DataType) -> bool:
    """Tell whether values of a type may be larger than what is stored of them."""
    return any(matches(kind) for matches, _ in _EXPANDING)


def _nothing(column: pa.Array) -> int:
    return len(column) * ENTRY_BYTES


def _of_dictionary(column: pa.Array) -> int:
    return int(column.indices.nbytes) + len(column) * _largest(column.dictionary)


def _of_runs(column: pa.Array) -> int:
    return len(column) * _largest(column.values)


def _of_views(column: pa.Array) -> int:
    """Count views into texts: each has its length in front of 16 bytes."""
    lengths = memoryview(column.buffers()[1]).cast("i")[:: 16 // 4]
    return 16 * len(column) + sum(lengths[column.offset : column.offset + len(column)])


def _of_structs(column: pa.Array) -> int:
    parts = (column.field(number) for number in range(column.type.num_fields))
    return len(column) * ENTRY_BYTES + sum(map(expanded_bytes, parts))


def _of_lists(column: pa.Array) -> int:
    if not len(column):
        return 0
    begin, end = column.offsets[0].as_py(), column.offsets[len(column)].as_py()
    return int(len(column) + end - begin) * ENTRY_BYTES + expanded_bytes(
        column.values.slice(begin, end - begin)
    )


def _of_fixed_lists(column: pa.Array) -> int:
    size = column.type.list_size
    values = column.values.slice(column.offset * size, len(column) * size)
    return len(column) * (1 + int(size)) * ENTRY_BYTES + expanded_bytes(values)


def _of_list_views(column: pa.Array) -> int:
    entries = pc.sum(column.sizes).as_py() or 0
    return int(entries * (ENTRY_BYTES + _largest(column.values)))


def _largest(values: pa.Array) -> int:
    """Give how large one of some values is at most."""
    kind = values.type
    if (
        kinds.is_string(kind)
        or kinds.is_large_string(kind)
        or kinds.is_binary(kind)
        or kinds.is_large_binary(kind)
    ):
        return int(pc.max(pc.binary_length(values)).as_py() or 0)
    if kinds.is_primitive(kind) or kinds.is_null(kind):
        return ENTRY_BYTES
    if len(values) > MOST_LOOKED_AT:
        return expanded_bytes(values)  # more than any of them
    return max((expanded_bytes(values.slice(place, 1)) for place in range(len(values))), default=0)


_EXPANDING: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], int]], ...] = (
    (kinds.is_null, _nothing),
    (kinds.is_dictionary, _of_dictionary),
    (kinds.is_run_end_encoded, _of_runs),
    (lambda kind: kinds.is_string_view(kind) or kinds.is_binary_view(kind), _of_views),
    (kinds.is_struct, _of_structs),
    (lambda kind: kinds.is_list_view(kind) or kinds.is_large_list_view(kind), _of_list_views),
    (lambda kind: kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_map(kind), _of_lists),
    (kinds.is_fixed_size_list, _of_fixed_lists),
)
