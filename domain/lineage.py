"""Which file a retry file belongs to: how the first file of a retry is found.

A retry file holds the failed rows of one run of one file. It says so itself, wherever storage lets it:

1. **Blob metadata.** The app writes it into the error container with `retry_of`, the file key of the run whose failed rows it
   holds, and `retry_file`, its own name there. A copy that keeps the metadata (azcopy, the portal, the app's own wish) brings both
   along; the claim and the plan of the dropped file keep them.
2. **Its name.** A plain drop of `<stem>_retry.<ext>` has no metadata. Then the error container is asked for a retry file of that name
   under the same folder: one with the very same content, else the newest one.

Beside the retry file in the error container lies `<stem>_metadata.json`, which says everything else of that run: its results, its
errors, its archived input, and whether it was a retry itself. So a chain is followed from retry to retry, and ends at the first file.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping

import msgspec

from domain import names

RETRY_OF = "retry_of"
RETRY_FILE = "retry_file"
RETRY = "_retry"
MAX_CHAIN = 50  # retries of retries
# A blob's metadata have 8 KB; what a claim says besides may take three quarters of that.
MAX_PACKED_CHARS = 2000
SAME_IN_CUT_NAMES = 100  # characters; a name that is too long is cut behind more of them


class Origin(msgspec.Struct, frozen=True):
    """Where a retry file comes from. `key`: file key of the run whose failed rows it holds; empty: it is no retry.

    `retry_file`: where the app wrote it, in the error container; empty where that is not known.
    """

    key: str = ""
    retry_file: str = ""


def metadata_of_retry(origin: Origin) -> dict[str, str]:
    """Give what a retry file's blob says in its metadata (ASCII): where it comes from. Nothing for what is no retry."""
    if not origin.key:
        return {}
    packed = urlsafe_b64encode(origin.retry_file.encode()).decode()
    return {RETRY_OF: origin.key} | (
        {RETRY_FILE: packed} if packed and len(packed) <= MAX_PACKED_CHARS else {}
    )


def origin_of(metadata: Mapping[str, str]) -> Origin:
    """Read where a dropped file comes from; what cannot be read counts as not said."""
    told = {name.casefold(): value for name, value in metadata.items()}
    key = told.get(RETRY_OF, "").strip().casefold()
    if not names.is_file_key(key):
        return Origin()
    try:
        retry_file = urlsafe_b64decode(told.get(RETRY_FILE, "")).decode()
    except ValueError:
        retry_file = ""
    return Origin(key, retry_file)


def is_called_a_retry(path: str) -> bool:
    """Whether a file has the name of a retry file: `<stem>_retry.<ext>`."""
    return len(_stem(path)) > len(RETRY) and _stem(path).endswith(RETRY)


def beginning_of_candidates(path: str) -> str:
    """Give what the folders begin with, seen from the error directory, in which a file of that name was written."""
    folder = path[: path.rfind("/") + 1]
    return f"{folder}{_stem(path).removesuffix(RETRY)[:SAME_IN_CUT_NAMES]}"


def candidates(path: str, found: Iterable[str]) -> list[str]:
    """Give those of some blobs that are retry files of the same name, the newest first.

    `<folder>/<name>_<timestamp>/<stem>_retry.<ext>`: the timestamp is of one length and sorts by time.
    """
    name = path.rpartition("/")[2]
    depth = path.count("/") + 1
    alike = [blob for blob in found if blob.rpartition("/")[2] == name and blob.count("/") == depth]
    return sorted(alike, key=lambda blob: blob.split("/")[-2].rpartition("_")[2], reverse=True)


def metadata_beside(retry_file: str) -> str:
    """Name the metadata document of the run that a retry file was written by, in the error container."""
    folder = retry_file[: retry_file.rfind("/") + 1]
    return f"{folder}{_stem(retry_file).removesuffix(RETRY)}_metadata.json"


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.removesuffix(names.suffix_of(path)) or name
