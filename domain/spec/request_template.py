"""Rows into requests: the job spec's templates, put together once into a line with places for each row's values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Any

import msgspec

from domain.errors import RowTemplateError
from domain.service.endpoints import Parts
from domain.service.request_lines import MAX_LINE_BYTES
from domain.spec.conversations import ConversationTemplate
from domain.spec.job_spec import JobSpec, Message, Part
from domain.spec.pictures import PictureTemplate
from domain.spec.text_column import DEFAULT_NAMES, text_column
from domain.templates.fields import MAX_TEXT_CHARS, Column, FieldTemplate
from domain.templates.functions import Work
from domain.templates.row_text import text_of

MAX_ROWS_TO_LOOK_AT = 100
LOOK_EVERY = 4  # pieces of a line, at how long it is by now
USUAL_CHARS = 64 * 1024  # of a text that is surely not too long, with all that is around it
NUMBER = 1  # where the row's number goes among the pieces of a line

HELD_CHARACTERS = 4 * 1024 * 1024  # in the requests of rows that are made together
MOST_BYTES_OF_CHARACTER = 6  # in JSON, where a control character is written by its number

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_Piece = bytes | FieldTemplate


class RequestTemplate:
    """Makes one line of a batch input file from each row of a table.

    `columns` and `first_rows` are those of `completed`, for a spec that has not been through it.
    """

    def __init__(
        self,
        spec: JobSpec,
        columns: Sequence[str] | None = None,
        first_rows: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        spec = completed(spec, columns, first_rows)
        self.spent = 0  # by the templates of all rows so far, in the units of Work
        self._fields: list[FieldTemplate] = []
        self._line: list[bytes] = []
        self._columns: list[tuple[int, str]] = []
        self._templates: list[tuple[int, FieldTemplate]] = []
        for piece in _pieces(spec):
            self._add(piece)
        self._most_work = max((field.most_work for field in self._fields), default=0)
        self._names_often, self._names_left = len(self._columns) > LOOK_EVERY, LOOK_EVERY
        constant = self._constant_bytes = sum(map(len, self._line))
        may_be_empty = not spec.target.takes_empty_text and all(
            isinstance(part, Column) or not part for field in self._fields for part in field.parts or ()
        )
        self._empty_bytes = constant if may_be_empty else -1
        self._around_text = self._pieces_around_text()

    @property
    def columns_used(self) -> frozenset[str] | None:
        """The columns that the templates name; None where they may look at any."""
        used: frozenset[str] = frozenset()
        for field in self._fields:
            if field.columns is None:
                return None
            used |= field.columns
        return used

    def request(self, row_number: int, values: Mapping[str, Any]) -> bytes:
        """Give the request of a row, numbered from 0: one JSON object, without line end. Raises RowTemplateError."""
        return self._around(row_number, values) or self._joined(row_number, values)

    def _around(self, row_number: int, values: Mapping[str, Any]) -> bytes | None:
        """Give the request of a row in the short way: the usual text, where it is all that the row adds. None for others."""
        if self._around_text is None:
            return None
        name, before, between, behind = self._around_text
        value = values.get(name)
        if type(value) is not str or not 0 < len(value) < USUAL_CHARS:
            return None
        try:
            text = _encode(value)[1:-1]
        except ValueError:  # half a character: the long way says so
            return None
        return b"".join((before, b"%d" % row_number, between, text, behind))

    def requests(self, first: int, rows: int, columns: Mapping[str, Sequence[Any]]) -> list[bytes] | None:
        """Give the requests of rows that follow each other, numbered from `first`, from the values of their columns.

        They are those that `request` gives. None where one of them takes a closer look, or cannot be made.
        """
        if not rows or self._templates or any(name not in columns for _, name in self._columns):
            return None
        try:
            texts = {name: _texts_of(columns[name]) for _, name in self._columns}
            if not self._are_usual(texts):
                return None
            inside = {name: _insides(column) for name, column in texts.items()}
        except (TypeError, ValueError, RecursionError):
            return None  # `request` says of which row, and why
        numbers = _encode_lines(range(first, first + rows)).split()
        # Who knows each piece of a line saves much by putting together first what all lines share.
        pieces: list[Iterable[bytes]] = []
        begin = 0
        for place, values in ((NUMBER, numbers), *((place, inside[name]) for place, name in self._columns)):
            pieces += [repeat(b"".join(self._line[begin:place])), values]
            begin = place + 1
        pieces.append(repeat(b"".join(self._line[begin:])))
        return [b"".join(line) for line in zip(*pieces, strict=False)]

    def _are_usual(self, texts: Mapping[str, Sequence[str]]) -> bool:
        """Tell whether no request of these texts can be too long, or empty, and all are few enough to be held together."""
        longest = sum(max(map(len, texts[name])) for _, name in self._columns)
        if self._constant_bytes + MOST_BYTES_OF_CHARACTER * longest > MAX_TEXT_CHARS:
            return False
        if sum(sum(map(len, texts[name])) for _, name in self._columns) > HELD_CHARACTERS:
            return False
        return self._empty_bytes < 0 or not all("" in column for column in texts.values())

    def _joined(self, row_number: int, values: Mapping[str, Any]) -> bytes:
        line = self._line.copy()
        number = b"%d" % row_number
        line[NUMBER] = number
        try:
            for index, column in self._columns:
                value = values[column]
                line[index] = _encode(value if type(value) is str else text_of(value))[1:-1]
                if self._names_often:
                    self._names_left -= 1
                    if self._names_left < 0:
                        self._names_left = LOOK_EVERY
                        self._check_sizes_so_far(values, line)
            if self._templates:
                self._compute(values, line)
        except RowTemplateError:
            raise
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise self._reason(values) from error
        joined = b"".join(line)
        if len(joined) > MAX_TEXT_CHARS:
            self._check_sizes(values, len(joined))
        if len(joined) - len(number) == self._empty_bytes:
            raise RowTemplateError(
                "input: the text is empty, and the service embeds no empty text", code="empty_input"
            )
        return joined

    def _pieces_around_text(self) -> tuple[str, bytes, bytes, bytes] | None:
        """Give the column and the pieces around number and text, where the text of one column is all that a row adds."""
        constant = sum(map(len, self._line))
        if self._templates or len(self._columns) != 1 or constant > MAX_TEXT_CHARS - 6 * USUAL_CHARS:
            return None
        ((place, name),) = self._columns
        before, between, behind = (
            b"".join(self._line[start:end]) for start, end in ((0, NUMBER), (NUMBER, place), (place, None))
        )
        return name, before, between, behind

    def _add(self, piece: _Piece) -> None:
        """Put a constant, or the places of a field, at the end of the line."""
        if isinstance(piece, bytes):
            self._line.append(piece)
            return
        self._fields.append(piece)
        if piece.parts is None:
            self._templates.append((len(self._line), piece))
            self._line.append(b"")
        for part in piece.parts or ():
            if isinstance(part, Column):
                self._columns.append((len(self._line), part.name))
            self._line.append(b"" if isinstance(part, Column) else _encode(part)[1:-1])

    def _reason(self, values: Mapping[str, Any]) -> RowTemplateError:
        """Find out which text could not be made, by making each with care."""
        work = Work(self._most_work)
        for field in self._fields:
            try:
                field.encoded(values, work)
            except RowTemplateError as error:
                return error
            except ValueError:
                return RowTemplateError(
                    f"{field.path}: the text holds half a character and is not valid Unicode"
                )
        return RowTemplateError("The row cannot be written as a request.")

    def _compute(self, values: Mapping[str, Any], line: list[bytes]) -> None:
        """Make the texts of the templates that compute. They share what a row may cost."""
        work = Work(self._most_work)
        for number, (index, template) in enumerate(self._templates, 1):
            line[index] = template.encoded(values, work)
            if number % LOOK_EVERY == 0:
                self._check_sizes_so_far(values, line)
        self.spent += self._most_work - work.left

    def _check_sizes_so_far(self, values: Mapping[str, Any], line: list[bytes]) -> None:
        """Stop putting together what is too long: a template may name a long text a thousand times."""
        if (size := sum(map(len, line))) > MAX_LINE_BYTES:
            self._check_sizes(values, size)

    def _check_sizes(self, values: Mapping[str, Any], size: int) -> None:
        """Raise RowTemplateError where the row, or a text of it, is too long."""
        work = Work(self._most_work)
        for field in self._fields:
            field.render(values, work)
        if size > MAX_LINE_BYTES:
            raise RowTemplateError(
                f"The request has more than {MAX_LINE_BYTES:,} bytes.", code="row_too_long"
            )


def _texts_of(values: Sequence[Any]) -> Sequence[str]:
    """Write the values of a column as texts."""
    if set(map(type, values)) == {str}:
        return values
    return [value if type(value) is str else text_of(value) for value in values]


def _insides(texts: Sequence[str]) -> list[bytes]:
    """Give what stands between the quotes where texts are written in JSON, which has no line end within them."""
    return _encode_lines(texts)[1:-2].split(b'"\n"')


# --- the text column --------------------------------------------------------------------------------------------------


def completed(
    spec: JobSpec,
    columns: Sequence[str] | None,
    first_rows: Iterable[Mapping[str, Any]] = (),
    *,
    names: Sequence[str] = DEFAULT_NAMES,
    is_document: bool = False,
    may_lack_header: bool = False,
) -> JobSpec:
    """Give the spec with a template in it: where it has none, the one that sends the column of texts.

    `columns` are the table's, None where every row has its own; `first_rows` decide, and `names` are those of a column of
    texts. Keep the answer: other rows could decide otherwise. Raises InputFileError as `text_column` does.
    """
    if spec.has_templates:
        return spec
    rows = list(islice(first_rows, MAX_ROWS_TO_LOOK_AT))
    found = list(dict.fromkeys(column for row in rows for column in row)) if columns is None else columns
    column = text_column(found, rows, names=names, is_document=is_document, may_lack_header=may_lack_header)
    return _with_text_column(spec, column)


def _with_text_column(spec: JobSpec, column: str) -> JobSpec:
    """Give the spec that sends one column's text as it is."""
    template = f"{{{{ row[{msgspec.json.encode(column).decode()}] }}}}"
    if spec.target.text_key is None:
        return msgspec.structs.replace(spec, messages=[Message(role="user", content=template)])
    return msgspec.structs.replace(spec, input=template)


