"""Which column of a table is the text to be sent, where no template says it: the one that is certain, or none.

A column with one of the usual names, else the only one that holds real texts. Numbers, dates, ids, hashes, addresses and
labels are no texts. Whatever is not certain is refused with the line that would settle it.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from domain.errors import InputFileError, RowTemplateError
from domain.spec.shapes import KEYS_OF_REQUESTS, shape_of
from domain.spec.suggestions import reach, user_message
from domain.templates.fields import column_list

DEFAULT_NAMES = ("text", "prompt", "input")
LONGEST_WORD = 30  # letters; what is longer is no word, but a code or data
WORDS_OF_A_TEXT = 5  # where the name says that it is none: names and places have fewer
LONGEST_TOKEN = 100  # characters without white space; what is longer is data, as base64

# Columns of these names hold no text to be asked about, when all they hold is a few words.
_LABELS = re.compile(
    r"(.*[\W_])?(id|ids|key|uuid|guid|hash|fingerprint|sha|sha1|sha256|md5|checksum|etag|code|sku|index|idx|name|file"
    r"|filename|path|uri|url|link|email|date|time|timestamp|status|state|type|kind|label|labels|category|class|lang"
    r"|language|locale|country|city|version|format|gender|currency|unit|tag|tags|split|source|author|user|username)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-+(]?[^\w\s]?\s?\d[\d\s.,'’_:/%+()eE-]*\s?[%€$£¥]?")  # noqa: RUF001 - an apostrophe
_MEASURE = re.compile(r"[-+]?\d[\d.,]*\s?[^\W\d_]{1,3}(?:/[^\W\d_]{1,3})?[²³23]?\.?")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S.*", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{8,}|[0-9A-F]{8,}")
_OF_DATES = re.compile(
    r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun|am|pm|utc|gmt|"
    r"january|february|march|april|june|july|august|september|october|november|december|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday)\.?,?|[\d:/.,+tTzZ-]+(st|nd|rd|th)?,?"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")  # noqa: RUF001 - an apostrophe
_EDGES = " \t\r\n.,;:!?…\"'«»„“”‚‘’()[]{}<>*¿¡-–—/、。！？「」，"  # noqa: RUF001 - punctuation of many languages
# Scripts that write no blanks between words: several such letters are a text.
_WITHOUT_BLANKS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "HANGUL")
_LETTERS_OF_A_TEXT = 4


class Kind(IntEnum):
    """What a value is to a reader."""

    NOTHING = 0
    VALUE = 1  # a number, a date, an id, a hash, an address
    WORD = 2  # one word, as labels have it
    TEXT = 3  # words in a row
    STRUCTURE = 4  # an object, a list, JSON in a text, or data


def text_column(
    columns: Sequence[str],
    first_rows: Iterable[Mapping[str, Any]],
    *,
    names: Sequence[str] = DEFAULT_NAMES,
    is_document: bool = False,
    may_lack_header: bool = False,
) -> str:
    """Give the column that is certainly the text.

    `is_document`: the rows are the one object of a JSON document; `may_lack_header`: the names of the columns come from a
    first line that may be a row. Raises InputFileError, whose message says what the file
    is, or names the columns and the line of a job spec that would decide.
    """
    rows = list(first_rows)
    if shape := shape_of(rows):
        raise InputFileError(shape.message, code=shape.code)
    named = _named(columns, names)
    if may_lack_header and not named and looks_like_a_row(columns, rows):
        raise no_header(columns)
    if len(named) == 1:
        return _holding_texts(named[0], rows)
    if named:
        raise _undecided(
            f"{len(named)} columns hold texts by their names ({', '.join(named)})", columns, named[:1]
        )
    column = _only_column_of_texts(columns, rows, names, is_document=is_document)
    if may_lack_header and not has_header(columns, rows) and kind_of(column) is Kind.TEXT:
        raise no_header(columns)
    return column


def refuse_nothing(text: object) -> None:
    """Refuse a row whose text is nothing to ask about, where no template says that it is sent all the same.

    Raises RowTemplateError (`empty_input`).
    """
    bare = text.strip() if isinstance(text, str) else text
    if bare is None or (isinstance(bare, str) and len(bare) <= _LONGEST_NOTHING and bare in _NOTHING):
        shown = f"is {bare!r}, as tools write where a value is missing" if text else "is empty"
        message = (
            f"The text {shown}: nothing is sent. A job spec with `messages` or `input` sends it as it is."
        )
        raise RowTemplateError(message, code="empty_input")


def may_be_nothing(texts: Iterable[object]) -> bool:
    """Tell whether `refuse_nothing` may refuse one of the values; it refuses none that is no text and not null."""
    try:
        return not _NOTHING.isdisjoint(map(str.strip, texts))  # type: ignore[arg-type] # tried
    except TypeError:
        return True


# As spreadsheets, databases and pandas write what is not there.
_NOTHING = frozenset(
    {
        "#N/A", "#N/A N/A", "#NA", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "-nan", "nan", "NaN", "<NA>", "N/A",
        "n/a", "NA", "NULL", "null", "None", "\\N", "NaT", "",
    }
)  # fmt: skip
_LONGEST_NOTHING = max(map(len, _NOTHING))


def has_header(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell a header from a row by the columns of numbers: it has words there, and a row has numbers."""
    of_numbers = [
        column
        for column in columns
        if (found := [row[column] for row in rows if row.get(column)]) and all(map(_is_number, found))
    ]
    return any(not _is_number(column) for column in of_numbers)


