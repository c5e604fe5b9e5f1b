"""What lies in a folder and is no input: markers, checksums, logs and hidden files of the tools that wrote it, and what is not finished.

Such a file is neither read nor rejected: it stays where it is. What may be a person's own data all the same (a name that only looks
hidden or unfinished) is told to those who ask; the known markers of tools are not worth a word.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from domain.names import is_job_spec, is_nearly_a_job_spec

DELTA_LOG = "_delta_log"
# Spark and Hive, Databricks, Delta, dask, Impala, archives of macOS. Their folders are in it as well.
_MARKERS = re.compile(
    r"_success|_committed_.*|_started_.*|_metadata|_common_metadata|_delta_.*|_change_data|_temporary|_attempt_.*"
    r"|_(tmp|temp|staging|spark|hive|hoodie|distcp|scratch|checkpoint)([-_.].*|s|_dir)?|_orc_acid_version"
    r"|_symlink_format_manifest|_spark_metadata|_impala_insert_staging|_logs|__macosx|.*_\$folder\$"
    r"|thumbs\.db|desktop\.ini|.*\.(crc|md5|sha1|sha256|sha512|checksum)",
    re.IGNORECASE | re.DOTALL,
)
_UNFINISHED = re.compile(
    r"~\$.*|.*~|.*\._copying_|.*\.(part|partial|filepart|tmp|temp|crdownload|opdownload|download|incomplete|inprogress|swp|lock)",
    re.IGNORECASE | re.DOTALL,
)
_MANIFEST = re.compile(
    r"(.*[-_.])?manifest|manifest(-(summary|files))?\.json|[0-9a-f-]{36}-manifest\.csv",
    re.IGNORECASE | re.DOTALL,
)
_OF_ICEBERG = re.compile(r".*\.metadata\.json(\.gz)?|.*\.avro|version-hint\.text|.*\.stats", re.DOTALL)
_DATA_SET = frozenset({"state.json", "dataset_info.json"})
_SQL = frozenset({"schema.sql", "load.sql"})


class SideFile(NamedTuple):
    """A file that is passed over. `told`: it may be meant as input, so people are told; `reason` is a sentence."""

    path: str
    code: str
    reason: str
    told: bool


class Folders(NamedTuple):
    """What a listing holds beside the input. `tables`: folders of table formats, whose log says which files count.

    A table has a folder with its closing slash, and its kind: `delta`, `iceberg` or `hudi`.
    """

    passed: list[SideFile]
    tables: dict[str, str]


def side_file(path: str) -> SideFile | None:
    """Tell what a file is by its name and those of its folders; None for one that may be input."""
    *folders, name = path.split("/")
    # `.` and `..` hide nothing: no url can name such a path, and its file is told as one that cannot be taken.
    for part in (*folders, name):
        if (part.startswith(".") and part not in (".", "..")) or _MARKERS.fullmatch(part):
            return SideFile(
                path, "marker", "A marker or a log of the tool that wrote the folder.", told=False
            )
    if name.startswith("_") and not _is_spec(name):
        reason = "Files whose names begin with `_` are side files to the tools that write folders. Rename it."
        return SideFile(path, "hidden_name", reason, told=True)
    if _UNFINISHED.fullmatch(name):
        reason = "By its name it is still being written, or was left so. It is taken under its final name."
        return SideFile(path, "unfinished_name", reason, told=True)
    return None


def look_at_folders(paths: Collection[str]) -> Folders:
    """Sort out a listing. Where the rule needs the files beside, it looks at the whole of it."""
    tables = dict(_tables(paths))
    passed = {path: found for path in paths if (found := side_file(path))}
    beside: defaultdict[str, set[str]] = defaultdict(set)
    for path in paths:
        if path not in passed:
            folder, _, name = path.rpartition("/")
            beside[folder].add(name)
    for folder, names in beside.items():
        for name in names:
            if reason := _beside_others(folder, name, names, beside):
                path = f"{folder}/{name}" if folder else name
                passed[path] = SideFile(path, "marker", reason, told=bool(_MANIFEST.fullmatch(name)))
    return Folders(list(passed.values()), tables)


def _beside_others(folder: str, name: str, names: set[str], all_folders: dict[str, set[str]]) -> str | None:
    rules = {
        "It describes the data set beside it.": name in _DATA_SET
        and any(other.endswith(".arrow") for other in names),
        "It describes the data sets below it.": name == "dataset_dict.json"
        and any(of.startswith(folder) and not _DATA_SET.isdisjoint(all_folders[of]) for of in all_folders),
        "It belongs to the log of an Iceberg table.": folder.rpartition("/")[2] == "metadata"
        and _OF_ICEBERG.fullmatch(name) is not None,
        "It belongs to an export of DuckDB.": name in _SQL and names >= _SQL,
        "It lists the files beside it.": len(names) > 1 and _MANIFEST.fullmatch(name) is not None,
        "It describes the file beside it.": name.endswith(".metadata")
        and name.removesuffix(".metadata") in names,
    }
    return next((reason for reason, holds in rules.items() if holds), None)


def _tables(paths: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Find the folders of table formats by their logs."""
    for path in paths:
        parts = path.split("/")
        if DELTA_LOG in parts[:-1]:
            yield _folder(parts[: parts.index(DELTA_LOG)]), "delta"
        elif ".hoodie" in parts[:-1]:
            yield _folder(parts[: parts.index(".hoodie")]), "hudi"
        elif len(parts) > 1 and parts[-2] == "metadata" and parts[-1].endswith(".metadata.json"):
            yield _folder(parts[:-2]), "iceberg"


def _folder(parts: list[str]) -> str:
    return "".join(f"{part}/" for part in parts)


def _is_spec(name: str) -> bool:
    return is_job_spec(name) or is_nearly_a_job_spec(name)


# --- empty parts ------------------------------------------------------------------------------------------------------

# Spark, Hive, dask, DuckDB, polars, pyarrow, Hugging Face, Snowflake, BigQuery, Redshift: files of one table, by number.
_PART = re.compile(
    r"part[-._]?[rm]?[-._]?\d.*|\d+(_\d+)*(_part_\d+)?|[0-9a-f]{32}-\d+|data[-_]\d.*|.*-\d{5}-of-\d{5}|.*-\d{12}|run-\d.*",
    re.IGNORECASE | re.DOTALL,
)


def is_a_part(path: str) -> bool:
    """Whether a file is one of those that a tool has cut one table into: such a one may be empty."""
    *folders, name = path.split("/")
    return (
        any("=" in folder for folder in folders)
        or _PART.fullmatch(name.partition(".")[0]) is not None
        or (re.match(r"part\.\d+\.", name) is not None)
    )
