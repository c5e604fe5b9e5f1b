"""Input files, as claims are made of them."""

from adapters.storage.account import Storage
from domain import names
from domain.records import Claim, InputFile


def dropped(storage: Storage, path: str = "a.jsonl", content: bytes = b"content\n") -> InputFile:
    storage.input.write(path, content)
    entry = storage.input.entry(path)
    return InputFile(path=path, etag=entry.etag, size=entry.size, modified=entry.modified)


def claim_of(file: InputFile, snapshot: str = "snapshot-1") -> Claim:
    return Claim(snapshot_id=snapshot, timestamp=names.timestamp_of(snapshot), path=file.path, etag=file.etag)


def key_of(file: InputFile) -> str:
    return names.file_key(file.path, file.etag)
