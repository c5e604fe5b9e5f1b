"""Put small files together that share batches, while they are taken. The rules: `domain.pooling`.

A file is claimed with the key of its pool in the claim, and the pool comes into being when all are claimed. A pool that is not
there is none: a run that died in between leaves files like any others, and a pool that is dropped sets its files free.
"""

import uuid
from collections import defaultdict

import msgspec

from adapters.services import Services
from domain import names
from domain.contracts import ListedFile
from domain.pooling import path_of_pool, pools_of
from domain.records import Claim, InputFile
from steps.intake.survey import Look
from steps.job_specs import pools_files


class Pooling:
    """Which of the files that are taken share batches."""

    def __init__(self, files: list[InputFile], look: Look, services: Services) -> None:
        self._look, self._services = look, services
        self._asked_about = {wish.subject for wish in look.wished.wishes}
        self._pool_of = {
            (file.path, file.etag): key
            for pool in pools_of(file for file in files if self._may(file))
            for key in [uuid.uuid4().hex[: names.KEY_CHARS]]
            for file in pool
        }
        self._files: dict[str, list[ListedFile]] = {}  # of the pools made here, by key

    def _may(self, file: InputFile) -> bool:
        """Tell whether a file may share batches at all; one that grows, or that people have asked something about, goes alone."""
        if file.appends or names.file_key(file.path, file.etag) in self._asked_about:
            return False
        return pools_files(self._services.storage.input, file.spec, self._services.settings)

    def pool_of(self, file: InputFile) -> str:
        """Give the key of the pool that a file is to be in; empty where that is none."""
        return self._pool_of.get((file.path, file.etag), "")

    def put_together(self, files: list[ListedFile], snapshot_id: str) -> list[ListedFile]:
        """Make the pools of files that were claimed; gives what the flow works on: pools, and the files that are in none.

        What a repetition finds claimed for a pool that is not there yet belongs to it: nothing of it has begun.
        """
        alone, pools = [], defaultdict(list)
        for file in files:
            if file.pool and file.pool not in self._look.pools:
                pools[file.pool].append(msgspec.structs.replace(file, fresh=True))
            else:
                alone.append(file)
        return [*(self._made(key, members, snapshot_id) for key, members in pools.items()), *alone]

    def _made(self, key: str, members: list[ListedFile], snapshot_id: str) -> ListedFile:
        size = sum(file.size for file in members)
        path = path_of_pool([file.path for file in members])
        claim = Claim(
            snapshot_id=snapshot_id,
            timestamp=names.timestamp_of(snapshot_id),
            path=path,
            etag="",
            members=len(members),
            pool_bytes=size,
        )
        self._services.work.claims.pool(key, claim, members)
        self._files[key] = members
        return ListedFile(
            key=key, path=path, size=size, fresh=True, spec=members[0].spec, members=len(members)
        )

    def files_of(self, entry: ListedFile) -> list[ListedFile]:
        """Give the files of a pool, and any other file as it is."""
        if not entry.members:
            return [entry]
        if entry.key not in self._files:
            found = self._services.work.claims.read_pool(entry.key)
            self._files[entry.key] = found[1] if found else []
        return self._files[entry.key]
