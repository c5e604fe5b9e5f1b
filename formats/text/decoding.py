"""Bytes become text: encodings, physical lines, and the refusal of what is no text at all."""

import codecs
import io
from collections.abc import Iterable, Iterator
from itertools import chain

from domain.errors import InputFileError
from formats.allowance import Allowance
from formats.source import Source
from formats.text.encodings import likely_encoding
from formats.text.gunzip import gunzipped, plain

MAX_LINE_CHARACTERS = 32 * 1024 * 1024
HEAD_BYTES = 64 * 1024  # what is looked at to tell text from garbage
PIECE_BYTES = 128 * 1024  # that are decoded at once

BYTE_ORDER_MARK = "\ufeff"
UNDECODABLE = "\udfff"  # stands where bytes are no text; no decoder gives this half of a character by itself
UNDECODED = (
    "The row has bytes that are no text in the encoding of the file. If the whole file has another one, write it in the job "
    "spec, such as `encoding: cp1252` for files of Excel and Windows; if files were joined, give all the same."
)
WITH_NUL = (
    "The row has a NUL character. Where every second character is one, this part of the file is UTF-16, as PowerShell's `>>` "
    "appends it: write the whole file in one encoding."
)
_MARKING = "formats.mark_undecodable"

# Not for files, or, as utf-7, held whole before a part of it is text.
_NO_FILE_ENCODINGS = frozenset(
    {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"}
)
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or another ZIP archive; export it as csv",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word document; export it as csv",
    b"%PDF-": "a PDF document",
    b"PAR1": "parquet; its name should end in .parquet",
    b"ARROW1": "an Arrow file; its name should end in .arrow or .feather",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"SQLite format 3": "an SQLite database",
}
_WIDE_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # first: it begins like the one of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OWN_BOMS = {  # which these decoders take for text
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
_CONTROLS = dict.fromkeys(set(range(0x20)) - set(b"\t\n\r\f\x1a\x1b"))
_FEW = 16  # so many odd characters prove nothing, however short the file


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return UNDECODABLE, error.end


codecs.register_error(_MARKING, _mark)


def known_encoding(name: str) -> str:
    """Give Python's name of an encoding; UTF-8 comes with its mark tolerated. Raises InputFileError for unknown ones."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise InputFileError(f"There is no encoding called {name!r}.", code="unknown_encoding") from error
    if not codec._is_text_encoding or codec.name in _NO_FILE_ENCODINGS:  # noqa: SLF001 - the only way to tell
        raise InputFileError(f"{name!r} is no encoding of text files.", code="unknown_encoding")
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def text_chunks(
    source: Source, *, gzipped: bool, encoding: str, allowance: Allowance | None = None
) -> Iterator[bytes]:
    """Open a text file: gives its bytes as soon as its head looks like text in that encoding.

    `gzipped`: its name says that it is packed. One that is packed and is not called so is unpacked as well.

    Raises InputFileError: `empty_file`, `not_text`; what the allowance raises.
    """
    chunks = gunzipped(source.chunks(), allowance) if gzipped else plain(source.chunks(), allowance)
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    if not head:
        raise InputFileError("The file is empty.", code="empty_file")
    _refuse_garbage(head[:HEAD_BYTES], encoding)
    return chain([head.removeprefix(_OWN_BOMS.get(encoding, b""))], chunks)


def _refuse_garbage(head: bytes, encoding: str) -> None:
    if not encoding.startswith(("utf-16", "utf-32")):
        for mark, wide in _WIDE_BOMS:
            if head.startswith(mark):
                message = f"The file is {wide.upper()}, not {encoding.removesuffix('-sig')}; name `encoding: {wide}` in the job spec."
                raise InputFileError(message, code="not_text")
    try:
        text = codecs.getincrementaldecoder(encoding)(_MARKING).decode(head)
    except UnicodeError as error:
        message = (
            f"The file does not begin like {encoding} text ({error}); name {encoding}-le or {encoding}-be."
        )
        raise InputFileError(message, code="not_text") from error
    if UNDECODABLE in text or "\0" in text:  # a column may well be called PAR1
        for signature, what in _SIGNATURES.items():
            if head.startswith(signature):
                raise InputFileError(f"The file is not text: it is {what}.", code="not_text")
    guess = likely_encoding(head) if "\0" in text or UNDECODABLE in text else None
    named = (
        f" It reads as {guess.encoding} ({guess.example!r}): if that is right, write `encoding: {guess.encoding}` in the job spec."
        if guess
        else ""
    )
    controls = len(text) - len(text.translate(_CONTROLS))
    if controls > max(_FEW, len(text) // 20):
        raise InputFileError(
            f"The file is not text: it is full of control characters.{named}", code="not_text"
        )
    odd = text.count(UNDECODABLE)
    is_other = guess and encoding == "utf-8-sig" and text.count("\0") + odd > 1 and not _has_utf8(text)
    if is_other or odd > max(_FEW, len(text) // 3):
        advice = named or " If it has another encoding, write it in the job spec (`encoding`)."
        message = f"The file is not {encoding.removesuffix('-sig')} text.{advice}"
        raise InputFileError(message, code="not_text")


def _has_utf8(text: str) -> bool:
    """Tell whether a text holds characters beyond ASCII that were encoded as they should be."""
    return not text.replace(UNDECODABLE, "").isascii()


def utf8_chunks(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Turn bytes of any encoding into UTF-8 without a mark; what is undecodable stays invalid UTF-8."""
    if encoding != "utf-8-sig":
        decoder = codecs.getincrementaldecoder(encoding)(_MARKING)
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
        return
    left = iter(chunks)
    head = b""
    for chunk in left:
        head += chunk
        if len(head) >= len(codecs.BOM_UTF8):
            break
    yield head.removeprefix(codecs.BOM_UTF8)
    yield from left


