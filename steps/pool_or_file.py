"""The steps about an input file as a whole, or about a pool of several: which of the two, the call says."""

from adapters.services import Services
from domain.contracts import FileWork, PreparedFile, WrittenOutputs
from steps.deliver.archive import archive as archive_file
from steps.deliver.hold import hold as hold_file
from steps.deliver.outputs import write as write_file
from steps.pool.delivery import write_pool
from steps.pool.ending import archive_pool
from steps.pool.holding import hold_pool
from steps.pool.preparation import prepare_pool
from steps.prepare.preparation import prepare as prepare_file


def prepare(work: FileWork, services: Services) -> PreparedFile:
    """Make the plan of a file or a pool, and its shards."""
    return prepare_pool(work, services) if work.pooled else prepare_file(work, services)


def write(work: FileWork, services: Services) -> WrittenOutputs:
    """Write results, errors and metadata of a file, or of each file of a pool."""
    return write_pool(work, services) if work.pooled else write_file(work, services)


def archive(work: FileWork, services: Services) -> None:
    """Bring a file, or each file of a pool, to its end."""
    return archive_pool(work, services) if work.pooled else archive_file(work, services)


def hold(work: FileWork, services: Services) -> None:
    """Set a file, or a pool, aside."""
    return hold_pool(work, services) if work.pooled else hold_file(work, services)
