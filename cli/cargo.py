"""Which files of this machine are meant, and which input files they become."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cli.faults import CommandError, Ending
from domain import names
from domain.errors import JobSpecError, SpecMistake
from domain.side_files import side_file
from domain.spec.documents import MAX_SPEC_BYTES
from domain.spec.job_spec import MISNAMED, JobSpec, SpecDefaults, nearest_spec, parse_spec


class Item(NamedTuple):
    """A file, and the path of the input file that it becomes."""

    file: Path
    path: str


class Cargo:
    """Input files, and the job specs that come with them, each under its path in the input container."""

    def __init__(self, items: Sequence[Item]) -> None:
        is_spec = [_is_spec(item.path) for item in items]
        self.files = [item for item, is_one in zip(items, is_spec, strict=True) if not is_one]
        self.specs = {item.path: item.file for item, is_one in zip(items, is_spec, strict=True) if is_one}
        misnamed = sorted(filter(names.is_nearly_a_job_spec, self.specs), reverse=True)
        self._misnamed = {path.rpartition("/")[0]: path for path in misnamed}

    def governing(self, path: str) -> str | None:
        """Name the job spec of an input file; None where none comes along."""
        return nearest_spec(path, self.specs, self._misnamed)

    def read_governing(self, path: str, defaults: SpecDefaults) -> JobSpec | None:
        """Read the job spec of an input file. Raises JobSpecError with all its mistakes."""
        name = self.governing(path)
        return read_spec_file(self.specs[name], name, defaults) if name else None

    @property
    def in_order(self) -> Iterator[Item]:
        """Everything, job specs first: a table that comes before its job spec does without."""
        yield from (Item(self.specs[path], path) for path in sorted(self.specs))
        yield from self.files


def read_spec_file(file: Path, name: str, defaults: SpecDefaults) -> JobSpec:
    """Read a job spec as the app would. Raises JobSpecError with all its mistakes."""
    if names.is_nearly_a_job_spec(name):
        raise JobSpecError(name, [SpecMistake("", MISNAMED)])
    with file.open("rb") as opened:
        content = opened.read(MAX_SPEC_BYTES + 1)
    return parse_spec(content, name, defaults)


def load(sources: Sequence[Path], *, into: str = "") -> Cargo:
    """Find the files: each that is named, all in a folder that is named, and the job specs that lie beside them.

    Files go into the folder `into`, a folder as a folder of its name; of its files those are left out that the app would pass over. Raises CommandError
    where something is not there, or two files would become one.
    """
    found: dict[str, Path] = {}
    for source in sources:
        for file, relative in _files(source):
            path = (PurePosixPath(into.strip("/")) / relative).as_posix()
            if found.setdefault(path, file).resolve() != file.resolve():
                raise CommandError(
                    f"{found[path]} and {file} would both become {path}.",
                    "Drop them into different folders (--to).",
                    ending=Ending.REFUSED,
                )
    cargo = Cargo([Item(file, path) for path, file in sorted(found.items())])
    if not cargo.files:
        told = ", ".join(map(str, sources))
        raise CommandError(f"There is no file to send in {told}.", ending=Ending.REFUSED)
    return cargo


def _files(source: Path) -> Iterator[tuple[Path, str]]:
    """Give the files that one argument means, each with its path below the target folder."""
    if source.is_dir():
        root = source.resolve()
        prefix = "" if str(source) in (".", "./") else f"{root.name}/"
        for file in sorted(root.rglob("*")):
            relative = file.relative_to(root)
            # What the app would pass over: markers, checksums, hidden and unfinished files.
            if file.is_file() and side_file(relative.as_posix()) is None:
                yield file, f"{prefix}{relative.as_posix()}"
        return
    if not source.is_file():
        raise CommandError(f"There is no file {source}.", ending=Ending.REFUSED)
    yield source, source.name
    beside = sorted(file for file in source.parent.iterdir() if _is_spec(file.name) and file.is_file())
    yield from ((file, file.name) for file in beside)


def _is_spec(path: str) -> bool:
    return names.is_job_spec(path) or names.is_nearly_a_job_spec(path)
