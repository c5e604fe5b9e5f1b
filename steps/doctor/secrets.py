"""That no finding shows a secret: not by what a service or an SDK says, and not by a value that was put into the wrong setting."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from domain.errors import without_secrets
from domain.findings import Finding
from domain.settings import SECRETS

# Names under which the platform, its extensions and people keep secrets.
_SECRET_NAME = re.compile(
    r"(?i)key|secret|token|password|pwd|connection|sas|credential|AzureWebJobs|IDENTITY_HEADER"
)
# Within a connection string.
_SECRET_PART = re.compile(r"(?i)(?:key|signature|password|pwd|secret|sig)=([^;&\s]+)")
# What is shorter is a number, a word or a name, which hides nothing and is in every other sentence.
SHORTEST_SECRET = 12
HIDDEN = "…"


def without_values(finding: Finding, env: Mapping[str, str]) -> Finding:
    """Give a finding without the secrets that an environment holds."""
    secrets = sorted(set(_secrets(env)), key=len, reverse=True)
    return msgspec.structs.replace(
        finding, found=_hidden(finding.found, secrets), do=_hidden(finding.do, secrets)
    )


def _hidden(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return without_secrets(text)


def _secrets(env: Mapping[str, str]) -> Iterator[str]:
    for name, value in env.items():
        parts = _SECRET_PART.findall(value)
        is_secret = name in SECRETS or (_SECRET_NAME.search(name) and not _is_address(value))
        # A connection string is more than its secret, and some of the rest may be shown: the account's name.
        found = parts or ([value] if is_secret else [])
        yield from (part for part in map(str.strip, found) if len(part) >= SHORTEST_SECRET)


def _is_address(value: str) -> bool:
    return value.startswith(("https://", "http://")) and "?" not in value and "@" not in value
