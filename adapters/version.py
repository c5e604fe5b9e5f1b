"""Which version of the app this is: another text wherever its code or its requirements are another."""

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("activities", "adapters", "domain", "formats", "orchestrators", "steps", "triggers")


@cache
def app_version() -> str:
    """Give 12 hex characters of a hash of what is deployed."""
    digest = hashlib.sha256()
    for path in (
        ROOT / "requirements.txt",
        *sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py")),
    ):
        digest.update(f"{path.relative_to(ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
