"""Put small files together that share batches, while they are taken. The rules: `domain.pooling`.

A file is claimed with the key of its pool in the claim, and the pool comes into being when all are claimed. A pool that is not
there is none: a run that died in between leaves files like any others, and a pool that is dropped sets its files free.
"""

import uuid
from collections import defaultdict

import msgspec

from adapters.services import Services
from adapters.work.claims import Claimed
from domain import names
from domain.contracts import ListedFile
from domain.pooling import path_of_pool, pools_of
from domain.records import Claim, InputFile
from steps.intake.survey import Look
from steps.job_specs import pools_files
from steps.setting_free import free


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
        self._voids: list[str] = []  # keys of pools that are not to come into being

    def _may(self, file: InputFile) -> bool:
        """Tell whether a file may share batches at all; one that grows, or that people have asked something about, goes alone."""
        if file.appends or names.file_key(file.path, file.etag) in self._asked_about:
            return False
        return pools_files(self._services.storage.input, file.spec, self._services.settings)

    def pool_of(self, file: InputFile) -> str:
        """Give the key of the pool that a file is to be in; empty where that is none."""
        return self._pool_of.get((file.path, file.etag), "")

    def set_free(self, orphaned: list[Claimed], snapshot_id: str) -> list[Claimed]:
        """Give the claims of dead snapshots that may be taken over: all but those whose pool has come into being just now.

        A snapshot that is thought dead may be about to make the pool. So an empty one is put in its place first; when the claims
        are taken over it is dropped again: by then they say themselves that they are in none.
        """
        wanted = {found.claim.pool for found in orphaned if found.claim.pool}
        self._voids = [key for key in wanted if self._put(key, self._claim_on([], snapshot_id), [])]
        late = wanted - set(self._voids)
        return [found for found in orphaned if found.claim.pool not in late]

    def drop_voids(self) -> None:
        """Drop the empty pools again."""
        for key in self._voids:
            self._services.work.drop_file(key)

    def put_together(self, files: list[ListedFile], snapshot_id: str) -> list[ListedFile]:
        """Make the pools of files that were claimed; gives what the flow works on: pools, and the files that are in none.

        What another run of this snapshot has claimed for a pool is put into that one, here or there: the first that makes it
        decides which files are in it, and the others go alone.
        """
        entries, pools = [], defaultdict(list)
        for file in files:
            if file.pool:
                pools[file.pool].append(msgspec.structs.replace(file, fresh=True))
            else:
                entries.append(file)
        known = {entry.key for entry in entries}
        for key, members in pools.items():
            pool, left = self._made(key, members, snapshot_id)
            entries += left if key in known else [*pool, *left]
        return [entry for entry in entries if not self._is_void(entry)]

    def _is_void(self, entry: ListedFile) -> bool:
        """Tell a pool without files, which a run that died has left, and drop it."""
        if self.files_of(entry):
            return False
        self._services.work.drop_file(entry.key)
        return True

    def _made(
        self, key: str, members: list[ListedFile], snapshot_id: str
    ) -> tuple[list[ListedFile], list[ListedFile]]:
        """Give a pool, as it is now, and the files that are not in it."""
        claim = self._claim_on(members, snapshot_id)
        left: list[ListedFile] = []
        if not self._put(key, claim, members):
            found = self._services.work.claims.read_pool(key)
            if found is None or found[0].snapshot_id != snapshot_id:
                return [], []  # it came to its end, or is another snapshot's, with its files
            claim, there = found
            inside = {file.key for file in there}
            left = free(
                key, [file for file in members if file.key not in inside], snapshot_id, self._services
            )
            members = there
        self._files[key] = members
        pool = ListedFile(
            key=key,
            path=claim.path,
            size=claim.pool_bytes,
            fresh=True,
            spec=members[0].spec if members else None,
            members=claim.members,
        )
        return [pool], left

    def _put(self, key: str, claim: Claim, members: list[ListedFile]) -> bool:
        return self._services.work.claims.pool(key, claim, members)

    def _claim_on(self, members: list[ListedFile], snapshot_id: str) -> Claim:
        return Claim(
            snapshot_id=snapshot_id,
            timestamp=names.timestamp_of(snapshot_id),
            path=path_of_pool([file.path for file in members]),
            etag="",
            members=max(1, len(members)),  # what has none is no pool
            pool_bytes=sum(file.size for file in members),
        )

    def files_of(self, entry: ListedFile) -> list[ListedFile]:
        """Give the files of a pool, and any other file as it is."""
        if not entry.members:
            return [entry]
        if entry.key not in self._files:
            found = self._services.work.claims.read_pool(entry.key)
            self._files[entry.key] = found[1] if found else []
        return self._files[entry.key]
