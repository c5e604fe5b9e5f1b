"""End a file: its archived copy is made, then the input file and all records about it go."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import FileWork, from_wire
from steps.answering import answering
from steps.pool_or_file import archive

bp = df.Blueprint()


@bp.activity_trigger(input_name="work")
def archive_input(work: dict, context: func.Context) -> dict:
    """Answer None to a FileWork."""
    return answering(lambda: archive(from_wire(work, FileWork), services()), context)
