"""Which name each thing has: file keys, snapshots, blobs in `work/`, output folders, files in the service.

All names derive from what they name, so that a repeated step meets its own traces.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from string import ascii_letters, digits

JOB_SPEC_NAMES = ("_batch.yaml", "_batch.yml", "_batch.json")  # in one folder the first of them counts
# A path segment of an ADLS Gen2 account has at most 255; the timestamp needs some of them.
MAX_SEGMENT_CHARS = 200
MAX_STEM_CHARS = 150
MAX_FOLDERS = 50  # of an input path, kept in output paths; an ADLS Gen2 account takes 61 path segments
MAX_FOLDERS_CHARS = 500  # a blob name has at most 1,024, and folder and file name come behind

_NEARLY_A_JOB_SPEC = re.compile(
    r"[\s_.-]*batch(es)?[\s_-]*(\(?\d+\)?|copy)?\s*\.(?P<kind>ya?ml|json)([^a-z0-9].*)?", re.DOTALL
)

KEY_CHARS = 20

SNAPSHOT_PREFIX = "snapshot-"
_OF_IDS = frozenset(ascii_letters + digits + "-_.")
ROW_PREFIX = "row-"  # of the custom_id of a row's request


def file_key(path: str, etag: str) -> str:
    """Identify one version of one input file: 20 hex characters of a hash of path and ETag."""
    bare = etag.strip('"')
    return hashlib.sha256(f"{path}\n{bare}".encode()).hexdigest()[:KEY_CHARS]


def window_start(now: datetime, window_seconds: float) -> datetime:
    """Give the start of the time window that holds `now`; windows begin at multiples of their length since 1970."""
    window_ms = max(1, round(window_seconds * 1000))
    start_ms = int(now.timestamp() * 1000) // window_ms * window_ms
    return datetime.fromtimestamp(start_ms / 1000, UTC)


def window_snapshot_id(start: datetime) -> str:
    """Name the snapshot of a window: the same for every event in it, so that the second start is a no-op."""
    return f"{SNAPSHOT_PREFIX}{start:%Y%m%dT%H%M%S}.{start.microsecond // 1000:03d}Z"


def requested_snapshot_id(now: datetime) -> str:
    """Name a snapshot that was asked for by HTTP: microseconds keep it apart from those of windows."""
    return f"{SNAPSHOT_PREFIX}{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z"


def timestamp_of(snapshot_id: str) -> str:
    """Give the UTC timestamp that goes into output folders, as the snapshot's id holds it."""
    return snapshot_id.removeprefix(SNAPSHOT_PREFIX)


