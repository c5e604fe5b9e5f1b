"""Every app setting, typed, with its default, its bounds and its meaning.

The names in the environment are the field names in capitals. `docs/settings.md` and `local.settings.json.template`
are held to this list by a test.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from domain.addresses import address_mistake, connection_mistake, key_mistake
from domain.bounds import MAX_VALUE_BYTES, Bounds
from domain.errors import SettingsError
from domain.ncrontab import mistake_in
from domain.service.endpoints import DEFAULT_URL, Url, WantedEngine, named
from domain.service.transports import FIRST_VERSION_WITH_BLOBS, TransportName
from domain.spec.job_spec import Pool, SpecDefaults
from domain.spec.sections import did_you_mean
from domain.spec.text_column import DEFAULT_NAMES
from domain.tokens import Price, parse_prices

# Connection name of the data account; also the prefix of its identity settings. `AzureWebJobs` and this name must not be
# a setting of the host's, in any case: the blob extension would take that one.
DATA = "DATA"
SECRETS = frozenset({"DATA", "AZURE_OPENAI_API_KEY"})  # never shown, not even in a complaint
SHORTEST_KEY = 32  # characters; of Azure OpenAI, and shorter than any other

_BINDING_MARKS = frozenset("%{}")  # "Azure Functions binding expression patterns", read 2026-11


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="upper"):
    """What the app was told. Times are in the unit their name says; fractions are allowed where the type is float."""

    data: Annotated[
        str | None,
        Meta(
            description="Connection string of the data account. In Azure leave it out and use the identity settings."
        ),
    ] = None
    data__blob_service_uri: Annotated[
        str | None,
        Meta(description="Blob endpoint of the data account, when the app signs in with its identity."),
    ] = msgspec.field(default=None, name="DATA__blobServiceUri")
    data__queue_service_uri: Annotated[
        str | None, Meta(description="Queue endpoint of the data account; the host's blob trigger needs it.")
    ] = msgspec.field(default=None, name="DATA__queueServiceUri")
    data__dfs_service_uri: Annotated[
        str | None,
        Meta(
            description="Data Lake endpoint of a hierarchical data account, where it is not the Blob endpoint's with `.dfs.`."
        ),
    ] = msgspec.field(default=None, name="DATA__dfsServiceUri")
    data__credential: Annotated[
        str | None, Meta(description="`managedidentity` in Azure, with the identity settings.")
    ] = msgspec.field(default=None, name="DATA__credential")
    data__client_id: Annotated[
        str | None, Meta(description="Client id of a user-assigned identity for the data account.")
    ] = msgspec.field(default=None, name="DATA__clientId")

    storage_kind: Annotated[
        Literal["auto", "flat", "hierarchical"],
        Meta(
            description="`hierarchical` for a data account with directories (ADLS Gen2), `flat` for one without; `auto` asks it."
        ),
    ] = "auto"

    input_container: Annotated[str, Meta(description="Where people drop files.")] = "input"
    processed_container: Annotated[str, Meta(description="Results, metadata and the archived input.")] = (
        "processed"
    )
    error_container: Annotated[str, Meta(description="Errors, retry files and rejected input.")] = "error"
    work_container: Annotated[str, Meta(description="The app's own records; emptied as files finish.")] = (
        "work"
    )
    input_directory: Annotated[str, Meta(description="Only files below this directory are taken.")] = ""
    output_directory: Annotated[str, Meta(description="Directory in the processed container.")] = ""
    error_directory: Annotated[str, Meta(description="Directory in the error container.")] = ""

    azure_openai_endpoint: Annotated[
        str,
        Meta(pattern=r"^https?://", description="The resource's root, `https://<name>.openai.azure.com`."),
    ]
    azure_openai_api_version: Annotated[
        str, Meta(pattern=r"^(v1|\d{4}-\d\d-\d\d(-preview)?)$", description="`v1`, or a dated version.")
    ] = "v1"
    azure_openai_deployment: Annotated[
        str | None, Meta(description="Batch deployment for requests that name no `model`.")
    ] = None
    azure_openai_api_key: Annotated[str | None, Meta(description="Only where no identity is available.")] = (
        None
    )
    azure_openai_scope: Annotated[
        str,
        Meta(description="Token scope. Older resources want `https://cognitiveservices.azure.com/.default`."),
    ] = "https://ai.azure.com/.default"

    batch_endpoint: Annotated[
        Url,
        Meta(description="What the rows of tables and texts are sent to, where no job spec says otherwise."),
    ] = DEFAULT_URL
    text_columns: Annotated[
        str,
        Meta(
            description="Names of the column that is sent as it is where no job spec says what is: in any case, by commas. "
            "A table with two of them, or none and not exactly one column of texts, is rejected."
        ),
    ] = ",".join(DEFAULT_NAMES)
    engine: Annotated[
        WantedEngine,
        Meta(
            description=f"`auto`: live calls for {named(lambda e: e.auto == 'direct')}, batches for the rest; "
            "a job spec may say otherwise."
        ),
    ] = "auto"
    on_deadline: Annotated[
        Literal["cancel", "direct"],
        Meta(
            description="What becomes of requests that no batch has answered by `DEADLINE_HOURS`: they end as "
            "cancelled, or are sent live to `DIRECT_DEPLOYMENT`."
        ),
    ] = "cancel"
    direct_deployment: Annotated[
        str | None,
        Meta(description="Deployment for live calls after the deadline; a batch deployment takes none."),
    ] = None
    requests_per_minute: Annotated[
        int, Meta(ge=0, description="Live calls to one deployment; 0: as many as it takes.")
    ] = 0
    tokens_per_minute: Annotated[
        int,
        Meta(ge=0, description="Estimated tokens of live calls to one deployment; 0: as many as it takes."),
    ] = 0
    on_lost_answer: Annotated[
        Literal["report", "resend"],
        Meta(
            description="A live call was sent and its answer lost, so that it may have been billed: the request ends as "
            "`missing`, or is sent again and may be billed twice."
        ),
    ] = "report"
    prices: Annotated[
        str,
        Meta(
            description="US dollars per million tokens, as JSON: "
            '`{"<deployment>": {"input": 1.25, "cached_input": 0.125, "output": 5.0}}`; without `cached_input`, cached tokens cost '
            "as all input. Without a price there is no cost."
        ),
    ] = ""
    count_tokens: Annotated[
        bool, Meta(description="Estimate each file's input tokens before anything is sent.")
    ] = True
    max_tokens_per_file: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="A file with more estimated input tokens is held back."),
    ] = None
    batch_capacity: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Thousands of tokens that may be enqueued in the batch deployment; the doctor holds what is enqueued against it."
        ),
    ] = None
    max_cost_per_snapshot: Annotated[
        Annotated[float, Meta(gt=0, le=1e9)] | None,
        Meta(description="Files are held back once a snapshot may cost more US dollars."),
    ] = None

    max_cost_per_day: Annotated[
        Annotated[float, Meta(gt=0, le=1e9)] | None,
        Meta(
            description="Files are held back once all of a day (UTC), of all snapshots, may cost more US dollars; they are tried again six "
            "hours later."
        ),
    ] = None

    completion_window: Annotated[Literal["24h"], Meta(description="The only window the service offers.")] = (
        "24h"
    )
    transport: Annotated[
        Literal["upload", "import", "blob", "auto"],
        Meta(description="How a shard reaches the service; see [transports](transports.md)."),
    ] = "upload"
    import_url: Annotated[
        Literal["sas", "identity"],
        Meta(
            description="What an import is given: a URL signed for two hours, or a bare one that the service reads with its identity."
        ),
    ] = "sas"
    micro_batch_size: Annotated[int, Meta(ge=1, le=50, description="Shards submitted at the same time.")] = 10
    max_files_per_call: Annotated[
        int,
        Meta(ge=1, le=100, description="Small files that share an activity; 1: an activity for each."),
    ] = 20
    max_bytes_per_call: Annotated[
        int,
        Meta(
            ge=100_000,
            le=200_000_000,
            description="Bytes that the small files of an activity have together; a larger file than an equal share has its own.",
        ),
    ] = 20_000_000
    max_seconds_per_call: Annotated[
        float,
        Meta(
            ge=0.1,
            le=300.0,
            description="For so long an activity begins with further small files; the rest gets another one.",
        ),
    ] = 10.0
    pool: Annotated[
        Pool,
        Meta(
            description="`auto`: small files of a snapshot that one job spec governs, or none, share batches; each has its own results, "
            "errors and metadata. `off`: batches of its own for each file. A job spec may say otherwise for its files."
        ),
    ] = "auto"
    max_active_batches: Annotated[
        int, Meta(ge=1, le=5000, description="Batches alive at once, of all snapshots together.")
    ] = 500
    max_attempts: Annotated[
        int, Meta(ge=1, le=10, description="Tries of a request that fails for a passing reason.")
    ] = 3
    max_requests_per_shard: Annotated[
        int,
        Meta(ge=1, le=100_000, description="Requests in one batch input file; the service takes 100,000."),
    ] = 100_000
    max_bytes_per_shard: Annotated[
        int,
        Meta(
            ge=1_000,
            le=1_000_000_000,
            description="Bytes in one batch input file; the service takes 200 MB, with `TRANSPORT=blob` 1 GB.",
        ),
    ] = 1_000_000_000
    file_expiry_days: Annotated[
        int, Meta(ge=0, le=30, description="Service files expire after so many days (14-30); 0: never.")
    ] = 14
    poll_min_seconds: Annotated[
        float, Meta(gt=0, le=86_400, description="First wait between looks at the batches.")
    ] = 60.0
    poll_max_seconds: Annotated[float, Meta(gt=0, le=86_400, description="The wait grows up to this.")] = (
        900.0
    )
    deadline_hours: Annotated[
        float, Meta(gt=0, le=720, description="A batch alive longer than this is cancelled.")
    ] = 48.0
    snapshot_window_seconds: Annotated[
        float, Meta(ge=0.1, le=3600, description="Files that arrive within one window share a snapshot.")
    ] = 30.0
    settle_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=86_400,
            description="A file that can be appended to (an append blob; any file of a hierarchical account) has to be "
            "quiet for so long before its work begins.",
        ),
    ] = 30.0
    repeat: Annotated[
        Literal["once", "always"],
        Meta(
            description="What becomes of a file that is written again with the same content while it is worked on, or "
            "gets other metadata: it counts `once`, or `always` as a file of its own, and is paid again."
        ),
    ] = "once"
    sweep_schedule: Annotated[
        str, Meta(description="NCRONTAB, seconds first: when to look for files whose event was lost.")
    ] = "0 * * * * *"
    continuous_mode: Annotated[bool, Meta(description="`false`: only `POST /api/snapshots` starts work.")] = (
        True
    )
    retention_days: Annotated[
        float,
        Meta(ge=0, le=3650, description="Reports and finished orchestrations are kept so long; 0: forever."),
    ] = 30.0
    max_unpacked_bytes_per_file: Annotated[
        int,
        Meta(ge=1_000_000, description="A packed file that unpacks to more bytes is rejected."),
    ] = 20_000_000_000
    max_bytes_per_page: Annotated[
        int,
        Meta(
            ge=1_000_000,
            le=2_000_000_000,
            description="What has to be held whole, packed or unpacked, of a parquet or Arrow file (a page, a dictionary, a record "
            "batch, its footer): a file with more is rejected. The default fits an instance of 2 GB.",
        ),
    ] = 256 * 1024 * 1024
    max_bytes_per_value: Annotated[
        int,
        Meta(
            ge=1_000,
            le=MAX_VALUE_BYTES,
            description="A row or a ready-made line with more bytes costs itself; lines of texts and csv may also have 32 Mi "
            "characters at most.",
        ),
    ] = MAX_VALUE_BYTES
    max_rows_per_file: Annotated[
        int,
        Meta(ge=1, description="A file with more rows, or that many blank lines, is rejected."),
    ] = 20_000_000
    max_seconds_per_file: Annotated[
        float,
        Meta(
            gt=0,
            le=86_400,
            description="A file whose preparing takes more seconds of processor time is rejected. No step may take longer than "
            "two thirds of `functionTimeout` in `host.json` either.",
        ),
    ] = 600.0
    max_memory_bytes_per_file: Annotated[
        int,
        Meta(
            ge=500_000_000,
            description="Memory of the process in which a file is prepared that may need much of it: a file that takes more is "
            "rejected. The default fits an instance of 2 GB.",
        ),
    ] = 1_250_000_000
    on_invalid_line: Annotated[
        Literal["isolate", "reject"], Meta(description="A bad line costs that line, or the whole file.")
    ] = "isolate"
    join_retries: Annotated[
        bool,
        Meta(
            description="When a retry file is done, its results are joined with those of the first file, beside them "
            "(`<stem>_joined`); `false`: they stay apart."
        ),
    ] = True
    blob_trigger_source: Annotated[
        Literal["LogsAndContainerScan", "EventGrid"], Meta(description="Flex Consumption needs `EventGrid`.")
    ] = "LogsAndContainerScan"

    access: Annotated[
        Literal["key", "entra"],
        Meta(
            description="Who may call the HTTP API: whoever has a function key, or whoever is signed in by App Service "
            "Authentication; actions then want the role `Batch.Operate` ([HTTP](api.md#access))."
        ),
    ] = "key"
    operator_page: Annotated[
        Literal["on", "off", "readonly"],
        Meta(description="The page at `/ui`: with actions, not at all, or without actions."),
    ] = "on"

    @property
    def names_of_text_columns(self) -> tuple[str, ...]:
        """The usual names of a column of texts."""
        return tuple(name for part in self.text_columns.split(",") if (name := part.strip()))

    @property
    def price_list(self) -> dict[str, Price]:
        """The prices by deployment."""
        return parse_prices(self.prices)

    @property
    def bounds(self) -> Bounds:
        """What one file may be."""
        return Bounds(
            unpacked_bytes=self.max_unpacked_bytes_per_file,
            page_bytes=self.max_bytes_per_page,
            value_bytes=self.max_bytes_per_value,
            rows=self.max_rows_per_file,
            seconds=self.max_seconds_per_file,
            memory_bytes=self.max_memory_bytes_per_file,
        )

    @property
    def spec_defaults(self) -> SpecDefaults:
        """What a job spec need not say."""
        return SpecDefaults(
            endpoint=self.batch_endpoint,
            deployment=self.azure_openai_deployment,
            engine=self.engine,
            on_deadline=self.on_deadline,
            direct_deployment=self.direct_deployment,
        )

    @property
    def digest(self) -> str:
        """A short text that changes with the settings that can hold a file back."""
        told = (self.spec_defaults, self.prices, self.max_tokens_per_file, self.max_cost_per_snapshot)
        # A later one, which changes nothing where it is not set.
        more = () if self.max_cost_per_day is None else (self.max_cost_per_day,)
        return hashlib.sha256(msgspec.json.encode((*told, *more))).hexdigest()[:12]

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings from an environment; an empty value counts as not given.

        Raises SettingsError naming every missing or wrong setting at once.
        """
        values, mistakes = {}, []
        for field in msgspec.structs.fields(cls):
            given = env.get(field.encode_name, "").strip()
            if given:
                try:
                    values[field.name] = msgspec.convert(given, field.type, strict=False)
                except msgspec.ValidationError as error:
                    # A key that was put into the wrong setting is a secret as well.
                    is_shown = field.encode_name not in SECRETS and len(given) < SHORTEST_KEY
                    told = f"{error} (is {given!r})" if is_shown else str(error).replace(given, "…")
                    mistakes.append(f"{field.encode_name}: {told}{_allowed(given, field.type)}")
            elif field.required:
                mistakes.append(f"{field.encode_name}: missing. {describe(field)}")
        mistakes += _contradictions(values)
        if mistakes:
            raise SettingsError("Settings need attention:\n  " + "\n  ".join(mistakes))
        return cls(**values)


