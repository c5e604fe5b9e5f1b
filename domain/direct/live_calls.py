"""From rows to live calls and back: several texts may share one, each row gets an answer line of its own."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from domain.service.answer_lines import AnswerLine, Response
from domain.service.endpoints import NOT_LIVE, Endpoint
from domain.tokens import quota_tokens

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class _Line(msgspec.Struct):
    custom_id: str
    body: dict[str, Any]


class _Embedding(msgspec.Struct, kw_only=True):
    object: str = "embedding"
    index: int = 0
    embedding: msgspec.Raw


class _Embeddings(msgspec.Struct, kw_only=True):
    object: str = "list"
    data: list[_Embedding]
    model: str = ""
    usage: dict[str, Any] = {}


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_embeddings = msgspec.json.Decoder(_Embeddings).decode


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call: the rows it answers, in the order of its inputs, and what it sends."""

    rows: tuple[int, ...]
    custom_ids: tuple[str, ...]
    body: dict[str, Any]
    weights: tuple[int, ...]  # characters of each row's input: its part of the usage
    inputs: int  # vectors to be answered; 0: it asks for something else
    # That it may take, as the service's limits count them: a part of the characters, and the most it may answer.
    tokens: int

    def only(self, place: int) -> "LiveCall":
        """Give the part of a shared call that is one row's."""
        return msgspec.structs.replace(
            self,
            rows=(self.rows[place],),
            custom_ids=(self.custom_ids[place],),
            weights=(self.weights[place],),
            inputs=1,
        )


class CallMaker:
    """Makes calls of rows. `line_of(row)` gives a row's request line; `is_alone(row)` forbids it to share a call.

    Rows share a call only with those of the same `part_of(row)`.
    """

    def __init__(
        self,
        line_of: Callable[[int], bytes],
        is_alone: Callable[[int], bool],
        *,
        model: str,
        endpoint: Endpoint,
        inputs_per_request: int,
        part_of: Callable[[int], int] = lambda _: 0,
    ) -> None:
        self._line_of, self._is_alone, self._part_of = line_of, is_alone, part_of
        self._model, self._endpoint = model, endpoint
        self._text_key = endpoint.text_key or ""
        self._most = inputs_per_request if endpoint.shares_calls else 1

    def next_call(self, rows: deque[int]) -> LiveCall:
        """Take the next row from the queue, and with it those that can share its call."""
        first = rows.popleft()
        line = self._read(first)
        taken = [(first, line)]
        key = self._key(first, line)
        while key is not None and rows and len(taken) < self._most:
            other = self._read(rows[0])
            if self._key(rows[0], other) != key:
                break
            taken.append((rows.popleft(), other))
        return self._call(taken)

    def halves(self, call: LiveCall) -> list[LiveCall]:
        """Make two calls of one that several rows share."""
        middle = len(call.rows) // 2
        halves = (call.rows[:middle], call.rows[middle:])
        return [self._call([(row, self._read(row)) for row in rows]) for rows in halves]

    def _key(self, row: int, line: _Line) -> tuple[int, bytes] | None:
        if self._most == 1 or self._is_alone(row):
            return None
        key = _group_key(line.body, self._text_key)
        return None if key is None else (self._part_of(row), key)

    def _read(self, row: int) -> _Line:
        return _decode_line(self._line_of(row))

    def _call(self, taken: list[tuple[int, _Line]]) -> LiveCall:
        body = {name: value for name, value in taken[0][1].body.items() if name not in NOT_LIVE}
        body["model"] = self._model
        if len(taken) > 1:
            body[self._text_key] = [line.body[self._text_key] for _, line in taken]
        return LiveCall(
            rows=tuple(row for row, _ in taken),
            custom_ids=tuple(line.custom_id for _, line in taken),
            body=body,
            weights=tuple(len(str(line.body.get(self._text_key, ""))) for _, line in taken),
            inputs=_inputs(body.get(self._text_key)) if self._endpoint.has_vectors else 0,
            tokens=quota_tokens(len(_encode(body))) + (self._endpoint.most_output_tokens(body) or 0),
        )


def _group_key(body: dict[str, Any], text_key: str) -> bytes | None:
    """Give what bodies must have in common to share a call; None for one whose input is not a single text."""
    if not isinstance(body.get(text_key), str):
        return None
    return _encode_sorted({name: value for name, value in body.items() if name != text_key})


def _inputs(asked: Any) -> int:
    """Count the inputs that a body asks for: a text, a list of tokens, or a list of either."""
    one = not isinstance(asked, list) or any(isinstance(part, int) for part in asked)
    return 1 if one else len(asked)


def answer_lines(
    call: LiveCall, status: int, body: bytes, request_id: str, marks: Sequence[str] = ()
) -> dict[int, bytes]:
    """Write the answer line of each row, by row; of embeddings, only for rows whose vectors the answer holds once.

    `body` is JSON on one line. Raises msgspec.DecodeError where embeddings were asked for, and it is none.
    """
    as_it_came = {call.rows[0]: _line(call.custom_ids[0], status, body, request_id, marks)}
    if status != 200 or not call.inputs:
        return as_it_came
    answer = _decode_embeddings(body)
    found: dict[int, list[_Embedding]] = {}
    for embedding in answer.data:
        found.setdefault(embedding.index, []).append(embedding)
    if len(call.rows) == 1 and len(answer.data) == call.inputs:
        return as_it_came if found.keys() == set(range(call.inputs)) else {}
    if len(call.rows) < call.inputs:
        return {}
    parts = _split_usage(answer.usage, call.weights)
    lines = {}
    for place, (row, custom_id) in enumerate(zip(call.rows, call.custom_ids, strict=True)):
        if len(found.get(place, [])) == 1:
            (own,) = found[place]
            own.index = 0
            part = _Embeddings(object=answer.object, data=[own], model=answer.model, usage=parts[place])
            lines[row] = _line(custom_id, status, _encode(part), request_id, marks)
    return lines


def _line(custom_id: str, status: int, body: bytes, request_id: str, marks: Sequence[str]) -> bytes:
    response = Response(status_code=status, request_id=request_id, body=msgspec.Raw(body))
    line = AnswerLine(custom_id=custom_id, response=response, marks=list(marks) or msgspec.UNSET)
    return _encode(line)


def _split_usage(usage: dict[str, Any], weights: tuple[int, ...]) -> list[dict[str, Any]]:
    """Split each count of a shared call, so that the parts add up to it exactly."""
    counts = {name: value for name, value in usage.items() if isinstance(value, int)}
    parts = {name: split(value, weights) for name, value in counts.items()}
    return [{name: parts[name][place] for name in parts} for place in range(len(weights))]


def split(total: int, weights: tuple[int, ...]) -> list[int]:
    """Split a whole number by weights into whole numbers that add up to it: largest remainders first."""
    sum_of_weights = sum(weights)
    if not sum_of_weights:
        weights, sum_of_weights = (1,) * len(weights), len(weights)
    parts = [total * weight // sum_of_weights for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: -(total * weights[place] % sum_of_weights))
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return parts
