"""What came out of input files, found by the metadata that lies beside it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from adapters.threads import pool
from cli.faults import CommandError, Ending
from domain import names
from domain.results.metadata import Metadata

if TYPE_CHECKING:
    from adapters.services import Services
    from adapters.storage.blobs import Container

READ_AT_ONCE = 16

_ENDING = "_metadata.json"
_TIMESTAMP = r"\d{8}T\d{6}\.\d+Z"
_OUTPUT_FOLDER = re.compile(rf"(?P<file>.+)_(?P<timestamp>{_TIMESTAMP})/[^/]+{re.escape(_ENDING)}")

_decode = msgspec.json.Decoder(Metadata).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What came out of one version of one input file; `timestamp` is the snapshot's, `blob`, in `container`, holds the metadata."""

    metadata: Metadata
    timestamp: str
    key: str
    container: "Container"
    blob: str

    @property
    def file(self) -> str:
        """The path of the input file."""
        return self.metadata.file

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return self.metadata.requests - self.metadata.outcomes.get("ok", 0)

    def with_files(self, *, results: str | None, errors: str | None, failed: int) -> "Delivery":
        """Give the same with other results and errors."""
        outcomes = {"ok": self.metadata.requests - failed}
        changed = msgspec.structs.replace(self.metadata, results=results, errors=errors, outcomes=outcomes)
        return replace(self, metadata=changed)

    @property
    def is_rejected(self) -> bool:
        """Whether the file was refused as a whole."""
        return self.metadata.status == "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A metadata document, unread. `file`: the path of the input file, where its name was not cut."""

    container: "Container"
    name: str
    timestamp: str
    file: str


def deliveries_of(path: str, services: "Services") -> list[Delivery]:
    """Give what came out of an input file, or of all below a folder, oldest first; each version of a file once."""
    return [each for each in read_all(_metadata_blobs(path, services)) if _is_meant(path, each)]


def read_all(found: "Iterable[Found]") -> list[Delivery]:
    """Read metadata; each version of a file once, oldest first."""
    with pool(READ_AT_ONCE) as reading:
        once = {(each.file, each.key): each for each in reading.map(_read, list(found))}
    return sorted(once.values(), key=lambda each: (each.timestamp, each.file))


def latest_found(path: str, services: "Services") -> list[Found]:
    """Find the last metadata of each file that a path means, and perhaps of others; nothing is read."""
    last: dict[str, Found] = {}
    for each in _metadata_blobs(path, services):
        if each.file not in last or each.timestamp > last[each.file].timestamp:
            last[each.file] = each
    return [last[file] for file in sorted(last)]


def deliveries_beginning(beginning: str, services: "Services") -> list[Delivery]:
    """Give what came out of all input files whose paths begin so, oldest first."""
    found = read_all(_metadata_blobs(beginning, services))
    return [each for each in found if each.file.startswith(beginning)]


def deliveries_of_snapshot(snapshot_id: str, services: "Services") -> list[Delivery]:
    """Give what came out of the files that a snapshot took."""
    timestamp = names.timestamp_of(snapshot_id)
    return read_all(each for each in _metadata_blobs("", services) if each.timestamp == timestamp)


def newest(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Of several deliveries of a file give the last one, in the order of the files."""
    last = {each.file: each for each in deliveries}
    return [last[file] for file in sorted(last)]


def nothing_of(path: str, services: "Services") -> CommandError:
    """Say why there is no delivery of a file."""
    settings = services.settings
    waiting = next(iter(services.storage.input.list(path)), None)
    if waiting is not None and (waiting.name == path or waiting.name.startswith(f"{path.rstrip('/')}/")):
        return CommandError(f"{path} has no results yet.", f"`aoai-batch watch {path}` waits for them.")
    return CommandError(
        f"Nothing has come out of {path} ({settings.processed_container}, {settings.error_container}).",
        "Is it the path in the input container? `aoai-batch status` lists what is there.",
        ending=Ending.REFUSED,
    )


def _metadata_blobs(path: str, services: "Services") -> Iterator[Found]:
    settings, storage = services.settings, services.storage
    places = (
        (storage.processed, settings.output_directory),
        (storage.error, settings.error_directory),
    )
    for container, directory in places:
        for entry in container.list(_prefix(path, directory, settings.input_directory)):
            found = _OUTPUT_FOLDER.fullmatch(entry.name) if entry.name.endswith(_ENDING) else None
            if found:
                yield Found(
                    container=container,
                    name=entry.name,
                    timestamp=found["timestamp"],
                    file=f"{names.prefix_of(settings.input_directory)}{found['file'].removeprefix(names.prefix_of(directory))}",
                )


def _prefix(path: str, directory: str, input_directory: str) -> str:
    """Give what the names of everything begin with that comes out of a path."""
    relative = names.relative_to(input_directory, path)
    if not relative or path.endswith("/"):
        return f"{names.prefix_of(directory)}{relative}"
    begin = names.output_folder(directory, relative, "", "")[: -len("_/")]
    # A name that is cut has its key behind, which is not known here.
    is_cut = not begin.endswith(relative)
    return begin.rpartition("~")[0] if is_cut else begin


def _read(found: Found) -> Delivery:
    try:
        metadata = _decode(found.container.read(found.name)[0])
    except msgspec.MsgspecError as error:
        raise CommandError(
            f"{found.container.name}/{found.name} is no metadata of this version: {error}."
        ) from error
    key = names.file_key(metadata.file, metadata.etag)
    return Delivery(
        metadata=metadata, timestamp=found.timestamp, key=key, container=found.container, blob=found.name
    )


def _is_meant(path: str, delivery: Delivery) -> bool:
    folder = f"{path.rstrip('/')}/" if path else ""
    return delivery.file == path or delivery.file.startswith(folder)