def read_at_import(env: Mapping[str, str], name: str) -> Any:
    """Read one setting that has a default, at import, where errors cannot be reported: a wrong value counts as not given.

    For decorators, which run at import, where an error would take every function of the app down. `Settings.from_env`
    still reports it, at first use.
    """
    field = next(field for field in msgspec.structs.fields(Settings) if field.name == name)
    given = env.get(field.encode_name, "").strip()
    if not given or (name == "sweep_schedule" and mistake_in(given)):
        return field.default
    try:
        return msgspec.convert(given, field.type, strict=False)
    except msgspec.ValidationError:
        return field.default


def _allowed(given: str, kind: Any) -> str:
    """Say which values a setting takes, where they can be listed."""
    options = get_args(get_args(kind)[0])
    return f". {did_you_mean(given, options)}" if options and all(isinstance(o, str) for o in options) else ""


def describe(field: Any) -> str:
    """Give a field's meaning, as its annotation says it."""
    return next(
        str(note.description)
        for note in field.type.__metadata__
        if isinstance(note, Meta) and note.description
    )


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """Find settings that are right alone and wrong together."""
    found = []
    if "data" not in values and "data__blob_service_uri" not in values:
        found.append(
            "DATA or DATA__blobServiceUri: missing. The data account, by connection string or identity."
        )
    shortest, longest = values.get("poll_min_seconds", 0.0), values.get("poll_max_seconds", float("inf"))
    if shortest > longest:
        found.append(f"POLL_MIN_SECONDS: {shortest:g} is more than POLL_MAX_SECONDS ({longest:g}).")
    if 0 < values.get("file_expiry_days", 14) < 14:
        found.append("FILE_EXPIRY_DAYS: the service takes 14 to 30 days; 0 switches expiry off.")
    if values.get("on_deadline") == "direct" and "direct_deployment" not in values:
        found.append("DIRECT_DEPLOYMENT: missing. ON_DEADLINE is `direct`: where are the live calls to go?")
    schedule = values.get("sweep_schedule")
    if schedule and (mistake := mistake_in(schedule)):
        found.append(f"SWEEP_SCHEDULE: {mistake} (is {schedule!r}).")
    try:
        parse_prices(values.get("prices", ""))
    except ValueError as error:
        found.append(f"PRICES: {error}.")
    version = values.get("azure_openai_api_version", "v1")
    if (
        values.get("transport") == TransportName.BLOB
        and version != "v1"
        and version < FIRST_VERSION_WITH_BLOBS
    ):
        found.append(f"TRANSPORT: blob needs AZURE_OPENAI_API_VERSION {FIRST_VERSION_WITH_BLOBS} or v1.")
    return found + _unfit_budgets(values) + _unfit_doors(values) + _unfit_places(values)