def looks_like_a_row(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether what should be a header has numbers, dates or addresses in it, and no column speaks for a header."""
    return any(_is_number(name) or "://" in name for name in columns) and not has_header(columns, rows)


def _is_number(value: object) -> bool:
    return not isinstance(value, str) or _NUMBER.fullmatch(value.strip()) is not None


def no_header(columns: Sequence[str]) -> InputFileError:
    """Give the refusal of a table whose first line looks like a row."""
    shown = ", ".join(columns)[:LONGEST_TOKEN]
    return InputFileError(
        f"The first line looks like a row, not like a header ({shown}). Write in a job spec (`_batch.yaml`) "
        "`header: false`, and its columns are `column_1`, `column_2`, ... or what `columns: [...]` calls them; or "
        "`header: true`.",
        code="no_header",
    )


def _named(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Find the columns of the usual names: each as it is spelled, else in another case or with blanks around."""
    found = []
    for name in names:
        exact = [column for column in columns if column == name]
        found += exact or [column for column in columns if column.strip().casefold() == name.casefold()]
    return list(dict.fromkeys(found))


def _holding_texts(column: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Hold a column of the usual name against its values: what has parts is no text."""
    if any(isinstance(row.get(column), (Mapping, list, tuple)) for row in rows):
        message = (
            f"`{column}` holds objects or lists, not texts. Say in a job spec (`_batch.yaml`) what of it is to be sent, "
            f"such as `{user_message(reach(column) + ' | tojson')}`."
        )
        raise InputFileError(message, code="no_text_column")
    return column


def _only_column_of_texts(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], names: Sequence[str], *, is_document: bool
) -> str:
    kinds = {column: _kind_of_column(column, [row.get(column) for row in rows]) for column in columns}
    texts = [column for column, kind in kinds.items() if kind is Kind.TEXT]
    words = [column for column, kind in kinds.items() if kind is Kind.WORD]
    structures = [column for column, kind in kinds.items() if kind is Kind.STRUCTURE]
    found = texts or words
    likely = found[:1] or _text_within(structures, rows) or list(columns[:1]) or ["comment"]

    def undecided(what: str, beginning: str = "") -> InputFileError:
        return _undecided(what, columns, likely, beginning)

    if len(found) == 1 and found[0] != "custom_id" and "custom_id" in columns:
        raise undecided(f"`{found[0]}` holds texts, but `custom_id` is a key of batch requests")
    if len(found) == 1 and not texts and all(name.strip().casefold() in KEYS_OF_REQUESTS for name in columns):
        raise undecided(f"`{found[0]}` holds single words, and there are keys of batch requests only")
    if len(found) == 1 and structures:
        raise undecided(f"`{found[0]}` holds texts, but {', '.join(structures)} hold objects, lists or data")
    if len(found) == 1 and is_document:
        raise undecided("the file is a single object, as settings and side files are")
    if len(found) == 1:
        return found[0]
    none = "no column holds texts: there are numbers, ids, labels or objects only"
    raise undecided(
        f"{len(found)} columns hold texts ({', '.join(found)})" if found else none,
        f"None is named {' or '.join(f'`{name}`' for name in names)}, and ",
    )


def _text_within(structures: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the way to the first text in the objects of a column; empty where there is none."""
    for column in structures:
        for row in rows:
            value = row.get(column)
            if isinstance(value, Mapping):
                texts = [name for name, part in value.items() if kind_of(part) is Kind.TEXT]
                if texts:
                    return [column, texts[0]]
    return []


def _undecided(
    found: str, columns: Sequence[str], likely: Sequence[str], beginning: str = ""
) -> InputFileError:
    """Give the refusal; `likely` is the way to what is most likely the text."""
    return InputFileError(
        f"Which column is the text? {beginning}{found}. Nothing is sent on a guess: name it in a job spec "
        f"(`_batch.yaml`) in its folder, such as `{user_message(reach(*likely))}`, or call the column `text`. "
        f"{column_list(columns)}",
        code="no_text_column",
    )


# --- kinds of values --------------------------------------------------------------------------------------------------


def _kind_of_column(name: str, values: Iterable[object]) -> Kind:
    """Say what a column holds. Words count as texts only where none comes twice: labels do."""
    found = [value for value in values if kind_of(value) is not Kind.NOTHING]
    kinds = [kind_of(value) for value in found]
    if Kind.STRUCTURE in kinds:
        return Kind.STRUCTURE
    of_labels = _LABELS.fullmatch(name.strip()) is not None
    if Kind.TEXT in kinds and not (
        of_labels and all(len(str(value).split()) < WORDS_OF_A_TEXT for value in found)
    ):
        return Kind.TEXT
    words = [value for value, kind in zip(found, kinds, strict=True) if kind is Kind.WORD]
    are_labels = of_labels or len(set(words)) < len(words)
    return Kind.WORD if len(words) * 2 > len(found) and not are_labels else Kind.VALUE


def kind_of(value: object) -> Kind:
    """Say what a value is."""
    if isinstance(value, str):
        return _kind_of_text(value.strip())
    if value is None:
        return Kind.NOTHING
    return Kind.STRUCTURE if isinstance(value, (Mapping, list, tuple, bytes)) else Kind.VALUE


def _kind_of_text(text: str) -> Kind:
    if not text:
        return Kind.NOTHING
    if text[0] + text[-1] in ("{}", "[]"):
        return Kind.STRUCTURE
    tokens = text.split()
    if len(tokens) == 1:
        return _kind_of_token(text)
    words = sum(map(_is_word, tokens))
    is_value = (
        _NUMBER.fullmatch(text)
        or _MEASURE.fullmatch(text)
        or (len(tokens) < 4 and _ADDRESS.fullmatch(text))
        or all(_OF_DATES.fullmatch(token) for token in tokens)
    )
    return Kind.TEXT if not is_value and (words * 2 >= len(tokens) or words > 1) else Kind.VALUE


def _kind_of_token(token: str) -> Kind:
    if _NUMBER.fullmatch(token) or _MEASURE.fullmatch(token):
        return Kind.VALUE
    if _letters_without_blanks(token) >= _LETTERS_OF_A_TEXT:
        return Kind.TEXT
    if len(token) > LONGEST_TOKEN:
        return Kind.STRUCTURE
    return Kind.WORD if _is_word(token, least=1) and not _HEX.fullmatch(token) else Kind.VALUE


def _is_word(token: str, least: int = 2) -> bool:
    """Tell a word of so many letters at least."""
    bare = token.strip(_EDGES)
    if _WORD.fullmatch(bare) is None or not least <= len(bare) <= LONGEST_WORD:
        return _letters_without_blanks(bare) > 0
    # Capitals in the middle are those of codes: dXJsaHR0.
    return bare[1:].islower() or bare.isupper() or bare[1:] == bare[1:].swapcase() or not bare[1:]


def _letters_without_blanks(token: str) -> int:
    if token.isascii():
        return 0
    return sum(unicodedata.name(letter, "").startswith(_WITHOUT_BLANKS) for letter in token[:LONGEST_TOKEN])
