"""The SQLite file: opening, schema, transactions.

Write-ahead log with `synchronous=NORMAL`: a killed process loses nothing that was committed; only a crash of the
machine itself could lose the last moments. The file is held exclusively, so a second host on the same folder is
refused instead of doing everything twice.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.functions_host.errors import StateError

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE instances (
    instance_id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
    status TEXT NOT NULL, raw_input TEXT, output TEXT, custom_status TEXT,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, parent TEXT
) WITHOUT ROWID;
CREATE INDEX instances_by_creation ON instances (created_at, instance_id);
CREATE TABLE history (
    instance_id TEXT NOT NULL, turn INTEGER NOT NULL, events TEXT NOT NULL,
    PRIMARY KEY (instance_id, turn)
) WITHOUT ROWID;
CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, instance_id TEXT NOT NULL, execution_id TEXT,
    visible_at REAL NOT NULL, event TEXT NOT NULL
);
CREATE INDEX inbox_by_instance ON inbox (instance_id, visible_at, seq);
CREATE TABLE activities (
    seq INTEGER PRIMARY KEY, instance_id TEXT NOT NULL, execution_id TEXT NOT NULL,
    task_id INTEGER NOT NULL, name TEXT NOT NULL, input TEXT
);
CREATE TABLE timer_status (
    function TEXT PRIMARY KEY, last REAL NOT NULL, next REAL NOT NULL, updated_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE blob_receipts (
    function TEXT NOT NULL, blob TEXT NOT NULL, etag TEXT NOT NULL, PRIMARY KEY (function, blob)
) WITHOUT ROWID;
CREATE TABLE blob_queue (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, function TEXT NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL,
    etag TEXT, tries INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE blob_poison (
    function TEXT NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL, etag TEXT, error TEXT NOT NULL,
    failed_at REAL NOT NULL
);
"""


class Database:
    """One connection, for one thread."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises StateError if it is in use, unreadable or of another version."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=1)
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"cannot open the state file {path}: {error}") from error
        try:
            for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
                self._connection.execute(f"PRAGMA {setting}")
            self._prepare_schema(path)
        except (sqlite3.Error, StateError) as error:
            self._connection.close()
            if isinstance(error, StateError):
                raise
            reason = "another host is using it" if "locked" in str(error) else str(error)
            raise StateError(f"cannot use the state file {path}: {reason}") from error

    def _prepare_schema(self, path: Path) -> None:
        version = self.rows("PRAGMA user_version")[0][0]
        if version == 0:
            self._connection.executescript(f"BEGIN;{_SCHEMA};PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise StateError(
                f"{path} is of version {version}, this host needs {SCHEMA_VERSION}; delete the file"
            )

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query, as tuples."""
        return self._connection.execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[Any] = ()) -> Any:
        """Return the first row of a query, or None."""
        return self._connection.execute(query, values).fetchone()

    def run(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Execute one statement."""
        return self._connection.execute(statement, values)

    def run_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute one statement once for each row of values."""
        self._connection.executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
