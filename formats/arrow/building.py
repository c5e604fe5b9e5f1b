"""The values of rows become columns of pyarrow again: the way back from `arrow_values`."""

import base64
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.types as kinds

_KEPT = (
    kinds.is_boolean,
    kinds.is_integer,
    kinds.is_float32,
    kinds.is_float64,
    kinds.is_decimal,
    kinds.is_date,
    kinds.is_timestamp,
    kinds.is_duration,
    kinds.is_string,
)
_BYTES = (kinds.is_binary, kinds.is_large_binary, kinds.is_fixed_size_binary, kinds.is_binary_view)
_LISTS = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list)
_ERRORS = (pa.ArrowException, ValueError, ArithmeticError, TypeError, AttributeError)

_duration_of = msgspec.json.Decoder(timedelta).decode
_json = msgspec.json.Encoder(decimal_format="number").encode


def written_type(kind: pa.DataType | None) -> pa.DataType:
    """Give the type in which values of a type are written, so that all readers of parquet know it.

    Text where there is no type, or none that travels.
    """
    for matches, change in _WRITTEN:
        if kind is not None and matches(kind):
            return change(kind)
    return pa.string()


def _any(*matches: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    return lambda kind: any(match(kind) for match in matches)


def _written_struct(kind: pa.DataType) -> pa.DataType:
    if not kind.num_fields:
        return pa.string()  # parquet has no empty ones
    return pa.struct([(field.name, written_type(field.type)) for field in kind.fields])


_WRITTEN: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], pa.DataType]], ...] = (
    (_any(*_KEPT), lambda kind: kind),
    (_any(*_BYTES), lambda _: pa.binary()),
    (kinds.is_float16, lambda _: pa.float32()),
    (kinds.is_dictionary, lambda kind: written_type(kind.value_type)),
    (_any(*_LISTS), lambda kind: pa.list_(written_type(kind.value_type))),
    (kinds.is_struct, _written_struct),
    (kinds.is_map, lambda kind: pa.map_(written_type(kind.key_type), written_type(kind.item_type))),
)


def built(values: Sequence[Any], kind: pa.DataType) -> tuple[pa.Array, int]:
    """Build a column of a written type; gives it, and how many values did not fit and became null."""
    if not _has_bytes(kind):  # pyarrow would take base64 for the bytes themselves
        try:
            return pa.array(values, kind), 0
        except _ERRORS:
            pass  # one value or more need another shape: each is looked at below
    fit = _fitting(kind)
    fitted, unfit = [], 0
    for value in values:
        try:
            fitted.append(None if value is None else pa.scalar(fit(value), kind))
        except _ERRORS:
            fitted.append(None)
            unfit += 1
    return pa.array(fitted, kind), unfit


def _has_bytes(kind: pa.DataType) -> bool:
    return kinds.is_binary(kind) or any(_has_bytes(kind.field(i).type) for i in range(kind.num_fields))


Fit = Callable[[Any], Any]


def _fitting(kind: pa.DataType) -> Fit:
    """Give what turns a row's value into one that pyarrow takes for a type."""
    if kinds.is_list(kind):
        item = _fitting(kind.value_type)
        return lambda value: [_fitted(part, item) for part in value]
    if kinds.is_struct(kind):
        inner = {field.name: _fitting(field.type) for field in kind.fields}
        return lambda value: {name: _fitted(value.get(name), fit) for name, fit in inner.items()}
    if kinds.is_map(kind):
        key, item = _fitting(kind.key_type), _fitting(kind.item_type)
        return lambda value: [(key(name), _fitted(part, item)) for name, part in _pairs(value)]
    if kinds.is_timestamp(kind):  # text where nanoseconds matter
        return lambda value: pa.scalar(value).cast(kind).value if isinstance(value, str) else value
    for matches, fit in _SCALARS:
        if matches(kind):
            return fit
    return lambda value: value


def _fitted(value: Any, fit: Fit) -> Any:
    return None if value is None else fit(value)


def _pairs(value: Any) -> Any:
    return value.items() if isinstance(value, dict) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value).decode()


def _number(value: Any) -> Any:
    """Take the numbers that JSON has no word for, as texts."""
    return float(value) if isinstance(value, str) else value


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value, validate=True)


def _duration(value: Any) -> Any:
    """Take ISO 8601, and the count of nanoseconds that stands where microseconds do not do."""
    if not isinstance(value, str):
        return value
    return _duration_of(_json(value)) if "P" in value else int(value)


_SCALARS: tuple[tuple[Callable[[pa.DataType], bool], Fit], ...] = (
    (kinds.is_string, _text),
    (kinds.is_binary, _bytes),
    (kinds.is_floating, _number),
    (kinds.is_duration, _duration),
)
