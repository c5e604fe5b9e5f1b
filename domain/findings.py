"""What a check of the doctor has found."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """How it is; only `fail` keeps the app from its work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_LOOKED = "not looked"


_BAD = (Verdict.FAIL, Verdict.WARN)  # the worst first


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one check: `check` is its stable id, `found` and `do` are for people, `page` of the documentation says more."""

    check: str
    verdict: Verdict
    found: str
    do: str = ""
    page: str = ""


def well(check: str, found: str) -> Finding:
    """Find that all is well."""
    return Finding(check=check, verdict=Verdict.OK, found=found)


def warning(check: str, found: str, do: str, page: str = "") -> Finding:
    """Find what may become a trouble, or costs time."""
    return Finding(check=check, verdict=Verdict.WARN, found=found, do=do, page=page)


def failure(check: str, found: str, do: str, page: str = "") -> Finding:
    """Find what keeps the app from its work."""
    return Finding(check=check, verdict=Verdict.FAIL, found=found, do=do, page=page)


def not_looked(check: str, why: str, do: str = "") -> Finding:
    """Say why something was not looked at."""
    return Finding(check=check, verdict=Verdict.NOT_LOOKED, found=why, do=do)


def worst(findings: Iterable[Finding]) -> Verdict:
    """Give the worst of what was found; what was not looked at counts for nothing."""
    verdicts = {finding.verdict for finding in findings}
    return next((bad for bad in _BAD if bad in verdicts), Verdict.OK)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Give what was found with the worst in front, else in the order of the checks."""
    return sorted(findings, key=lambda finding: (*_BAD, finding.verdict).index(finding.verdict))