# --- the line ---------------------------------------------------------------------------------------------------------


def _pieces(spec: JobSpec) -> Iterator[_Piece]:
    """Give the JSON of a request in order, with a field wherever a row's text goes in."""
    yield b'{"custom_id":"row-'
    yield b""  # the row's number
    yield b'","method":"POST","url":' + _encode(spec.endpoint)
    yield b',"body":{"model":' + _encode(spec.deployment)
    if spec.input is not None:
        yield b"," + _encode(spec.target.text_key)
        yield from (b':"', FieldTemplate("input", spec.input), b'"')
    if spec.messages is not None:
        yield b"," + _encode(spec.target.messages_key) + b":"
    if isinstance(spec.messages, str):
        yield ConversationTemplate("messages", spec.messages)
    elif spec.messages is not None:
        yield b"["
        for index, message in enumerate(spec.messages):
            yield b"," * bool(index) + b'{"role":' + _encode(message.role) + b',"content":'
            yield from _content(f"messages[{index}].content", message.content, spec.target.parts)
            yield b"}"
        yield b"]"
    yield b"".join(b"," + _encode(key) + b":" + _encode(value) for key, value in spec.parameters.items())
    yield b"}}"


def _content(path: str, content: str | list[Part], words: Parts | None) -> Iterator[_Piece]:
    if isinstance(content, str):
        yield from (b'"', FieldTemplate(path, content), b'"')
        return
    assert words is not None
    yield b"["
    for index, part in enumerate(content):
        yield b"," * bool(index)
        yield from _part(f"{path}[{index}]", part, words)
    yield b"]"


def _part(path: str, part: Part, words: Parts) -> Iterator[_Piece]:
    """Write a part of a message in the words of the endpoint."""
    if part.text is not None:
        yield b'{"type":' + _encode(words.text)
        yield from (b',"text":"', FieldTemplate(f"{path}.text", part.text), b'"}')
        return
    image = PictureTemplate(f"{path}.image_url", part.image_url or "")
    detail = b',"detail":' + _encode(part.detail) if part.detail else b""
    yield b'{"type":' + _encode(words.image)
    if words.has_image_object:
        yield from (b',"image_url":{"url":"', image, b'"' + detail + b"}}")
    else:
        yield from (b',"image_url":"', image, b'"' + detail + b"}")
