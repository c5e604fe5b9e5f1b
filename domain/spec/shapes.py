"""Files that are no table to be asked about, told by the shape of their first rows: each is refused by name.

Nothing is sent on a guess. What these shapes mean is known, and it is never "send the one text in it": they are batch
requests in other words, answers, conversations, records beside a data set, or documents that hold their rows otherwise.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from domain.spec.suggestions import reach, text_of, user_message

Values = Mapping[str, Any]

LOOKED_AT = 100  # rows
REQUEST_KEYS = ("custom_id", "method", "url", "body")
EXAMPLE = '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {...}}'
AS_SPEC = 'Or write a job spec (`_batch.yaml`) that says how its rows become requests, such as `messages: "{{ %s }}"`.'


class Shape(NamedTuple):
    """What a file is, and what to do with it. `code` goes into the error record."""

    code: str
    message: str


def shape_of(rows: Iterable[Values]) -> Shape | None:
    """Recognise a file by its first rows; None where they may be rows of a table."""
    found = list(rows)[:LOOKED_AT]
    if len(found) == 1 and (document := _of_document(found[0])):
        return document
    for values in found:
        for recognise in _OF_ROWS:
            if shape := recognise(values):
                return shape
    return None


# --- batch requests ---------------------------------------------------------------------------------------------------


def is_complete_request(values: Values) -> bool:
    """Tell whether a row has all that a request has, whatever the values are."""
    return all(key in values for key in REQUEST_KEYS) and isinstance(values["body"], Mapping)


def missing_pieces(values: Values) -> str:
    """Say in a few words what keeps a row from being a request: `` `method`, `url` are missing``."""
    missing = [key for key in REQUEST_KEYS if key not in values]
    parts = []
    if missing:
        parts.append(f"{_named(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    others = {name.strip().casefold(): name for name in values}
    alike = [f"`{others[key]}` should be `{key}`" for key in missing if key in others]
    if alike:
        parts.append(", ".join(alike))
    if "body" in values and not isinstance(values["body"], Mapping):
        parts.append("`body` is no object")
    return "; ".join(parts)


def _request_elsewhere(values: Values) -> Shape | None:
    if not is_complete_request(values):
        return None
    return Shape(
        "no_text_column",
        "The rows are batch requests. A ready-made file has one on each line, and its name ends in .jsonl or .jsonl.gz.",
    )


def _other_request(values: Values) -> Shape | None:
    """Recognise batch lines of other services: their requests lie under other names."""
    for key, whose, within in _OTHER_REQUESTS:
        value = values.get(key)
        in_parts = isinstance(value, list) and value and all(isinstance(part, Mapping) for part in value)
        if isinstance(value, Mapping) or (in_parts and key in _LISTS and not _has_words_of_ours(values)):
            return Shape(
                "other_batch_format",
                f"The lines look like batch requests of another form (`{key}`, as {whose} has it): "
                f"{missing_pieces(values)}. Requests read {EXAMPLE}. {AS_SPEC % within}",
            )
    return None


_OTHER_REQUESTS = (
    ("params", "Anthropic", "params.messages"),
    ("modelInput", "Amazon Bedrock", "modelInput.messages"),
    ("request", "Gemini", "request.messages"),
    ("contents", "Gemini", "contents"),
    ("instances", "Vertex AI", "instances"),
)
_LISTS = ("contents", "instances")
# Keys of batch requests, ours and others', in lower case.
KEYS_OF_REQUESTS = frozenset(
    {*REQUEST_KEYS, "messages", "key", *(key.casefold() for key, _, _ in _OTHER_REQUESTS)}
)


def _has_words_of_ours(values: Values) -> bool:
    return any(key in values for key in REQUEST_KEYS)


def _incomplete_request(values: Values) -> Shape | None:
    """Recognise a request with pieces missing: by its id, or by what lies beside its conversation."""
    names = {name.strip().casefold() for name in values}
    body = values.get("body")
    pieces = names.intersection(REQUEST_KEYS)
    has_body = isinstance(body, Mapping) and not _BODY_KEYS.isdisjoint(body)
    is_bare_body = "model" in names and not names.isdisjoint(_ASKED_OF_A_MODEL)
    meant = (
        has_body
        or is_bare_body
        or len(pieces) > 2
        or (pieces and "custom_id" in pieces and (len(pieces) > 1 or _has_conversation(values)))
    )
    if not meant:
        return None
    column = next((name for name in values if _is_conversation(values[name])), "body.messages")
    return Shape(
        "incomplete_request",
        f"The lines look like batch requests, but {missing_pieces(values)}. Requests read {EXAMPLE}. {AS_SPEC % column}",
    )


_BODY_KEYS = frozenset({"model", "messages", "input", "prompt"})
_ASKED_OF_A_MODEL = _BODY_KEYS - {"model"}


# --- answers, ours and others' ----------------------------------------------------------------------------------------


def _answer(values: Values) -> Shape | None:
    names = values.keys()
    for keys, what in _ANSWERS:
        if keys <= names:
            return Shape(
                "already_answered",
                f"The file is {what} and not an input. To ask about them, put a job spec (`_batch.yaml`) beside it "
                "that names the column to send.",
            )
    return None


_ANSWERS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"file", "row", "custom_id", "finish_reason", "usage"}), "the results of this pipeline"),
    (
        frozenset({"file", "custom_id", "outcome", "code", "message", "attempts"}),
        "the error records of this pipeline",
    ),
    (frozenset({"schema_version", "pipeline_version"}), "the metadata of this pipeline"),
    (frozenset({"snapshot_id", "files", "done", "tally"}), "a snapshot's report of this pipeline"),
    (frozenset({"job_spec", "mistakes", "files"}), "this pipeline's note about a job spec"),
    (frozenset({"snapshot", "files_rejected", "files"}), "this pipeline's note about rejected files"),
    (frozenset({"custom_id", "response"}), "the answers of a batch"),
    (frozenset({"custom_id", "result"}), "the answers of a batch"),
    (frozenset({"custom_id", "error"}), "the errors of a batch"),
    (frozenset({"key", "response"}), "the answers of a batch"),
    (frozenset({"recordId", "modelOutput"}), "the answers of a batch"),
)


# --- data sets --------------------------------------------------------------------------------------------------------


def _turn(values: Values) -> Shape | None:
    """Recognise a conversation with a row for each of its turns."""
    if values.get("role") not in _SPEAKERS or "content" not in values:
        return None
    return Shape(
        "chat_data",
        "The rows are the turns of conversations (`role`, `content`): a row is a request, so each would be sent alone. Write a "
        'row for each conversation, with its turns in a list, and `messages: "{{ messages }}"` in a job spec.',
    )


_SPEAKERS = ("system", "developer", "user", "assistant", "tool")


def _chat(values: Values) -> Shape | None:
    column = next((name for name in values if _is_conversation(values[name])), None)
    if column is None:
        return None
    where = column if column.isidentifier() else reach(column)
    return Shape(
        "chat_data",
        f"The rows hold whole conversations, in `{column}`. To send them as they are, write a job spec "
        f"(`_batch.yaml`) with `messages: {text_of(where)}`; to send a part of them, name it in a template.",
    )


def _has_conversation(values: Values) -> bool:
    return any(map(_is_conversation, values.values()))


def _is_conversation(value: object) -> bool:
    """Tell a list of turns, each with who speaks and what is said."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return False
    return all(
        isinstance(turn, Mapping) and any(speaker in turn and said in turn for speaker, said in _TURNS)
        for turn in value
    )


