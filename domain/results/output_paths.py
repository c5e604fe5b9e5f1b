"""Where everything that comes out of one input file goes."""

import msgspec

from domain import names
from domain.records import Plan
from domain.settings import Settings


class OutputPaths(msgspec.Struct, frozen=True, kw_only=True):
    """Blob names: results, processed metadata and archive in the processed container; the others in the error one."""

    results: str
    processed_metadata: str
    archive: str
    errors: str
    retry: str
    error_metadata: str
    rejected_input: str


def output_paths(settings: Settings, key: str, plan: Plan) -> OutputPaths:
    """Give the paths for one input file; the same ones for every try."""
    path = names.relative_to(settings.input_directory, plan.path)
    processed = names.output_folder(settings.output_directory, path, plan.timestamp, key)
    error = names.output_folder(settings.error_directory, path, plan.timestamp, key)
    stem, name = names.stem_of(path, key), names.archived_name(path, key)
    results = plan.spec.output.format if plan.spec else "jsonl"
    retry = names.suffix_of(path) if plan.spec else ".jsonl"
    return OutputPaths(
        results=f"{processed}{stem}_output.{results}",
        processed_metadata=f"{processed}{stem}_metadata.json",
        archive=f"{processed}{name}",
        errors=f"{error}{stem}_error.jsonl",
        retry=f"{error}{stem}_retry{retry}",
        error_metadata=f"{error}{stem}_metadata.json",
        rejected_input=f"{error}{name}",
    )