def _unfit_budgets(values: Mapping[str, Any]) -> list[str]:
    """Find budgets that cannot be held."""
    found = []
    costs = {"max_cost_per_snapshot", "max_cost_per_day"} & values.keys()
    if not values.get("count_tokens", True) and ("max_tokens_per_file" in values or costs):
        found.append(
            "COUNT_TOKENS: is false, but MAX_TOKENS_PER_FILE, MAX_COST_PER_SNAPSHOT and MAX_COST_PER_DAY need the count."
        )
    if costs and not values.get("prices"):
        limits = " and ".join(sorted(name.upper() for name in costs))
        found.append(f"PRICES: missing. {limits} cannot be held without prices.")
    return found


def _unfit_doors(values: Mapping[str, Any]) -> list[str]:
    """Find addresses and keys that would fail later, without saying why."""
    checks: tuple[tuple[str, Callable[[str], str | None]], ...] = (
        ("data", connection_mistake),
        ("data__blob_service_uri", address_mistake),
        ("data__queue_service_uri", address_mistake),
        ("data__dfs_service_uri", address_mistake),
        ("azure_openai_endpoint", address_mistake),
        ("azure_openai_api_key", key_mistake),
    )
    encoded = {field.name: field.encode_name for field in msgspec.structs.fields(Settings)}
    return [
        f"{encoded[name]}: {mistake}"
        for name, check in checks
        if name in values and (mistake := check(values[name])) is not None
    ]


def _unfit_places(values: Mapping[str, Any]) -> list[str]:
    """Find containers and directories that cannot be what they are set to."""
    found = []
    containers = [values.get(f"{room}_container", room) for room in ("input", "processed", "error", "work")]
    if len(set(containers)) < len(containers):
        found.append("INPUT_, PROCESSED_, ERROR_ and WORK_CONTAINER: must be four different containers.")
    directory = values.get("input_directory", "")
    if _BINDING_MARKS & set(directory):
        found.append(
            f"INPUT_DIRECTORY: {directory!r} has `%` or braces, which mean something else in the trigger's path."
        )
    return found
