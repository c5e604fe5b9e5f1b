"""Write what people came for: results, errors, the retry file and the metadata."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import FileWork, from_wire
from steps.answering import answering
from steps.pool_or_file import write

bp = df.Blueprint()


@bp.activity_trigger(input_name="work")
def write_outputs(work: dict, context: func.Context) -> dict:
    """Answer WrittenOutputs to a FileWork."""
    return answering(lambda: write(from_wire(work, FileWork), services()), context)
