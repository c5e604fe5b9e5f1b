"""Bring files into the input container, beside what is there already."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cli.cargo import Cargo, Item, read_spec_file
from cli.faults import CommandError, Ending
from domain import names
from domain.records import SpecBlob
from domain.settings import Settings
from domain.spec.job_spec import JobSpec, nearest_spec

if TYPE_CHECKING:
    from adapters.services import Services
    from adapters.storage.blobs import Container

PIECE_BYTES = 4 * 1024 * 1024


class Dropped(NamedTuple):
    """A file in the input container; `key` names its version."""

    path: str
    key: str


class Quay:
    """The input container, where cargo goes: its job specs count for what comes, and nothing in it is replaced unasked."""

    def __init__(self, services: "Services", cargo: Cargo) -> None:
        self._container, self._settings, self._cargo = services.storage.input, services.settings, cargo
        listed = self._container.list(names.prefix_of(self._settings.input_directory), metadata=True)
        self._there = {entry.name: entry for entry in listed}
        specs = [name for name in {*self._there, *cargo.specs} if _is_spec(name)]
        self._specs = [name for name in specs if not names.is_nearly_a_job_spec(name)]
        misnamed = sorted(filter(names.is_nearly_a_job_spec, specs), reverse=True)
        self._misnamed = {name.rpartition("/")[0]: name for name in misnamed}

    def governing(self, path: str) -> str | None:
        """Name the job spec that will count for a file: one that comes along, or one that is there."""
        return nearest_spec(path, self._specs, self._misnamed)

    def read_governing(self, path: str) -> JobSpec | None:
        """Read that job spec. Raises JobSpecError with all its mistakes."""
        name = self.governing(path)
        if name is None:
            return None
        if name in self._cargo.specs:
            return read_spec_file(self._cargo.specs[name], name, self._settings.spec_defaults)
        from steps.job_specs import read_spec  # noqa: PLC0415 - slow to import, rarely needed

        spec = SpecBlob(path=name, etag=self._there[name].etag)
        return read_spec(self._container, spec, self._settings.spec_defaults)

    def refuse_replacing(self) -> None:
        """Raise CommandError where a file of that name is there already; a job spec may be there with the same content."""
        taken = [
            item.path
            for item in self._cargo.in_order
            if item.path in self._there and not (_is_spec(item.path) and self._is_the_same(item))
        ]
        if taken:
            raise CommandError(
                f"In the input container already: {', '.join(taken[:5])}{' …' * (len(taken) > 5)}.",
                "--replace replaces them; a file that is being worked on is finished all the same, and the new one is paid besides.",
                ending=Ending.REFUSED,
            )

    def take(self) -> Iterator[Dropped]:
        """Upload everything, job specs first; gives each file once it is there."""
        for item in self._cargo.in_order:
            if _is_spec(item.path) and item.path in self._there and self._is_the_same(item):
                continue
            _upload(item, self._container)
            if not _is_spec(item.path):
                etag = self._container.entry(item.path).etag
                yield Dropped(item.path, names.file_key(item.path, etag))

    def _is_the_same(self, item: Item) -> bool:
        content = item.file.read_bytes()
        return len(content) == self._there[item.path].size and content == self._container.read(item.path)[0]


def _upload(item: Item, container: "Container") -> None:
    with item.file.open("rb") as content, container.writer(item.path) as writer:
        while piece := content.read(PIECE_BYTES):
            writer.write(piece)


def _is_spec(path: str) -> bool:
    return names.is_job_spec(path) or names.is_nearly_a_job_spec(path)


def target(settings: Settings, into: str) -> str:
    """Give the folder of the input container for what goes `into` a folder below the input directory."""
    return f"{names.prefix_of(settings.input_directory)}{into.strip('/')}"
