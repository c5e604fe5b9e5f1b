"""Columns of pyarrow become the values of rows.

Types that Python cannot hold, or only with pandas or numpy at hand, are cast to near ones that lose nothing: nanoseconds
to microseconds, or to text where they matter.
"""

import base64
import struct
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.types as kinds

from domain.bounds import MAX_VALUE_BYTES, too_long
from formats.arrow.sizes import expanded_bytes, may_expand
from formats.rows import SHOWN_CHARACTERS, BadRow, Row, RowBlock, Rows

ROWS_AT_ONCE = 1024
VALUES_BYTES = 64 * 1024 * 1024  # of the rows that are taken at once, as far as they are more than one
_MICROS = len("2020-01-01 00:00:00.000000")

_ERRORS = (pa.ArrowException, ValueError, ArithmeticError, TypeError, RecursionError)
_PLAIN = (
    kinds.is_null,
    kinds.is_boolean,
    kinds.is_integer,
    kinds.is_floating,
    kinds.is_decimal,
    kinds.is_date,
    kinds.is_timestamp,
    kinds.is_string,
    kinds.is_large_string,
    kinds.is_string_view,
)


class BatchReader:
    """Turns batches of one schema into rows."""

    def __init__(
        self,
        names: list[str],
        types: list[pa.DataType],
        intervals: Collection[str] = (),
        most: int = MAX_VALUE_BYTES,
    ) -> None:
        self._names, self._most = names, most
        self._expands = any(map(may_expand, types))
        self._columns = [
            _intervals if name in intervals else column_reader(kind)
            for name, kind in zip(names, types, strict=True)
        ]

    def blocks(self, batch: pa.RecordBatch, first: int) -> Iterator[Rows]:
        """Give the rows of a batch, numbered from `first`. A value that Python cannot hold makes its row a bad one."""
        may_be_large = self._expands or batch.nbytes > min(VALUES_BYTES, self._most)
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            part = batch.slice(start, ROWS_AT_ONCE)
            if may_be_large and sum(map(expanded_bytes, part.columns)) > min(VALUES_BYTES, self._most):
                yield self._halves(part, first + start)
                continue
            try:
                values = self._values(part)
            except _ERRORS:
                yield self._one_by_one(part, first + start)
            else:
                yield RowBlock(first + start, part.num_rows, values)

    def _halves(self, part: pa.RecordBatch, first: int) -> Iterator[Row | BadRow]:
        """Give rows as many at once as may be held; one that alone is too large is a bad one."""
        size = sum(map(expanded_bytes, part.columns))
        if part.num_rows == 1 and size > self._most:
            yield BadRow(first, "row_too_long", too_long(self._most))
        elif part.num_rows == 1 or size <= min(VALUES_BYTES, self._most):
            yield from self._one_by_one(part, first)
        else:
            half = part.num_rows // 2
            yield from self._halves(part.slice(0, half), first)
            yield from self._halves(part.slice(half), first + half)

    def _values(self, batch: pa.RecordBatch) -> dict[str, list[Any]]:
        return {
            name: read(column)
            for name, read, column in zip(self._names, self._columns, batch.columns, strict=True)
        }

    def _one_by_one(self, batch: pa.RecordBatch, first: int) -> Iterator[Row | BadRow]:
        for position in range(batch.num_rows):
            values: dict[str, Any] = {}
            bad = None
            for name, read, column in zip(self._names, self._columns, batch.columns, strict=True):
                try:
                    (values[name],) = read(column.slice(position, 1))
                except UnicodeDecodeError as error:
                    bad = bad or (
                        "invalid_encoding",
                        f"Column {name!r} has bytes that are no text: {error.reason}.",
                    )
                except _ERRORS as error:
                    bad = bad or ("bad_value", f"Column {name!r}, type {column.type}: {str(error)[:200]}.")
            number = first + position
            yield BadRow(number, *bad, str(values)[:SHOWN_CHARACTERS]) if bad else Row(number, values)


ColumnReader = Callable[[pa.Array], list[Any]]