_TURNS = (("role", "content"), ("role", "parts"), ("from", "value"), ("speaker", "text"))


def _preferences(values: Values) -> Shape | None:
    """Recognise pairs of answers to choose from, as training data have them."""
    pair = next((pair for pair in _PAIRS if set(pair) <= values.keys()), None)
    asked = next((name for name in ("prompt", "input", "question") if name in values), None)
    if pair is None or asked is None:
        return None
    is_text = isinstance(values.get(asked), str)
    line = user_message(reach(asked)) if is_text else f"messages: {text_of(f'{asked}.messages')}"
    return Shape(
        "chat_data",
        f"The rows are training data: each has a preferred answer and another one ({_named(pair)}). To have what is asked answered anew, write a "
        f"job spec (`_batch.yaml`) with `{line}`.",
    )


_PAIRS = (("chosen", "rejected"), ("preferred_output", "non_preferred_output"))


def _service_error(values: Values) -> Shape | None:
    """Recognise the error message of a service, saved in place of what was asked for."""
    error = values.get("error")
    is_of_batch = not {"custom_id", "key", "recordId"}.isdisjoint(values)
    if not isinstance(error, Mapping) or "message" not in error or len(values) > _FEW_KEYS or is_of_batch:
        return None
    said = str(error["message"])[:200]
    return Shape(
        "not_rows", f"The file is an error message of a service ({said!r}), saved in place of the data."
    )


_FEW_KEYS = 3


def _instructions(values: Values) -> Shape | None:
    """Recognise rows whose text is only half of what is asked: instructions lie in a column of their own."""
    named = [name for name in values if name.strip().casefold() in _INSTRUCTIONS]
    others = [name for name in values if name.strip().casefold() in _ASKED]
    if not named or not others or not isinstance(values[named[0]], str):
        return None
    return Shape(
        "no_text_column",
        f"The rows have instructions in `{named[0]}` beside `{others[0]}`: to send one without the other would be a guess. "
        "Say in a job spec (`_batch.yaml`) how they become a request: `messages: [{role: system, content: "
        f"{text_of(reach(named[0]))}}}, {{role: user, content: {text_of(reach(others[0]))}}}]`.",
    )


_INSTRUCTIONS = frozenset({"instruction", "instructions", "system", "system_prompt", "system prompt"})
_ASKED = frozenset({"text", "prompt", "input", "question", "query", "content"})


def _bulk(values: Values) -> Shape | None:
    """Recognise the lines between the documents of a bulk file."""
    action = next(iter(values.values()), None)
    if len(values) != 1 or _BULK_ACTIONS.isdisjoint(values) or not isinstance(action, Mapping):
        return None
    if not all(name.startswith("_") for name in action):
        return None
    return Shape(
        "not_rows",
        "The file is a bulk file of Elasticsearch: every second line is an action. Take those lines out.",
    )