# Where `str.splitlines` cuts as well.
_NO_LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def text_lines(chunks: Iterable[bytes], encoding: str, most: int = MAX_LINE_CHARACTERS) -> Iterator[str]:
    r"""Cut text at `\n`, `\r\n` and `\r`, and give each physical line with its end.

    Of a line of more than `most` characters, its end included, only the first `most` are given.
    """
    return chain.from_iterable(lists_of_text_lines(chunks, encoding, most))


def lists_of_text_lines(
    chunks: Iterable[bytes], encoding: str, most: int = MAX_LINE_CHARACTERS
) -> Iterator[list[str]]:
    """Give the lines that `text_lines` gives, those that end in the same piece of the file together."""
    begun: list[str] = []
    held = 0
    for text in _decoded(chunks, encoding):
        lines = _physical_lines(text)
        if not lines:
            continue
        if held <= most:
            begun.append(lines[0])
        held += len(lines[0])
        last = None if lines[-1][-1] in "\r\n" else lines.pop()
        if not lines:
            continue  # the line goes on
        lines[0] = "".join(begun)
        yield [line[:most] for line in lines] if max(held, len(text)) > most else lines
        begun, held = ([], 0) if last is None else ([last], len(last))
    if held:
        yield ["".join(begun)[:most]]


def _physical_lines(text: str) -> list[str]:
    """Cut text at its line ends, which are less than what `str.splitlines` takes for such, in a third of the time."""
    if any(map(text.__contains__, _NO_LINE_ENDS)):
        return io.StringIO(text, newline="").readlines()
    return text.splitlines(keepends=True)


def _decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    r"""Give text in pieces, of which none ends between `\r` and `\n`."""
    decoder = codecs.getincrementaldecoder(encoding)(_MARKING)
    decode = io.IncrementalNewlineDecoder(decoder, translate=False).decode
    for chunk in chunks:
        for start in range(0, len(chunk), PIECE_BYTES):
            yield decode(chunk[start : start + PIECE_BYTES])
    yield decode(b"", final=True)


def is_cut_off(line: str, most: int = MAX_LINE_CHARACTERS) -> bool:
    """Tell whether `text_lines` gave only the beginning of a line."""
    return len(line) >= most and line[-1] not in "\r\n"


def too_long_line(most: int) -> str:
    """Say what is wrong with a line of which only the beginning was given."""
    return f"The line has more than {most:,} characters, which MAX_BYTES_PER_VALUE sets."


def flaw_of(text: str) -> tuple[str, str] | None:
    """Say what makes text unfit to be a row, as code and message; None when nothing does."""
    if UNDECODABLE in text:
        return "invalid_encoding", UNDECODED
    if "\0" in text:
        return "nul_character", WITH_NUL
    return None
