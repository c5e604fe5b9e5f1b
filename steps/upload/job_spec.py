"""What is wrong with a job spec that is not in the input container yet."""

from adapters.services import Services
from domain import names
from domain.errors import InputFileError, JobSpecError, SpecMistake
from domain.spec.job_spec import MISNAMED, parse_spec
from steps.upload.links import input_name


def mistakes_in(path: str, content: bytes, services: Services) -> tuple[SpecMistake, ...]:
    """Give all mistakes of a job spec that comes to `path`; none where it is a good one. Raises InputFileError for a name that would not be taken."""
    name = input_name(path, services)
    if names.is_nearly_a_job_spec(name):
        return (SpecMistake("", MISNAMED),)
    if not names.is_job_spec(name):
        raise InputFileError(f"A job spec is called {' or '.join(names.JOB_SPEC_NAMES)}.", code="name")
    try:
        parse_spec(content, name, services.settings.spec_defaults)
    except JobSpecError as error:
        return error.mistakes
    return ()