def column_reader(kind: pa.DataType) -> ColumnReader:
    """Give the function that turns an array of a type into Python values."""
    if kinds.is_float32(kind):
        return _short_floats
    exact, as_text = castable(kind), castable(kind, as_text=True)
    convert, convert_text = conversion(kind), conversion(kind, as_text=True)

    def read(column: pa.Array) -> list[Any]:
        if exact == kind:
            return _all_converted(column, convert)
        try:
            return _all_converted(column.cast(exact), convert)
        except pa.ArrowInvalid:  # nanoseconds
            return _all_converted(column.cast(as_text), convert_text)

    return read


def _intervals(column: pa.Array) -> list[Any]:
    """Give the intervals of a parquet file, which pyarrow takes for bytes."""
    return [_converted(value, interval_of_parquet) for value in column.to_pylist()]


def _all_converted(column: pa.Array, convert: "Conversion") -> list[Any]:
    found: list[Any] = column.to_pylist()
    return found if convert is None else [_converted(value, convert) for value in found]


def _short_floats(column: pa.Array) -> list[Any]:
    """Give floats of 32 bits by the shortest decimal that says which they are: 0.1, not 0.10000000149011612."""
    return [None if text is None else float(text) for text in column.cast(pa.string()).to_pylist()]


def castable(kind: pa.DataType, *, as_text: bool = False) -> pa.DataType:
    """Give the type to cast to before values are taken, often the same; `as_text`: nanoseconds as text."""
    for matches, change in _CASTS:
        if matches(kind):
            return change(kind, as_text)
    return kind


def _timestamp(kind: pa.DataType, as_text: bool) -> pa.DataType:  # noqa: FBT001 - one shape for all casts
    if kind.unit == "ns" and as_text:
        return pa.string()
    return pa.timestamp("us" if kind.unit == "ns" else kind.unit, _known_zone(kind.tz))


def _duration(kind: pa.DataType, as_text: bool) -> pa.DataType:  # noqa: FBT001
    return kind if kind.unit != "ns" else pa.string() if as_text else pa.duration("us")


def _struct(kind: pa.DataType, as_text: bool) -> pa.DataType:  # noqa: FBT001
    return pa.struct([field.with_type(castable(field.type, as_text=as_text)) for field in kind.fields])


def _map(kind: pa.DataType, as_text: bool) -> pa.DataType:  # noqa: FBT001
    return pa.map_(castable(kind.key_type, as_text=as_text), castable(kind.item_type, as_text=as_text))


def _dictionary(kind: pa.DataType, as_text: bool) -> pa.DataType:  # noqa: FBT001
    if kinds.is_string_view(kind.value_type):
        return kind  # as polars writes categories; no cast knows them, and values can be taken as they are
    return castable(kind.value_type, as_text=as_text)


def _items(kind: pa.DataType, as_text: bool) -> pa.Field:  # noqa: FBT001
    return kind.value_field.with_type(castable(kind.value_type, as_text=as_text))


_CASTS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType, bool], pa.DataType]], ...] = (
    (kinds.is_timestamp, _timestamp),
    (kinds.is_duration, _duration),
    (kinds.is_time, lambda _kind, _as_text: pa.string()),
    (kinds.is_float16, lambda _kind, _as_text: pa.float32()),  # would need numpy
    (kinds.is_dictionary, _dictionary),
    (kinds.is_struct, _struct),
    (kinds.is_map, _map),
    (kinds.is_list, lambda kind, as_text: pa.list_(_items(kind, as_text))),
    (kinds.is_large_list, lambda kind, as_text: pa.large_list(_items(kind, as_text))),
    (kinds.is_fixed_size_list, lambda kind, as_text: pa.list_(_items(kind, as_text), kind.list_size)),
)


def _known_zone(zone: str | None) -> str | None:
    """Give a time zone this machine knows: the same, or UTC, which changes the wording and not the instant."""
    try:
        pa.lib.string_to_tzinfo(zone or "UTC")
    except (pa.ArrowException, LookupError, ValueError):
        return "UTC"
    return zone


Conversion = Callable[[Any], Any] | None


