"""The job spec: how the rows of a table become requests, and in which shape the answers come back.

`JobSpec` is what the pipeline works with; it is embedded in a file's plan, so it is plain JSON both ways and a new
field gets a default. `parse_spec` reads what people write; what they leave out comes from the settings.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from domain.errors import JobSpecError
from domain.names import JOB_SPEC_NAMES
from domain.service.endpoints import (
    BY_URL,
    DEFAULT_URL,
    ENDPOINTS,
    Endpoint,
    Task,
    Url,
    WantedEngine,
    named,
)
from domain.spec.documents import DocumentError, read_document
from domain.spec.sections import Mistakes, Section, check_json, did_you_mean, shown
from domain.spec.structured import answer_schema, schema_mistakes
from domain.templates.fields import is_one_value, template_mistake

OnDeadline = Literal["cancel", "direct"]
OnTruncated = Literal["keep", "retry", "fail"]
OnFiltered = Literal["keep", "fail"]
OnRefused = Literal["keep", "fail"]
OnInvalidOutput = Literal["ask_again", "retry", "fail"]
OutputFormat = Literal["jsonl", "parquet", "csv", "xlsx"]
Extra = Literal["error", "usage", "cost"]
FailedRows = Literal["file", "inline"]
Per = Literal["file", "folder"]
Pool = Literal["auto", "off"]
Role = Literal["system", "developer", "user", "assistant"]

SHORT_NAMES: dict[str, Url] = {task: endpoint.urls[0] for task, endpoint in ENDPOINTS.items()}
INPUTS_PER_REQUEST = 16
MAX_INPUTS_PER_REQUEST = 2048  # of the embeddings endpoint (Azure OpenAI REST reference, read 2026-11)
MAX_MESSAGES = 100
MAX_PARTS = 100
MAX_COLUMNS = 1000
MAX_SKIPPED_LINES = 1000
MAX_COMMENT_CHARS = 8
QUOTES = ("auto", "none")
MAX_OUTPUT_TOKENS = 10_000_000

MISNAMED = (
    "looks like a job spec, and its name is not one: rename it to `_batch.yaml`, `_batch.yml` or `_batch.json`. Until then the "
    "files of its folder wait. If it is no job spec, give it another name or delete it"
)

_PARTS = [endpoint.parts for endpoint in ENDPOINTS.values() if endpoint.parts]
# A part's type, as some endpoint spells it, and the key of `Part` that goes with it.
PART_TYPES = {parts.text: "text" for parts in _PARTS} | {parts.image: "image_url" for parts in _PARTS}


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a message: a text or an image."""

    text: Annotated[str | None, Meta(description="Template of a text.")] = None
    image_url: Annotated[str | None, Meta(description="Template of an address, or of a `data:` URI.")] = None
    detail: Annotated[Literal["auto", "low", "high"] | None, Meta(description="Of an image.")] = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a conversation."""

    role: Role
    content: Annotated[str | list[Part], Meta(description="A template, or parts with texts and images.")]


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of the results."""

    format: OutputFormat = "jsonl"
    columns: Annotated[
        list[str] | Literal["*"], Meta(description="Columns of the input to carry along; `*` for all.")
    ] = []
    extra: Annotated[
        list[Extra],
        Meta(description="Columns more: how the row ended, the tokens it used, its cost by PRICES."),
    ] = []
    failed: Annotated[
        FailedRows,
        Meta(
            description="Failed rows are in the error file alone, or in their places among the results too."
        ),
    ] = "file"
    per: Annotated[
        Per,
        Meta(
            description="`folder`: when a snapshot ends, the results of its files in the folder of the job spec and below are also "
            "written as one file."
        ),
    ] = "file"


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How rows become requests."""

    endpoint: Annotated[Url, Meta(description="What is asked. Default: `BATCH_ENDPOINT`.")]
    deployment: Annotated[
        str,
        Meta(min_length=1, description="Name of the model deployment. Default: `AZURE_OPENAI_DEPLOYMENT`."),
    ]
    input: Annotated[
        str | None,
        Meta(description=f"For {named(lambda e: e.text_key)}: one template; columns are variables."),
    ] = None
    messages: Annotated[
        list[Message] | str | None,
        Meta(
            description=f"For {named(lambda e: e.messages_key)}: the conversation, as templates; or one expression, the column "
            "that holds a whole one."
        ),
    ] = None
    parameters: Annotated[
        dict[str, Any], Meta(description="Copied into every request: `temperature`, `dimensions`, ...")
    ] = {}
    output: Output = msgspec.field(default_factory=Output)
    engine: Annotated[
        WantedEngine,
        Meta(
            description=f"`auto`: live calls for {named(lambda e: e.auto == 'direct')}, batches for the rest. Default: `ENGINE`."
        ),
    ] = "auto"
    on_deadline: Annotated[
        OnDeadline,
        Meta(
            description="What becomes of requests that no batch has answered in time. Default: `ON_DEADLINE`."
        ),
    ] = "cancel"
    direct_deployment: Annotated[
        str | None,
        Meta(description="Deployment of live calls after the deadline. Default: `DIRECT_DEPLOYMENT`."),
    ] = None
    inputs_per_request: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_INPUTS_PER_REQUEST,
            description=f"Rows sent in one live call for {named(lambda e: e.shares_calls)}.",
        ),
    ] = INPUTS_PER_REQUEST
    on_truncated: Annotated[
        OnTruncated,
        Meta(
            description="What becomes of an answer that was cut at its limit of tokens: it is kept, asked for again, or an error."
        ),
    ] = "keep"
    retry_output_tokens: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=MAX_OUTPUT_TOKENS,
                description="With `on_truncated: retry`: each time the limit is doubled, up to this.",
            ),
        ]
        | None
    ) = None
    on_filtered: Annotated[
        OnFiltered, Meta(description="What becomes of an answer that the content filter cut short.")
    ] = "keep"
    on_refused: Annotated[
        OnRefused, Meta(description="What becomes of an answer in which the model refuses.")
    ] = "keep"
    on_invalid_output: Annotated[
        OnInvalidOutput,
        Meta(
            description="What becomes of an answer that does not fit its schema: it is asked for again, with what was wrong or as before, or an error at once."
        ),
    ] = "ask_again"
    encoding: Annotated[str, Meta(description="Of text files, as Python names it.")] = "utf-8"
    delimiter: (
        Annotated[
            str, Meta(min_length=1, max_length=1, description="Between the fields of csv and tsv files.")
        ]
        | None
    ) = None
    quote: Annotated[
        str,
        Meta(
            pattern="^(auto|none|[^\\r\\n])$",
            description='Around fields of csv and tsv: one character; `none`: quotes are text; `auto`: `"`, and in tsv also text '
            "where it cannot be meant otherwise.",
        ),
    ] = "auto"
    escape: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1)] | None,
        Meta(description="Of csv and tsv: takes its meaning from the character behind it, as `\\` does."),
    ] = None
    header: Annotated[
        bool | None,
        Meta(
            description="Of csv and tsv: `false` where the first line is a row, `true` where it is the header although it "
            "looks like a row."
        ),
    ] = None
    columns: Annotated[
        list[str],
        Meta(description="Names of the columns with `header: false`. Default: `column_1`, `column_2`, ..."),
    ] = []
    skip_lines: Annotated[
        int,
        Meta(
            ge=0, le=MAX_SKIPPED_LINES, description="Lines above the header of csv and tsv: titles, remarks."
        ),
    ] = 0
    comment: Annotated[
        Annotated[str, Meta(min_length=1, max_length=8)] | None,
        Meta(description="Lines of csv and tsv that begin so are no rows, such as `#`."),
    ] = None
    pool: Annotated[
        Pool | None,
        Meta(description="Whether small files share batches; null: as `POOL` says."),
    ] = None

    @property
    def target(self) -> Endpoint:
        """What is known of the endpoint."""
        return BY_URL[self.endpoint]

    @property
    def task(self) -> Task:
        """What is asked, in one word; the name of the answer in the results."""
        return self.target.task

    @property
    def has_templates(self) -> bool:
        """Whether it says itself what is sent; else the column of texts is."""
        return self.input is not None or self.messages is not None

    @property
    def answer_schema(self) -> dict[str, Any] | None:
        """The JSON Schema that answers have to fit; None where none is asked for."""
        return answer_schema(self.target, self.parameters)

    @property
    def checks_answers(self) -> bool:
        """Whether it says more about answers than that there has to be one."""
        wishes = (self.on_truncated, self.on_filtered, self.on_refused)
        return self.answer_schema is not None or wishes != ("keep", "keep", "keep")


class SpecDefaults(msgspec.Struct, frozen=True, kw_only=True):
    """What a job spec need not say, because the settings do."""

    endpoint: Url = DEFAULT_URL
    deployment: str | None = None
    engine: WantedEngine = "auto"
    on_deadline: OnDeadline = "cancel"
    direct_deployment: str | None = None

    def deployment_for(self, endpoint: Url) -> str | None:
        """Give the deployment for an endpoint, unless the default is of a kind that cannot serve it."""
        return self.deployment if BY_URL[endpoint].models == BY_URL[self.endpoint].models else None


def default_spec(defaults: SpecDefaults) -> JobSpec:
    """Give the spec of files that have none. Raises JobSpecError when the settings do not name a deployment."""
    return _read({}, "The settings", defaults)


def parse_spec(content: bytes, name: str, defaults: SpecDefaults = SpecDefaults()) -> JobSpec:  # noqa: B008 - frozen
    """Read a job spec from the text of `_batch.yaml` or `_batch.json`.

    Raises JobSpecError with every mistake in it, each with its path in the document.
    """
    try:
        document = read_document(content, name)
    except DocumentError as error:
        raise JobSpecError(name, error.mistakes) from error
    return _read({} if document is None else document, name, defaults)


def _read(document: object, name: str, defaults: SpecDefaults) -> JobSpec:
    mistakes = Mistakes()
    if not isinstance(document, dict):
        mistakes.add(
            "", f"found {shown(document)}, expected an object with {', '.join(JobSpec.__struct_fields__)}"
        )
        raise JobSpecError(name, mistakes.found)
    if not check_json(document, mistakes):
        raise JobSpecError(name, mistakes.found)
    spec = _spec(Section("", document, mistakes, JobSpec.__struct_fields__), mistakes, defaults)
    if mistakes.found:
        raise JobSpecError(name, mistakes.found)
    return spec


def _spec(top: Section, mistakes: Mistakes, defaults: SpecDefaults) -> JobSpec:
    endpoint = top.choice("endpoint", (*BY_URL, *SHORT_NAMES), defaults.endpoint)
    endpoint = SHORT_NAMES.get(endpoint, endpoint)
    spec = JobSpec(
        endpoint=endpoint,
        deployment=_deployment(top, endpoint, defaults),
        input=_template(top, "input"),
        messages=_messages(top, mistakes),
        parameters=_parameters(top, BY_URL[endpoint], mistakes),
        output=_output(top),
        engine=top.choice("engine", get_args(WantedEngine), defaults.engine),
        on_deadline=top.choice("on_deadline", get_args(OnDeadline), defaults.on_deadline),
        direct_deployment=top.text("direct_deployment", defaults.direct_deployment),
        inputs_per_request=top.whole_number(
            "inputs_per_request", 1, MAX_INPUTS_PER_REQUEST, INPUTS_PER_REQUEST
        ),
        on_truncated=top.choice("on_truncated", get_args(OnTruncated), "keep"),
        retry_output_tokens=_retry_output_tokens(top),
        on_filtered=top.choice("on_filtered", get_args(OnFiltered), "keep"),
        on_refused=top.choice("on_refused", get_args(OnRefused), "keep"),
        on_invalid_output=top.choice("on_invalid_output", get_args(OnInvalidOutput), "ask_again"),
        encoding=_encoding(top),
        delimiter=_character(top, "delimiter", but='"'),
        quote=_quote(top),
        escape=_character(top, "escape"),
        header=_yes_or_no(top, "header"),
        columns=_column_names(top),
        skip_lines=top.whole_number("skip_lines", 0, MAX_SKIPPED_LINES, 0),
        comment=_comment(top),
        pool=top.choice("pool", get_args(Pool), None),
    )
    _contradictions(spec, top)
    return spec


def _deployment(top: Section, endpoint: Url, defaults: SpecDefaults) -> str:
    deployment = top.text("deployment", defaults.deployment_for(endpoint))
    if deployment is None and not top.given("deployment"):
        why = f"AZURE_OPENAI_DEPLOYMENT is not set for {endpoint}"
        top.wrong("deployment", f"missing: name the model deployment here; {why}")
    return deployment or ""


def _template(section: Section, key: str) -> str | None:
    """Read a template and try it out, so that its mistakes show before any row does."""
    source = section.text(key)
    if source is not None and (mistake := template_mistake(source)):
        section.wrong(key, mistake)
    return source


def _messages(top: Section, mistakes: Mistakes) -> list[Message] | str | None:
    if isinstance(top.value("messages"), str):
        return _conversation(top)
    entries = top.list_of("messages", MAX_MESSAGES)
    if entries is None:
        return None
    return [_message(f"messages[{index}]", entry, mistakes) for index, entry in enumerate(entries)]


def _conversation(top: Section) -> str | None:
    """Read the expression that gives a whole conversation."""
    source = _template(top, "messages")
    if source is not None and not template_mistake(source) and not is_one_value(source):
        top.wrong(
            "messages", "a text here is one expression for a whole conversation, such as '{{ messages }}'"
        )
    return source


def _message(path: str, entry: object, mistakes: Mistakes) -> Message:
    if not isinstance(entry, dict):
        mistakes.add(path, f"found {shown(entry)}, expected an object with role and content")
        return Message(role="user", content="")
    section = Section(path, entry, mistakes, Message.__struct_fields__)
    for key in ("role", "content"):
        if not section.given(key):
            section.wrong(key, "missing")
    role = section.choice("role", get_args(Role), "user")
    if not isinstance(section.value("content"), list):
        return Message(role=role, content=_template(section, "content") or "")
    if role == "assistant":
        section.wrong("content", "an assistant's message is one text")
    parts = section.list_of("content", MAX_PARTS) or []
    return Message(
        role=role,
        content=[_part(f"{path}.content[{index}]", part, mistakes) for index, part in enumerate(parts)],
    )


def _part(path: str, entry: object, mistakes: Mistakes) -> Part:
    """Read a part as the service spells it (`type`, `image_url: {url, detail}`), or shorter."""
    if not isinstance(entry, dict):
        mistakes.add(path, f"found {shown(entry)}, expected an object with text or image_url")
        return Part()
    section = Section(path, entry, mistakes, ("type", *Part.__struct_fields__))
    kind = PART_TYPES.get(section.choice("type", tuple(PART_TYPES), ""))
    if section.given("text") == section.given("image_url") or (kind and not section.given(kind)):
        mistakes.add(path, f"expected {kind or 'one of text and image_url'}, and nothing else")
    if not isinstance(section.value("image_url"), dict):
        detail = section.choice("detail", ("auto", "low", "high"), None)
        if detail and section.given("text"):
            section.wrong("detail", "only images have one")
        image = _template(section, "image_url")
        return Part(text=_template(section, "text"), image_url=image, detail=detail)
    inner = section.section("image_url", ("url", "detail"))
    if not inner.given("url"):
        inner.wrong("url", "missing")
    return Part(
        image_url=_template(inner, "url"),
        detail=inner.choice("detail", ("auto", "low", "high"), None),
    )


def _parameters(top: Section, target: Endpoint, mistakes: Mistakes) -> dict[str, Any]:
    parameters = top.value("parameters") if top.given("parameters") else {}
    if not isinstance(parameters, dict):
        top.wrong("parameters", f"found {shown(parameters)}, expected an object")
        return {}
    for key, reason in target.not_parameters.items():
        if key in parameters:
            mistakes.add(f"parameters.{key}", f"not a parameter: {reason}")
    mistakes.found += schema_mistakes(target, parameters)
    return parameters


def _output(top: Section) -> Output:
    section = top.section("output", Output.__struct_fields__)
    return Output(
        format=section.choice("format", get_args(OutputFormat), "jsonl"),
        columns=_columns(section),
        extra=_extra(section),
        failed=section.choice("failed", get_args(FailedRows), "file"),
        per=section.choice("per", get_args(Per), "file"),
    )


def _columns(section: Section) -> list[str] | Literal["*"]:
    if section.value("columns") == "*":
        return "*"
    if section.value("columns") == []:
        return []
    columns = section.list_of("columns", MAX_COLUMNS) or []
    for index, column in enumerate(columns):
        if not isinstance(column, str):
            section.wrong(f"columns[{index}]", f"found {shown(column)}, expected the name of a column")
        elif column in columns[:index]:
            section.wrong(f"columns[{index}]", f"{column!r} is named twice")
    return [column for column in columns if isinstance(column, str)]


def _extra(section: Section) -> list[Extra]:
    if section.value("extra") == []:
        return []
    wanted = section.list_of("extra", len(get_args(Extra))) or []
    for index, extra in enumerate(wanted):
        if extra not in get_args(Extra):
            section.wrong(
                f"extra[{index}]", f"found {shown(extra)}. {did_you_mean(str(extra), get_args(Extra))}"
            )
    return [extra for extra in get_args(Extra) if extra in wanted]


def _encoding(top: Section) -> str:
    encoding = top.text("encoding", "utf-8") or "utf-8"
    try:
        "".encode(encoding)
    except (LookupError, ValueError):  # ValueError: a name with a null character
        top.wrong("encoding", f"found {shown(encoding)}, not an encoding of texts; try utf-8, cp1252, utf-16")
    return encoding


def _retry_output_tokens(top: Section) -> int | None:
    if not top.given("retry_output_tokens"):
        return None
    return top.whole_number("retry_output_tokens", 1, MAX_OUTPUT_TOKENS, 1)


def _character(top: Section, key: str, *, but: str = "") -> str | None:
    found = top.text(key)
    if found is not None and (len(found) != 1 or found in f"\r\n\0{but}"):
        no_quote = ", no quote" if but else ""
        top.wrong(key, f"found {shown(found)}, expected one character{no_quote} and no line end")
    return found


def _quote(top: Section) -> str:
    """Read what stands around fields."""
    if top.value("quote") is False:
        return "none"
    found = top.text("quote", "auto") or "auto"
    if found not in QUOTES and (len(found) != 1 or found in "\r\n\0"):
        top.wrong("quote", f"found {shown(found)}, expected one character, none or auto")
        return "auto"
    return found


def _yes_or_no(top: Section, key: str) -> bool | None:
    found = top.value(key)
    if found is not None and not isinstance(found, bool):
        top.wrong(key, f"found {shown(found)}, expected true or false")
        return None
    return found


def _column_names(top: Section) -> list[str]:
    names = [] if top.value("columns") == [] else top.list_of("columns", MAX_COLUMNS) or []
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            top.wrong(f"columns[{index}]", f"found {shown(name)}, expected the name of a column")
        elif name in names[:index]:
            top.wrong(f"columns[{index}]", f"{name!r} is named twice")
    if names and top.value("header") is not False:
        top.wrong("columns", "names columns where there is no header: write `header: false` with it")
    return [name for name in names if isinstance(name, str)]


def _comment(top: Section) -> str | None:
    found = top.text("comment")
    if found is not None and (len(found) > MAX_COMMENT_CHARS or not found.isprintable()):
        top.wrong("comment", f"found {shown(found)}, expected what lines of remarks begin with, such as '#'")
    return found


def _contradictions(spec: JobSpec, top: Section) -> None:
    """Find what is right alone and wrong together."""
    target = spec.target
    if spec.messages is not None and target.messages_key is None:
        top.wrong("messages", f"{spec.endpoint} takes `input`, one template")
    elif spec.input is not None and target.text_key is None:
        top.wrong("input", f"{spec.endpoint} takes `messages`")
    elif spec.input is not None and spec.messages is not None:
        top.wrong("input", "write `input` or `messages`, not both")
    if spec.quote == spec.delimiter or (spec.escape and spec.escape in (spec.quote, spec.delimiter)):
        top.wrong("quote", "`delimiter`, `quote` and `escape` are three different characters")
    if not target.shares_calls and spec.inputs_per_request != INPUTS_PER_REQUEST:
        top.wrong("inputs_per_request", f"{spec.endpoint} takes one input in a request")
    if target.has_vectors and spec.output.format == "xlsx":
        top.wrong("output.format", "a cell of a workbook holds no vector; write jsonl, parquet or csv")
    if spec.retry_output_tokens is not None and spec.on_truncated != "retry":
        top.wrong("retry_output_tokens", "write `on_truncated: retry` beside it")
    if spec.on_deadline == "direct" and spec.direct_deployment is None:
        top.wrong("on_deadline", "direct needs a `direct_deployment`, here or in DIRECT_DEPLOYMENT")


def nearest_spec(
    path: str, spec_paths: Collection[str], misnamed: Mapping[str, str] = MappingProxyType({})
) -> str | None:
    """Find the job spec of an input file among those in the container: in its folder, else in the nearest above.

    In one folder `_batch.yaml` comes before `_batch.yml` before `_batch.json` before one that was meant as a job spec and
    has another name. `misnamed` gives these by their folders.
    """
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        for name in JOB_SPEC_NAMES:
            candidate = f"{folder}/{name}" if folder else name
            if candidate in spec_paths:
                return candidate
        if folder in misnamed:
            return misnamed[folder]
    return None
