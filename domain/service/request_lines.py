"""Ready-made batch requests: split the bytes of a file into lines, check each line before anything is sent.

The rules are the service's own (Azure OpenAI Batch, "How to use global batch", read 2026-11): one JSON object per line
with `custom_id`, `method`, `url` and `body`; `custom_id` unique in the file; one `url` and one `model` per file.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Literal

import msgspec

from domain.bounds import MAX_VALUE_BYTES
from domain.json_depth import MAX_JSON_DEPTH, TOO_DEEP, TOO_WIDE, is_too_deep, is_too_wide
from domain.service.endpoints import BY_URL
from domain.service.json_flaws import why_invalid
from domain.service.seen_ids import SeenIds

UTF8_BOM = b"\xef\xbb\xbf"
OTHER_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
MAX_LINE_BYTES = MAX_VALUE_BYTES  # one request with several images as data URIs stays well below


class _KnownBody(msgspec.Struct, gc=False):
    model: str


class _KnownLine(msgspec.Struct, gc=False):
    custom_id: str
    method: Literal["POST"]
    url: str
    body: _KnownBody


class _Identified(msgspec.Struct):
    custom_id: str


_CLOSING = ord("}")

_decode = msgspec.json.Decoder().decode
_decode_identified = msgspec.json.Decoder(_Identified).decode
_decode_known = msgspec.json.Decoder(_KnownLine).decode
_encode = msgspec.json.Encoder().encode


class Request(msgspec.Struct, frozen=True):
    """One request that may be sent. `line` is the JSON text without line end; `number` counts lines from 1."""

    number: int
    custom_id: str
    line: bytes
    changed: bool  # the text differs from what the file holds


class BadLine(msgspec.Struct, frozen=True):
    """One line that never becomes a request, and why. `custom_id` is None where none could be read."""

    number: int
    code: str
    message: str
    line: bytes
    custom_id: str | None = None


def custom_id_of(line: bytes) -> str:
    """Read the `custom_id` of a request line that was checked."""
    return _decode_identified(line).custom_id


def split_lines(chunks: Iterable[bytes], most: int = MAX_LINE_BYTES) -> Iterator[bytes]:
    r"""Cut a stream of bytes at `\n`, and nowhere else: JSON strings may hold U+2028.

    Each line comes without its `\n`. A line longer than `most` is cut off there, one byte over the limit, so that memory
    stays bounded and the reader can tell.
    """
    return chain.from_iterable(lists_of_lines(chunks, most))


def lists_of_lines(chunks: Iterable[bytes], most: int = MAX_LINE_BYTES) -> Iterator[list[bytes]]:
    """Give the lines that `split_lines` gives, those that end in the same chunk together."""
    begun: list[bytes] = []
    held = 0
    for chunk in chunks:
        lines = chunk.split(b"\n")
        if held <= most:
            begun.append(lines[0])
            held += len(lines[0])
        if len(lines) == 1:
            continue
        last = lines.pop()
        lines[0] = b"".join(begun)
        is_cut = max(len(chunk), held) > most
        yield [line[: most + 1] for line in lines] if is_cut else lines
        begun, held = [last], len(last)
    if held:
        yield [b"".join(begun)[: most + 1]]


class RequestChecker:
    """Checks the lines of one file in their order; remembers what later lines must agree with.

    A line without `model` gets `default_model`; one of more than `most` bytes is a bad one. The first good line decides the file's `model` and `url`.
    """

    def __init__(self, default_model: str | None, most: int = MAX_LINE_BYTES) -> None:
        self._default_model, self._most = default_model, most
        self._small = min(most, 2 * MAX_JSON_DEPTH)  # bytes; each level of JSON takes two at least
        self._seen = SeenIds()
        self._number = 0
        self.model: str | None = None
        self.url: str | None = None
        self.output_tokens: int | None = None  # at most, of an answer, as the first good line has it

    def check(self, line: bytes) -> Request | BadLine | None:
        """Judge the next line; None for a blank one."""
        self._number += 1
        return self._check_like_the_others(line) or self._check_by_every_rule(line)

    def accept(self, lines: Sequence[bytes]) -> list[str] | None:
        """Take lines of which each is as good, and as usual, as those before, and give their texts.

        None, and nothing is done, for others: each of them is to be checked by itself.
        """
        found = self._like_the_others(lines)
        if found is None:
            return None
        self._number += len(lines)
        return found[1]

    def _check_like_the_others(self, line: bytes) -> Request | None:
        found = self._like_the_others((line,))
        return Request(self._number, found[0][0], line, changed=False) if found else None

    def _like_the_others(self, lines: Sequence[bytes]) -> tuple[list[str], list[str]] | None:
        """Give the ids, and the texts, of lines that have what the good ones before them had; None when one of them takes a closer look.

        Nearly every line of nearly every file ends here. The JSON is checked, its values are not made: that halves the
        time, and so does taking each step for all lines. The one rule that is left to the service this way is that
        numbers must fit into 64-bit floats.
        """
        if self.url is None:
            return None
        try:
            found = [_decode_known(line) for line in lines]
            texts = list(map(bytes.decode, lines))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        count = len(lines)
        if (
            [each.url for each in found].count(self.url) < count
            or [each.body.model for each in found].count(self.model or "") < count
            or [line[-1] for line in lines].count(_CLOSING) < count
            or (max(map(len, lines), default=0) > self._small and any(map(self._is_too_large, lines)))
        ):
            return None
        ids = [each.custom_id for each in found]
        return (ids, texts) if "" not in ids and self._seen.add_all(ids) else None

    def _is_too_large(self, line: bytes) -> bool:
        return len(line) > self._most or is_too_deep(line)

    def _check_by_every_rule(self, line: bytes) -> Request | BadLine | None:
        text = line.rstrip(b"\r")
        if self._number == 1:
            text = text.removeprefix(UTF8_BOM)
        if not text.strip():
            return None
        try:
            request = self._parse(text)
            custom_id = self._custom_id(request)
        except _BadLineError as bad:
            return BadLine(self._number, bad.code, str(bad), text)
        try:
            added = self._agree(request)
        except _BadLineError as bad:
            return BadLine(self._number, bad.code, str(bad), text, custom_id)
        self._seen.add(custom_id)
        sent = _encode(request) if added else text
        return Request(self._number, custom_id, sent, changed=len(sent) != len(line) or added)

    def _parse(self, text: bytes) -> dict[str, Any]:
        if len(text) > self._most:
            message = f"The line is longer than {self._most:,} bytes, which MAX_BYTES_PER_VALUE sets."
            raise _BadLineError("line_too_long", message)
        if is_too_wide(text):
            raise _BadLineError("line_too_long", TOO_WIDE)
        if self._number == 1 and (encoding := OTHER_BOMS.get(text[:2])):
            raise _BadLineError("invalid_encoding", f"The file is {encoding}; save it as UTF-8.")
        if text.startswith(UTF8_BOM):
            raise _BadLineError(
                "invalid_json_line",
                "A byte order mark stands before the line: the file was joined from several. Remove it.",
            )
        if is_too_deep(text):
            raise _BadLineError("invalid_json_line", TOO_DEEP)
        try:
            request = _decode(text)
        except msgspec.DecodeError as error:
            raise _BadLineError("invalid_json_line", why_invalid(text, error)) from error
        except UnicodeDecodeError as error:
            raise _BadLineError(
                "invalid_encoding", f"Not UTF-8 at byte {_valid_bytes(text)} of the line."
            ) from error
        except RecursionError as error:
            raise _BadLineError("invalid_json_line", TOO_DEEP) from error
        if not isinstance(request, dict):
            raise _BadLineError("invalid_request", f"Expected a JSON object, found {_kind(request)}.")
        return request

    def _custom_id(self, request: dict[str, Any]) -> str:
        custom_id = request.get("custom_id")
        if custom_id is None:
            raise _BadLineError("missing_custom_id", "`custom_id` is missing.")
        if not isinstance(custom_id, str) or not custom_id:
            raise _BadLineError(
                "invalid_request",
                f"`custom_id` must be a non-empty string, found {_kind(custom_id)}."
                + ' Write it in quotes: `"custom_id": "1"`.' * isinstance(custom_id, int),
            )
        return custom_id

    def _agree(self, request: dict[str, Any]) -> bool:
        """Check the line against the rules and the lines before it; True when the model had to be added."""
        if request["custom_id"] in self._seen:
            raise _BadLineError(
                "duplicate_custom_id", f"`custom_id` {request['custom_id']!r} was used on a line above."
            )
        if request.get("method") != "POST":
            raise _BadLineError(
                "invalid_request", f'`method` must be "POST", found {_shown(request.get("method"))}.'
            )
        url, body = request.get("url"), request.get("body")
        if not isinstance(url, str) or url not in BY_URL:
            raise _BadLineError(
                "invalid_url",
                f"`url` must be one of {', '.join(BY_URL)}, found {_shown(url)}.{_meant_url(url)}",
            )
        if not isinstance(body, dict):
            raise _BadLineError("invalid_request", f"`body` must be a JSON object, found {_kind(body)}.")
        added = self._add_model(body)
        if self.url not in (None, url):
            raise _BadLineError(
                "url_mismatch", f"`url` is {url!r}, but the file's first request has {self.url!r}."
            )
        if self.model not in (None, body["model"]):
            raise _BadLineError(
                "model_mismatch",
                f"`model` is {body['model']!r}, but the file's first request has {self.model!r}.",
            )
        if self.url is None:
            self.output_tokens = BY_URL[url].most_output_tokens(body)
        self.url, self.model = url, body["model"]
        return added

    def _add_model(self, body: dict[str, Any]) -> bool:
        model = body.get("model")
        if isinstance(model, str) and model:
            return False
        if model is not None and not isinstance(model, str):
            raise _BadLineError("invalid_request", f"`body.model` must be a string, found {_kind(model)}.")
        if not self._default_model:
            raise _BadLineError(
                "missing_model",
                "`body.model` is missing and no default deployment is set (AZURE_OPENAI_DEPLOYMENT).",
            )
        body["model"] = self._default_model
        return True


def _meant_url(url: object) -> str:
    """Name the url that an address ends with: batches take the path alone."""
    if not isinstance(url, str):
        return ""
    path = url.partition("?")[0].rstrip("/")
    meant = next((known for known in BY_URL if path.endswith(known)), None)
    return (
        f" Write `{meant}`, without an address, a deployment or a version: `model` names the deployment."
        if meant
        else ""
    )


class _BadLineError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _valid_bytes(text: bytes) -> int:
    """Count the bytes before the first that is no UTF-8; the JSON decoder counts from the start of a string in the line."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(text)


def _kind(value: object) -> str:
    """Name a JSON value's type as people say it."""
    names = {type(None): "nothing", bool: "true or false", str: "a string", dict: "an object", list: "a list"}
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    """Show a value in a message, cut to a readable length."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
