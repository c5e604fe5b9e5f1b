"""What a plan is made from besides its file: the job spec that governs the file, in one version, and the settings' defaults."""

import hashlib

import msgspec

from domain.records import SpecBlob
from domain.spec.job_spec import SpecDefaults


def basis_of(spec: SpecBlob | None, defaults: SpecDefaults, *, input_etag: str = "") -> str:
    """Give a short text that is another one as soon as a plan would be: never empty.

    `input_etag`: of what lies in the place of the input file now, where that counts as well; empty where nothing does.
    """
    told = (spec, defaults, input_etag.strip('"'))
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:12]