def conversion(kind: pa.DataType, *, as_text: bool = False) -> Conversion:
    """Give what turns the values of a type, once they are cast, into values JSON knows; None when they are such already."""
    if as_text and kinds.is_timestamp(kind) and kind.unit == "ns":
        return _moment
    if as_text and kinds.is_duration(kind) and kind.unit == "ns":
        return _nanoseconds
    if any(is_plain(kind) for is_plain in _PLAIN):
        return None
    for matches, converting in _CONVERSIONS:
        if matches(kind):
            return converting(kind, as_text)
    return _leaf


def _struct_converting(kind: pa.DataType, as_text: bool) -> Conversion:  # noqa: FBT001 - one shape for all
    inner = {field.name: conversion(field.type, as_text=as_text) for field in kind.fields}
    return lambda value: {name: _converted(part, inner.get(name)) for name, part in value.items()}


def _map_converting(kind: pa.DataType, as_text: bool) -> Conversion:  # noqa: FBT001
    item = conversion(kind.item_type, as_text=as_text)
    return lambda value: _object_of([(key, _converted(part, item)) for key, part in value])


def _list_converting(kind: pa.DataType, as_text: bool) -> Conversion:  # noqa: FBT001
    item = conversion(kind.value_type, as_text=as_text)
    return None if item is None else lambda value: [_converted(part, item) for part in value]


_CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType, bool], Conversion]], ...] = (
    (kinds.is_time, lambda _kind, _as_text: _time_of_day),
    (kinds.is_interval, lambda _kind, _as_text: _interval),
    (kinds.is_dictionary, lambda kind, as_text: conversion(kind.value_type, as_text=as_text)),
    (kinds.is_struct, _struct_converting),
    (kinds.is_map, _map_converting),
    (kinds.is_list, _list_converting),
    (kinds.is_large_list, _list_converting),
    (kinds.is_fixed_size_list, _list_converting),
)


def _converted(value: Any, convert: Conversion) -> Any:
    return value if convert is None or value is None else convert(value)


def _moment(text: str) -> datetime | str:
    """Take a date and time with nine decimals, and give it as text, in ISO 8601, only where the last three matter."""
    micros, nanos, zone = text[:_MICROS], text[_MICROS : _MICROS + 3], text[_MICROS + 3 :]
    if nanos == "000":
        return datetime.fromisoformat(micros + zone)
    colon = ":" if len(zone) == len("+0000") else ""
    return f"{micros.replace(' ', 'T')}{nanos}{zone[:3]}{colon}{zone[3:]}"


def _nanoseconds(text: str) -> str:
    """Take a count of nanoseconds, and give it in ISO 8601."""
    return _iso_duration(0, 0, int(text))


def _interval(value: Any) -> str:
    """Give months, days and nanoseconds, which do not add up to one length, in ISO 8601: P1M2DT3S."""
    return _iso_duration(value.months, value.days, value.nanoseconds)


def interval_of_parquet(value: bytes) -> str:
    """Give an interval as parquet stores it (months, days, milliseconds; 4 bytes each, the least first) in ISO 8601."""
    months, days, millis = struct.unpack("<III", value)
    return _iso_duration(months, days, millis * 1_000_000)


def _iso_duration(months: int, days: int, nanos: int) -> str:
    sign = "-" if nanos < 0 else ""
    seconds, rest = divmod(abs(nanos), 1_000_000_000)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    parts = [f"{months}M" * bool(months), f"{days}D" * bool(days)]
    time = f"T{sign}{seconds}{fraction}S" if nanos or not (months or days) else ""
    if sign and not (months or days):
        return f"-P{time.replace('-', '')}"
    return f"P{''.join(parts)}{time}"


def _time_of_day(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _object_of(pairs: list[tuple[Any, Any]]) -> dict[str, Any] | list[Any]:
    """Give a map as an object, and as a list of pairs where its keys are no different texts."""
    as_object = {key: value for key, value in pairs if isinstance(key, str)}
    return as_object if len(as_object) == len(pairs) else [list(pair) for pair in pairs]


def _leaf(value: Any) -> Any:
    """Give bytes as base64, durations as ISO 8601, whatever else there is as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, timedelta):
        return msgspec.to_builtins(value)
    if isinstance(value, list | tuple):
        return [_leaf(part) for part in value]
    return value if isinstance(value, str | int | float | dict) else str(value)
