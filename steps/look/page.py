"""The files of the operator page, as they lie in `web/`. Read when the first one is asked for, never at import."""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from adapters.services import services
from adapters.storage.connection import blob_origin
from domain.errors import SettingsError

WEB = Path(__file__).resolve().parents[2] / "web"
INDEX = "index.html"
_ORIGIN = re.compile(r"https?://[\w.-]+(:\d+)?", re.ASCII)
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain",
}


class PageFile(NamedTuple):
    """One file: its bytes, its media type, its ETag with quotes."""

    content: bytes
    kind: str
    etag: str


def page_file(path: str) -> PageFile | None:
    """Give the file that a path below `/ui` means, None where there is none: only what was found in the folder is served."""
    return _files().get(path.strip("/") or INDEX)


def storage_origins() -> list[str]:
    """Give the origin to which files are brought: the data account's; none while the settings are wrong."""
    try:
        origin = blob_origin(services().settings)
    except SettingsError:
        return []
    # Nothing else becomes part of a policy.
    return [origin] if _ORIGIN.fullmatch(origin) else []


@cache
def _files() -> dict[str, PageFile]:
    return {
        file.relative_to(WEB).as_posix(): _read(file)
        for file in sorted(WEB.rglob("*"))
        if file.is_file() and file.suffix in KINDS
    }


def _read(file: Path) -> PageFile:
    content = file.read_bytes()
    return PageFile(content, KINDS[file.suffix], f'"{hashlib.sha256(content).hexdigest()[:24]}"')
