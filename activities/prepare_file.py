"""Turn an input file into shards."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import FileWork, from_wire
from steps.answering import answering
from steps.pool_or_file import prepare

bp = df.Blueprint()


@bp.activity_trigger(input_name="work")
def prepare_file(work: dict, context: func.Context) -> dict:
    """Answer PreparedFile to a FileWork."""
    return answering(lambda: prepare(from_wire(work, FileWork), services()), context)
