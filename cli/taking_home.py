"""Bring what came out onto this machine: whole, or not at all."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cli.deliveries import Delivery
from cli.faults import CommandError, Ending

if TYPE_CHECKING:
    from adapters.services import Services
    from adapters.storage.blobs import Container


class Parcel(NamedTuple):
    """A blob to bring home, and where it goes below the target folder."""

    container: "Container"
    blob: str
    target: str
    file: str  # the input file that it came out of


def parcels(delivery: Delivery, services: "Services", *, everything: bool, flat: bool) -> Iterator[Parcel]:
    """Give the results of a file; `everything`: also its errors, its retry file and its metadata.

    `flat`: by their names alone; else within the folder that they have in storage, which no other file shares.
    """
    storage, metadata = services.storage, delivery.metadata
    found = [(storage.processed, metadata.results)]
    if everything:
        found += [(storage.error, metadata.errors), (storage.error, metadata.retry)]
        found += [(delivery.container, delivery.blob)]
    for container, blob in found:
        if blob:
            yield Parcel(container, blob, blob.rpartition("/")[2] if flat else blob, delivery.file)


def bring(parcel: Parcel, folder: Path, *, replace: bool) -> Path:
    """Write a blob into a folder. Raises CommandError where a file of that name is there already."""
    target = folder / parcel.target
    if folder.resolve() not in target.resolve().parents:
        raise CommandError(f"{parcel.blob} would lie outside of {folder}.", ending=Ending.REFUSED)
    if target.exists() and not replace:
        raise CommandError(f"{target} is there already.", "--replace replaces it.", ending=Ending.REFUSED)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Whoever interrupts this finds the old file or the new one.
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as writing:
            for piece in parcel.container.chunks(parcel.blob):
                writing.write(piece)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def pour(parcel: Parcel) -> None:
    """Write a blob to the output."""
    for piece in parcel.container.chunks(parcel.blob):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
