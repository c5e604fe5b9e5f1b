"""Quote a file of the input container, or one before it is there. It may be hostile, so that this is for a process of its own."""

from collections.abc import Iterator

from adapters.services import Services
from adapters.storage.blobs import Container
from domain import names
from domain.contracts import Answer, from_wire, to_wire
from domain.errors import ConflictError, NotFoundError, PassingError, PipelineError
from domain.quotes import Quote, QuoteRequest
from domain.spec.job_spec import JobSpec
from steps.intake.survey import list_inputs
from steps.job_specs import read_spec
from steps.quote.of_sample import quote_sample
from steps.quote.quoting import quote_source

MOST_BYTES = 50_000_000  # an answer has to come within the 230 seconds of Azure's load balancer
MOST_SECONDS = 120.0


class BlobSource:
    """A blob of the input container."""

    def __init__(self, container: Container, name: str, size: int) -> None:
        self._container, self._name, self.size = container, name, size

    def chunks(self) -> Iterator[bytes]:
        """Stream it."""
        return self._container.chunks(self._name)

    def read_range(self, offset: int, length: int) -> bytes:
        """Read part of it."""
        return self._container.read_range(self._name, offset, length)


def quote_input(request: QuoteRequest, services: Services) -> Quote:
    """Quote a file that lies in the input container. Raises NotFoundError."""
    if request.content is not None:
        return quote_sample(request, services)
    container, settings = services.storage.input, services.settings
    entry = container.entry(request.path)
    spec = list_inputs(services)[1].governing(request.path)

    def read_governing() -> JobSpec | None:
        return read_spec(container, spec, settings.spec_defaults) if spec else None

    return quote_source(
        BlobSource(container, request.path, entry.size),
        request.path,
        read_governing,
        settings,
        job_spec=spec.path if spec else None,
        prompts=request.prompts,
    )


def quote_apart(request: QuoteRequest, services: Services) -> Quote:
    """Have a file quoted in a process of its own.

    Raises NotFoundError; ConflictError for one that is too large, or that takes that process down; PassingError while another
    file is there.
    """
    if not request.path or not names.is_addressable(request.path):
        raise NotFoundError("No file can be called so.")
    if request.content is None:
        size = services.storage.input.entry(request.path).size
        if size > MOST_BYTES:
            raise ConflictError(
                f"It has {size:,} bytes, more than {MOST_BYTES:,}: quote it with `aoai-batch quote`, which reads all of it.",
                code="too_large",
            )
    if services.own_process is None:
        return quote_input(request, services)
    try:
        with services.own_process() as process:
            told = from_wire(process.run("quote_input", to_wire(request), MOST_SECONDS), Answer)
    except PassingError:
        raise
    except PipelineError as error:
        raise ConflictError(f"It cannot be quoted: {error}", code=error.code) from error
    if fault := told.fault:
        if fault.code == NotFoundError.code:
            raise NotFoundError(fault.message)
        kind = PassingError if fault.passing else ConflictError
        raise kind(fault.message, code=fault.code)
    return from_wire(told.ok, Quote)
