"""Tables of Delta, Iceberg and Hudi that were dropped as folders: which of their files count, their log alone says.

A file that a table no longer has is still in its folder: rows that were deleted or rewritten. Nothing is paid for them. The log of a
Delta table is read (Delta transaction log protocol, "Actions", read 2026-11), as far as it lies there from its beginning and says it
with plain adds and removes. Any other table waits, and people are told how to get its rows.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from adapters.storage.blobs import BlobEntry, Container
from domain.errors import PipelineError
from domain.service.request_lines import split_lines
from domain.side_files import DELTA_LOG, SideFile

MAX_LOG_BYTES = 64 * 1024 * 1024
MAX_REMEMBERED = 200  # tables, in each process
EXPORT = (
    'Write it as plain files and drop those, such as `spark.read.format("%s").load(path).write.parquet(...)`.'
)

_decode = msgspec.json.Decoder(dict[str, dict[str, Any]]).decode


class WaitingTable(NamedTuple):
    """A table whose files wait. `folder` ends with a slash."""

    folder: str
    files: int
    reason: str


class TableFiles(NamedTuple):
    """`left_out`: files that their table does not have any more, or not yet. `waiting`: tables that are not taken."""

    left_out: list[SideFile]
    waiting: list[WaitingTable]


class UnreadLogError(PipelineError):
    """A log that cannot be followed."""

    code = "table_log"


_known: dict[str, tuple[tuple[tuple[str, str], ...], frozenset[str] | str]] = {}


def sort_out_tables(
    tables: Mapping[str, str], inputs: Iterable[str], listed: Mapping[str, BlobEntry], container: Container
) -> TableFiles:
    """Find out which input files in the folders of tables count; `tables` as `look_at_folders` gives them.

    Paths are as seen from the input directory, also in `listed`.
    """
    found = TableFiles([], [])
    if not tables:
        return found
    by_table: dict[str, list[str]] = {folder: [] for folder in tables}
    for path in inputs:
        if folder := _nearest(path, tables):
            by_table[folder].append(path)
    for folder, paths in by_table.items():
        if not paths:
            continue
        try:
            current = _current_files(folder, tables[folder], listed, container)
        except PipelineError as error:
            reason = f"It is a table of {tables[folder].title()}, and which of its files count is not certain: {error} "
            found.waiting.append(WaitingTable(folder, len(paths), reason + EXPORT % tables[folder]))
            found.left_out.extend(SideFile(path, "table_log", reason, told=False) for path in paths)
            continue
        reason = "The log of its Delta table does not have it: its rows were deleted, rewritten, or are not committed."
        found.left_out.extend(
            SideFile(path, "not_in_table", reason, told=True) for path in paths if path not in current
        )
    return found


def _nearest(path: str, tables: Mapping[str, str]) -> str | None:
    """Give the folder of the table that a data file lies in."""
    if not path.endswith((".parquet", ".orc", ".avro")):
        return None
    return max((folder for folder in tables if path.startswith(folder)), key=len, default=None)


def _current_files(
    folder: str, kind: str, listed: Mapping[str, BlobEntry], container: Container
) -> frozenset[str]:
    """Read the log of a table, each version of it once in a process."""
    if kind != "delta":
        raise UnreadLogError("its log is not read.")
    commits = _commits(folder, listed)
    version = tuple((entry.name, entry.etag) for entry in commits)
    known = _known.get(f"{container.address}/{folder}")
    if known is None or known[0] != version:
        known = (version, _followed(folder, commits, container))
        if len(_known) >= MAX_REMEMBERED:
            _known.clear()
        _known[f"{container.address}/{folder}"] = known
    if isinstance(known[1], str):
        raise UnreadLogError(known[1])
    return known[1]


def _followed(folder: str, commits: list[BlobEntry], container: Container) -> frozenset[str] | str:
    try:
        return frozenset(_follow(folder, commits, container))
    except UnreadLogError as error:
        return str(error)
    except msgspec.MsgspecError as error:
        return f"its log is damaged ({error})."


def _commits(folder: str, listed: Mapping[str, BlobEntry]) -> list[BlobEntry]:
    """Give the commits in their order. Raises UnreadLogError for a log whose beginning is gone."""
    prefix = f"{folder}{DELTA_LOG}/"
    numbered = {
        int(name[len(prefix) : -5]): entry
        for name, entry in listed.items()
        if name.startswith(prefix) and name.endswith(".json") and name[len(prefix) : -5].isdecimal()
    }
    commits = [numbered[number] for number in sorted(numbered)]
    if sorted(numbered) != list(range(len(numbered))) or not commits:
        raise UnreadLogError("the beginning of its log lies in checkpoints, which are not read.")
    if sum(entry.size for entry in commits) > MAX_LOG_BYTES:
        raise UnreadLogError(f"its log has more than {MAX_LOG_BYTES:,} bytes.")
    return commits


def _follow(folder: str, commits: Iterable[BlobEntry], container: Container) -> set[str]:
    current: set[str] = set()
    for entry in commits:
        for action in _actions(entry, container):
            if mode := _column_mapping(action.get("metaData", {})):
                raise UnreadLogError(f"its columns have other names in the files (column mapping `{mode}`).")
            if removed := action.get("remove"):
                current.discard(_path(folder, removed))
            if added := action.get("add"):
                if added.get("deletionVector"):
                    raise UnreadLogError("rows within its files are deleted (deletion vectors).")
                current.add(_path(folder, added))
    return current


def _actions(entry: BlobEntry, container: Container) -> Iterator[dict[str, dict[str, Any]]]:
    for line in split_lines(container.chunks(entry.name)):
        if line.strip():
            yield _decode(line)


def _column_mapping(metadata: Mapping[str, Any]) -> str:
    configuration = metadata.get("configuration")
    mode = (
        configuration.get("delta.columnMapping.mode", "none") if isinstance(configuration, dict) else "none"
    )
    return "" if mode == "none" else str(mode)


def _path(folder: str, action: Mapping[str, Any]) -> str:
    path = str(action.get("path", ""))
    if "://" in path or path.startswith("/"):
        raise UnreadLogError("its log names files that lie elsewhere (a shallow clone).")
    return folder + unquote(path)