_BULK_ACTIONS = frozenset({"index", "create", "update", "delete"})


def _side_file(values: Values) -> Shape | None:
    for keys, what in _SIDE_FILES:
        if keys <= values.keys() and not all(isinstance(values[key], str) for key in keys):
            return Shape(
                "side_file",
                f"The file is {what}, not data: there is nothing in it to ask about. Leave it out.",
            )
    return None


_SIDE_FILES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"_data_files", "_fingerprint"}), "the `state.json` of a Hugging Face data set"),
    (
        frozenset({"_fingerprint", "_format_type"}),
        "the `state.json` of a Hugging Face data set",
    ),
    (frozenset({"features", "citation"}), "the `dataset_info.json` of a Hugging Face data set"),
    (frozenset({"features", "splits"}), "the `dataset_info.json` of a Hugging Face data set"),
    (frozenset({"features", "builder_name"}), "the `dataset_info.json` of a Hugging Face data set"),
    (frozenset({"features", "homepage", "license"}), "the `dataset_info.json` of a Hugging Face data set"),
    (frozenset({"commitInfo"}), "a commit of a Delta table's log"),
    (frozenset({"metaData", "protocol"}), "a commit of a Delta table's log"),
    (frozenset({"format-version", "table-uuid"}), "the metadata of an Iceberg table"),
    (frozenset({"pandas_version", "columns", "index_columns"}), "the metadata that pandas keeps of a table"),
)


# --- documents: one object that is no row -----------------------------------------------------------------------------


def _of_document(values: Values) -> Shape | None:
    for recognise in (_service_error, _geojson, _columns_of_pandas, _split, _lists_of_columns, _rows_within):
        if shape := recognise(values):
            return shape
    return None


def _geojson(values: Values) -> Shape | None:
    if values.get("type") not in _GEOJSON or _GEOJSON_KEYS.isdisjoint(values):
        return None
    return Shape(
        "not_rows",
        "The file is GeoJSON: one document, not rows. Write its features line by line, as objects with the columns "
        "to be asked about (`jq -c '.features[].properties'`), into a .jsonl file.",
    )


_GEOJSON = ("FeatureCollection", "Feature", "GeometryCollection", "Topology")
_GEOJSON_KEYS = frozenset({"features", "geometry", "geometries", "objects"})


def _columns_of_pandas(values: Values) -> Shape | None:
    return (
        Shape("not_rows", COLUMN_BY_COLUMN % ", as `to_json()` of pandas writes it by default")
        if is_column_oriented(values)
        else None
    )


def is_column_oriented(values: Values) -> bool:
    """Tell a document that holds a table column by column: each an object from row label to value, all with the same."""
    columns = list(values.values())
    if not columns or not all(isinstance(column, Mapping) and column for column in columns):
        return False
    labels = list(columns[0])
    if any(list(column) != labels for column in columns):
        return False
    by_column = labels == [str(number) for number in range(len(labels))]
    by_row = list(values) == [str(number) for number in range(len(values))]
    return by_column or by_row


COLUMN_BY_COLUMN = (
    "The file holds a table in one object%s, not a row for each object. Write it row by row: in pandas "
    '`to_json(..., orient="records", lines=True)`, with a name that ends in .jsonl.'
)


def _split(values: Values) -> Shape | None:
    is_split = {"columns", "data"} <= values.keys() and isinstance(values["data"], list)
    is_table = {"schema", "data"} <= values.keys() and isinstance(values["schema"], Mapping)
    if not is_split and not is_table:
        return None
    return Shape("not_rows", COLUMN_BY_COLUMN % f' (pandas\' `orient="{"split" if is_split else "table"}"`)')


def _lists_of_columns(values: Values) -> Shape | None:
    columns = list(values.values())
    if len(columns) < 2 or not all(isinstance(column, list) and column for column in columns):
        return None
    if len({len(column) for column in columns}) > 1 or _has_conversation(values):
        return None
    return Shape("not_rows", COLUMN_BY_COLUMN % ", a list for each column")


def _rows_within(values: Values) -> Shape | None:
    """Recognise an object around the rows: `{"data": [{...}, {...}]}`."""
    lists = [
        name
        for name, value in values.items()
        if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value)
    ]
    if len(lists) != 1 or _is_conversation(values[lists[0]]) or len(values[lists[0]]) < 2:
        return None
    if set(map(str.casefold, values)) & set(REQUEST_KEYS):
        return None
    return Shape(
        "not_rows",
        f"The file is one object, and its rows seem to lie in `{lists[0]}`. Rows are the elements of the outermost array, or "
        f"one on each line: `jq -c '.[\"{lists[0]}\"][]'` into a .jsonl file.",
    )


def _named(keys: Iterable[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


_OF_ROWS: tuple[Callable[[Values], Shape | None], ...] = (
    _request_elsewhere,
    _answer,
    _other_request,
    _incomplete_request,
    _preferences,
    _chat,
    _turn,
    _bulk,
    _instructions,
    _side_file,
)