def takes_files_at(snapshot_id: str, window_seconds: float) -> float:
    """Give the time (epoch seconds) before which a snapshot takes nothing: the end of its window, or when it was asked for.

    0 for an id of another form.
    """
    timestamp = timestamp_of(snapshot_id)
    try:
        begun = datetime.strptime(timestamp, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
    is_of_window = len(timestamp.rpartition(".")[2]) == len("000Z")
    return begun + window_seconds if is_of_window else begun


def is_snapshot_id(text: str) -> bool:
    """Whether a text can be the id of a snapshot."""
    return text.startswith(SNAPSHOT_PREFIX) and takes_files_at(text, 0) > 0


def is_instance_id(text: str) -> bool:
    """Whether a text can be called by its name in the task hub's URLs: no slash, no dots that are folded away."""
    return bool(text) and text[0].isalnum() and not set(text) - _OF_IDS


def files_instance_id(snapshot_id: str, part: str = "") -> str:
    """Name the sub-orchestration that works on the snapshot's files, or on a part of them."""
    return f"{snapshot_id}-files{part}"


# --- in the work container -------------------------------------------------------------------------------------------

FILES = "files/"
SNAPSHOTS = "snapshots/"


def frozen_input(key: str) -> str:
    """Name the copy of the input file that is the claim on it and the source of all work."""
    return f"{FILES}{key}/input"


def key_of_frozen_input(blob: str) -> str | None:
    """Give the file key of a frozen input's name, None for any other blob."""
    parts = blob.split("/")
    return parts[1] if len(parts) == 3 and f"{parts[0]}/" == FILES and parts[2] == "input" else None


def refusal(key: str) -> str:
    """Name the record of a file that storage did not let us take."""
    return f"{FILES}{key}/refused"


def file_folder(key: str) -> str:
    """Name the folder of everything about one input file, with its closing slash."""
    return f"{FILES}{key}/"


def key_of_record(blob: str) -> str | None:
    """Give the file key in the name of any blob about a file, None for what is no record of ours."""
    key, slash, name = blob.removeprefix(FILES).partition("/")
    return key if key and slash and name else None


def plan(key: str) -> str:
    """Name the record of what preparing found."""
    return f"{FILES}{key}/plan.json"


def begun_steps(key: str) -> str:
    """Name the folder of the notes about steps that were begun, with its closing slash."""
    return f"{FILES}{key}/begun/"


def begun(key: str, step: str) -> str:
    """Name the note that a step about a file was begun."""
    return f"{begun_steps(key)}{step}.json"


def is_file_key(text: str) -> bool:
    """Whether a text can be the key of a file."""
    return len(text) == KEY_CHARS and not set(text) - set("0123456789abcdef")


def pool_members(key: str, plan_number: int) -> str:
    """Name the list of a pool's files, each with its plan."""
    return f"{FILES}{key}/members-{plan_number}.jsonl"


def invalid_lines(key: str) -> str:
    """Name the error records of lines that never became requests."""
    return f"{FILES}{key}/invalid.jsonl"


def shard_file(key: str, shard: str) -> str:
    """Name a shard's batch input file."""
    return f"{FILES}{key}/shards/{shard}.jsonl"


def shard_copy(key: str, shard: str) -> str:
    """Name the copy that the service reads of a shard which is the frozen input: that one's metadata change."""
    return f"{FILES}{key}/shards/{shard}-copy.jsonl"


def shard_of_blob(blob: str) -> str:
    """Give the shard in the name of a shard's file, or of its copy."""
    return blob.rpartition("/")[2].removesuffix(".jsonl").removesuffix("-copy")


def answers_folder(key: str, shard: str) -> str:
    """Name the folder that the service writes a shard's answers to; without a slash at its end, as it wants it."""
    return f"{FILES}{key}/answers/{shard}"


def ledgers(key: str) -> str:
    """Name the folder of the ledgers."""
    return f"{FILES}{key}/ledger/"


def ledger(key: str, shard: str) -> str:
    """Name a shard's ledger: what was intended, what was done."""
    return f"{ledgers(key)}{shard}.json"


def sent(key: str, shard: str) -> str:
    """Name the log of a shard that is sent as live calls: intents and answers."""
    return f"{FILES}{key}/sent/{shard}.jsonl"


def outcomes(key: str, shard: str) -> str:
    """Name a shard's collected outcomes."""
    return f"{FILES}{key}/outcomes/{shard}.jsonl"


def answers(key: str, shard: str) -> str:
    """Name the answers of a shard of which nothing else is to be said, in the order of its requests."""
    return f"{FILES}{key}/answered/{shard}.jsonl"


def answers_together(key: str) -> str:
    """Name the answers of all shards of a file, before they are copied to where people look."""
    return f"{FILES}{key}/answered.jsonl"


def begun_to_take(snapshot_id: str) -> str:
    """Name the note that a snapshot has begun to claim files."""
    return f"{SNAPSHOTS}{snapshot_id}/begun"


def manifest(snapshot_id: str) -> str:
    """Name the folder of the list of files that a snapshot took."""
    return f"{SNAPSHOTS}{snapshot_id}/files/"


def manifest_page(snapshot_id: str, page: int, *, pooled: bool = False) -> str:
    """Name a page of the list of files that a snapshot took; `pooled`: of the one in which a pool is one entry."""
    return f"{manifest(snapshot_id)}{'pooled-' if pooled else ''}{page:05d}.json"


def is_pooled_page(blob: str) -> bool:
    """Whether a page of such a list is one of that kind."""
    return blob.rpartition("/")[2].startswith("pooled-")


def snapshot_folder(snapshot_id: str) -> str:
    """Name the folder of everything about a snapshot, with its closing slash."""
    return f"{SNAPSHOTS}{snapshot_id}/"


def snapshots_of_day(day: datetime) -> str:
    """Give the prefix of the records about all snapshots of a day."""
    return f"{SNAPSHOTS}{SNAPSHOT_PREFIX}{day.astimezone(UTC):%Y%m%d}"


def report(snapshot_id: str) -> str:
    """Name the summary a finished snapshot leaves behind."""
    return f"{SNAPSHOTS}{snapshot_id}/report.json"


def finished_files(snapshot_id: str, part: int = 0) -> str:
    """Name the list of a snapshot's finished files, or the blob in which a list that is full goes on."""
    return f"{SNAPSHOTS}{snapshot_id}/done{f'-{part:05d}' if part else ''}.jsonl"


DAY_COSTS = "costs/"


def day_costs(day: str, part: int = 0) -> str:
    """Name the list of what a day's files may cost, or the blob in which a list that is full goes on."""
    return f"{DAY_COSTS}{day}{f'-{part:05d}' if part else ''}.jsonl"


def day_of(now: datetime) -> str:
    """Name a day, in UTC."""
    return f"{now.astimezone(UTC):%Y%m%d}"


def row_of(custom_id: str) -> int:
    """Give the number of the row that a request of a table was made of; -1 for an id that is none of ours."""
    number = custom_id.removeprefix(ROW_PREFIX)
    return int(number) if number.isdecimal() else -1


def folder_marks(snapshot_id: str, folder: str = "") -> str:
    """Name where files are noted that become one result with others of their folder; without a folder, of all of them."""
    hashed = f"{hashlib.sha256(folder.encode()).hexdigest()[:KEY_CHARS]}/" if folder else ""
    return f"{snapshot_folder(snapshot_id)}folders/{hashed}"


def rejected_marks(snapshot_id: str) -> str:
    """Name where a snapshot notes the files that it rejected as a whole, with its closing slash."""
    return f"{snapshot_folder(snapshot_id)}rejected/"


SHARES = "shares/"


def share_record(snapshot_id: str) -> str:
    """Name a running snapshot's record of the batches it holds."""
    return f"{SHARES}{snapshot_id}"


def snapshot_of_share_record(blob: str) -> str:
    """Give the snapshot id of such a record's name."""
    return blob.removeprefix(SHARES)


WISHES = "wishes/"
INTAKE = "intake"
_FOLDER = "folder-"  # of the subject of a wish, before the hash of its path


def wish(subject: str, kind: str) -> str:
    """Name what people have asked for about a file (its key), a snapshot (its id) or a folder (`folder_subject`)."""
    return f"{WISHES}{subject}/{kind}.json"


def wishes_about(subject: str) -> str:
    """Name the folder of everything that was asked for about a file, a snapshot or a folder, with its closing slash."""
    return f"{WISHES}{subject}/"


def wish_of(blob: str) -> tuple[str, str] | None:
    """Give subject and kind in the name of a wish; None for any other blob."""
    subject, slash, kind = blob.removeprefix(WISHES).partition("/")
    is_one = blob.startswith(WISHES) and slash and kind.endswith(".json")
    return (subject, kind.removesuffix(".json")) if is_one else None


def folder_subject(folder: str) -> str:
    """Name a folder of the input container as the subject of a wish."""
    return f"{_FOLDER}{hashlib.sha256(folder.encode()).hexdigest()[:KEY_CHARS]}"


def is_folder_subject(subject: str) -> bool:
    """Whether the subject of a wish is a folder."""
    return subject.startswith(_FOLDER)


PENDING_RETRIES = f"{WISHES}retries/"


def pending_retry(run: str) -> str:
    """Name the wish for a retry file of some rows alone, which has to be written."""
    return f"{PENDING_RETRIES}{run}.json"


def retry_run(key: str, codes: Iterable[str]) -> str:
    """Name the retry of some error codes of a file; it is the id of the orchestration as well."""
    digest = hashlib.sha256("\n".join(sorted(codes)).encode()).hexdigest()[:8]
    return f"retry-{key}-{digest}"


def retry_marks(key: str) -> str:
    """Name the folder of the marks that failed rows of a file have been retried, with its closing slash."""
    return f"retries/{key}/"


def retry_mark(key: str, code: str) -> str:
    """Name the mark that the rows of a file with an error code have been retried."""
    return f"{retry_marks(key)}{hashlib.sha256(code.encode()).hexdigest()[:KEY_CHARS]}.json"


def retry_aside(run: str) -> str:
    """Name the retry of some error codes while it is being written."""
    return f"retries/aside/{run}"


def retried_input(path: str, retry_file: str, part: str = "") -> str:
    """Name a retry file in the input container, beside the file whose failed rows it holds; `part` of them, where not all."""
    name = retry_file.rpartition("/")[2]
    suffix = suffix_of(name)
    stem = name.removesuffix(suffix)
    if part:
        stem = f"{stem.removesuffix('_retry')}-{part}_retry"
    return f"{path[: path.rfind('/') + 1]}{stem}{suffix}"


def intake_pause() -> str:
    """Name the wish that no new file is taken."""
    return f"{WISHES}{INTAKE}.json"


def rate_record(deployment: str) -> str:
    """Name the count of what is spent of a deployment's limits."""
    return f"rates/{hashlib.sha256(deployment.encode()).hexdigest()[:KEY_CHARS]}.json"


def first_shard(number: int, plan_number: int = 0) -> str:
    """Name the nth shard of a file, from 0. Each plan of a file has names of its own: traces of one mean nothing to the next."""
    return f"0{plan_number}{number:04d}" if plan_number else f"{number:04d}"


def child_shard(shard: str, number: int) -> str:
    """Name the shard that takes over some requests of another one."""
    return f"{shard}.{number}"


# --- in the input, processed and error containers -------------------------------------------------------------------


def is_input(path: str, size: int, metadata: dict[str, str]) -> bool:
    """Tell input files from job specs and from the directory markers of hierarchical accounts."""
    marker = marks_directory(metadata, size) or (path.endswith("/") and size == 0)
    return not (marker or is_job_spec(path) or is_nearly_a_job_spec(path))


def is_job_spec(path: str) -> bool:
    """Tell the files that say what to do with the others of their folder."""
    return path.rsplit("/", 1)[-1] in JOB_SPEC_NAMES


def is_nearly_a_job_spec(path: str) -> bool:
    """Tell the files that were meant as job specs: another case, a missing underscore, blanks, one more ending, a copy.

    Such a name is never read as one, and what lies beside it is never sent without. `batch.json` alone may be a table.
    """
    name = path.rsplit("/", 1)[-1]
    found = _NEARLY_A_JOB_SPEC.fullmatch(name.lower())
    if found is None or name in JOB_SPEC_NAMES:
        return False
    return found["kind"] != "json" or name.lstrip().startswith("_")


def marks_directory(metadata: Mapping[str, str], size: int) -> bool:
    """Tell the blob that stands for a directory in listings of a hierarchical account. One with content is a file."""
    return not size and metadata.get("hdi_isfolder", "").lower() == "true"


def is_addressable(path: str) -> bool:
    """Tell whether a blob's name can be called by a URL: `.` and `..` between slashes are folded away on the way."""
    return not {".", ".."} & set(path.split("/"))


def prefix_of(directory: str) -> str:
    """Give the blob name prefix of a directory setting, which may be empty or padded with slashes."""
    return f"{directory.strip('/')}/" if directory.strip("/") else ""


def relative_to(directory: str, path: str) -> str:
    """Give an input path as seen from the input directory."""
    return path.removeprefix(prefix_of(directory))


def output_folder(directory: str, path: str, timestamp: str, key: str) -> str:
    """Give the folder for everything that comes out of one input file, with its closing slash.

    `<directory>/<dir of the file>/<name>_<timestamp>/`. The full name, with its suffix, keeps `a.csv` and `a.json`
    apart; a name too long for a path segment is cut and keeps its file key instead, and so do folders too deep.
    """
    parent = _cut_folders(path[: path.rfind("/") + 1], key)  # with its slash: `/a` and `a` are two files
    return f"{prefix_of(directory)}{parent}{archived_name(path, key)}_{timestamp}/"


def folder_of_folder_outputs(directory: str, folder: str, timestamp: str) -> str:
    """Give the folder for what comes out of a whole input folder, with its closing slash. No input file is called so."""
    key = file_key(folder, "")
    return f"{prefix_of(directory)}{_cut_folders(folder, key)}_folder_{timestamp}/"


def stem_of_folder(folder: str) -> str:
    """Give a folder's own name, cut where the names built on it would grow too long; `all` for the whole container."""
    return _cut(folder.rstrip("/").rpartition("/")[2] or "all", MAX_STEM_CHARS, file_key(folder, ""))


def rejection_note(directory: str, folder: str, timestamp: str, code: str) -> str:
    """Name the note about the files of a folder that were rejected for one reason, in the error container."""
    return (
        f"{prefix_of(directory)}{_cut_folders(folder, file_key(folder, ''))}_rejected_{timestamp}_{code}.json"
    )


def archived_name(path: str, key: str) -> str:
    """Give a file's own name, cut where it would not fit into a path segment with a timestamp behind it."""
    return _cut(path.rpartition("/")[2], MAX_SEGMENT_CHARS, key)


def spec_note(directory: str, spec_path: str) -> str:
    """Name the note about a job spec that cannot be followed, in the error container; short enough to be one."""
    key = file_key(spec_path, "")
    folders, _, name = spec_path.rpartition("/")
    parent = _cut_folders(f"{folders}/" if folders else spec_path[: -len(name)], key)
    return f"{prefix_of(directory)}{parent}{name}_error.json"


def stem_of(path: str, key: str) -> str:
    """Give a file's name without its suffix, cut where the names built on it would grow too long."""
    name = path.rpartition("/")[2]
    suffix = suffix_of(path)
    return _cut(name.removesuffix(suffix) or name, MAX_STEM_CHARS, key)


def suffix_of(path: str) -> str:
    """Give a file's suffix with its dot, `.csv.gz` for a packed csv; empty for a name without one."""
    name = PurePosixPath(path.rpartition("/")[2])
    packed = name.suffix.lower() == ".gz"
    return (PurePosixPath(name.stem).suffix if packed else "") + name.suffix


def _cut(name: str, most: int, key: str) -> str:
    """Cut a name; the file key in place of the rest keeps it apart from all others, a file's own name included."""
    return name if len(name) <= most else f"{name[: most - 30]}~{key}"


def _cut_folders(parent: str, key: str) -> str:
    """Leave out the folders that would make the names built on them too long; the file key stands for them."""
    folders = parent.split("/")[:-1]
    if len(folders) <= MAX_FOLDERS and len(parent) <= MAX_FOLDERS_CHARS:
        return parent
    most = MAX_FOLDERS_CHARS - 30
    kept = [
        folder
        for depth, folder in enumerate(folders[: MAX_FOLDERS - 1], 1)
        if len("/".join(folders[:depth])) <= most
    ]
    return "/".join([*kept, f"~{key}", ""])


# --- in the service --------------------------------------------------------------------------------------------------


SERVICE_FILE_PREFIX = "batch-pipeline-"  # of any app's files
_SERVICE_FILENAME = re.compile(
    rf"{SERVICE_FILE_PREFIX}[0-9a-f]+-(?P<key>[0-9a-f]{{{KEY_CHARS}}})-(?P<shard>[0-9.]+)-[0-9]+\.jsonl"
)


def shard_of_service_filename(filename: str) -> tuple[str, str] | None:
    """Give the file key and the shard in the name of a service file, whichever account it was made from; None for others."""
    found = _SERVICE_FILENAME.fullmatch(filename)
    return (found["key"], found["shard"]) if found else None


def service_file_prefix(account_url: str, work_container: str) -> str:
    """Give the prefix that marks files as ours, and as this app's where several apps share a resource."""
    home = hashlib.sha256(f"{account_url.rstrip('/')}/{work_container}".encode()).hexdigest()[:8]
    return f"{SERVICE_FILE_PREFIX}{home}-"


def key_of_service_filename(prefix: str, filename: str) -> str | None:
    """Give the file key in the name of one of our files, None for a name that is not ours."""
    key = filename.removeprefix(prefix).split("-", 1)[0]
    return key if filename.startswith(prefix) and len(key) == KEY_CHARS else None


def service_filename(prefix: str, key: str, shard: str, submission: int) -> str:
    """Name a shard's file in the service, unique for each submission of it."""
    return f"{prefix}{key}-{shard}-{submission}.jsonl"
