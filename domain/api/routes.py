"""The routes, in one table: what may be asked, and what comes back. Triggers and the OpenAPI document are held to it."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from domain.api import actions, answers
from domain.api.answers import FileStateName, OutputName
from domain.quotes import Quote
from domain.uploads import UploadLink

MOST_PER_PAGE = 200
FILES_PER_PAGE = 100
SNAPSHOTS_PER_PAGE = 20

SnapshotFilter = Literal["running", "ended"]
FileFilter = Literal["waiting", "held", "working", "done", "rejected"]
BatchFilter = Literal["active", "ended", "stray"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the query. `values`: the only ones; `most`: it is a number from 1 up to that."""

    name: str
    about: str
    values: tuple[str, ...] = ()
    most: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A call. `function` is the name under which it is registered, `answers` what it may give with `status`."""

    function: str
    method: str
    path: str
    about: str
    answers: tuple[Any, ...] = ()
    status: int = 200
    query: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = ()
    is_open: bool = field(default=False)  # to callers that are not known
    body: Any = None  # what a call may send


LIMIT = Parameter(name="limit", about="Items per page.", most=MOST_PER_PAGE)
AFTER = Parameter(name="after", about="The `next` of the page before.")
PATH = Parameter(name="path", about="Only files whose path contains this, in any case.")
CODE = Parameter(name="error_code", about="Only with this error code; `*` for any.")
SNAPSHOT = Parameter(name="snapshot", about="The snapshot in whose list the file is, where it is an old one.")


def _one_of(values: Any, about: str) -> Parameter:
    return Parameter(name="state", about=about, values=get_args(values))


ROUTES = (
    Route(
        function="quote_file",
        method="POST",
        path="api/quote",
        about="What a file would take, of the input container or one that comes with the call: tokens, cost, first mistakes, prompts. Nothing is sent.",
        answers=(Quote,),
        problems=(404, 409),
        body=actions.QuoteWanted,
    ),
    Route(
        function="check_job_spec",
        method="POST",
        path="api/job-specs",
        about="What is wrong with a job spec that is not there yet. Nothing is kept.",
        answers=(answers.SpecChecked,),
        body=actions.SpecWanted,
    ),
    Route(
        function="link_upload",
        method="POST",
        path="api/uploads",
        about="A link by which one file may be written into the input container for a quarter of an hour, and nothing else.",
        answers=(UploadLink,),
        problems=(409,),
        body=actions.UploadWanted,
    ),
    Route(
        function="get_overview",
        method="GET",
        path="api/overview",
        about="Everything on one screen.",
        answers=(answers.Overview,),
    ),
    Route(
        function="list_snapshots",
        method="GET",
        path="api/snapshots",
        about="The snapshots that took files, newest first.",
        answers=(answers.Snapshots,),
        query=(_one_of(SnapshotFilter, "Only these."), LIMIT, AFTER),
    ),
    Route(
        function="run_snapshot",
        method="POST",
        path="api/snapshots",
        about="Take what is in the input container now, also with CONTINUOUS_MODE=false.",
        answers=(answers.Started,),
        status=202,
    ),
    Route(
        function="get_snapshot",
        method="GET",
        path="api/snapshots/{id}",
        about="One snapshot, with the sums over its finished files.",
        answers=(answers.SnapshotDetails,),
        problems=(404,),
    ),
    Route(
        function="list_files_of_snapshot",
        method="GET",
        path="api/snapshots/{id}/files",
        about="The files of a snapshot.",
        answers=(answers.Files,),
        query=(
            Parameter(
                name="state",
                about="Only in this state; `working` for all that are being worked on.",
                values=(*get_args(FileStateName), "working"),
            ),
            CODE,
            PATH,
            LIMIT,
            AFTER,
        ),
        problems=(404, 410),
    ),
    Route(
        function="list_files_at_rest",
        method="GET",
        path="api/files",
        about="Without `state`: the files that are not being worked on, each with the reason. With it: a page of files.",
        answers=(answers.FilesAtRest, answers.Files),
        query=(_one_of(FileFilter, "Only in this state."), CODE, PATH, LIMIT, AFTER),
    ),
    Route(
        function="get_file",
        method="GET",
        path="api/files/{key}",
        about="One file from its input to its outputs: shards, attempts, batches, costs.",
        answers=(answers.FileDetails,),
        query=(SNAPSHOT,),
        problems=(404,),
    ),
    Route(
        function="get_errors_of_file",
        method="GET",
        path="api/files/{key}/errors",
        about="Why requests of a file failed, and a page of those that did.",
        answers=(answers.FileErrors,),
        query=(CODE, SNAPSHOT, LIMIT, AFTER),
        problems=(404,),
    ),
    Route(
        function="get_output_of_file",
        method="GET",
        path="api/files/{key}/outputs/{name}",
        about=f"Where an output can be read for ten minutes: {', '.join(get_args(OutputName))}.",
        status=302,
        query=(SNAPSHOT,),
        problems=(404,),
    ),
    Route(
        function="get_link_to_output",
        method="GET",
        path="api/files/{key}/links/{name}",
        about="The same link as an answer: for callers that send a key in a header, which must not follow them there.",
        answers=(answers.OutputLink,),
        query=(SNAPSHOT,),
        problems=(404,),
    ),
    Route(
        function="release_file",
        method="POST",
        path="api/files/{key}/release",
        about="Have the next snapshot take a held file, with all its chances.",
        answers=(answers.Released,),
        status=202,
        problems=(404,),
    ),
    Route(
        function="give_up_answers",
        method="POST",
        path="api/files/{key}/give-up",
        about="Have the next snapshot deliver a held file without the answers that cannot be read.",
        answers=(answers.Released,),
        status=202,
        problems=(404,),
    ),
    *(
        Route(
            function=function,
            method="POST",
            path=f"api/files/{{key}}/{action}",
            about=about,
            answers=(answers.Accepted,),
            status=202,
            problems=(404, 409),
            body=body,
        )
        for function, action, about, body in (
            ("cancel_file", "cancel", "End a file early; what was answered is delivered.", None),
            ("hold_back", "hold", "Have a file wait that has not begun, until it is released.", None),
            ("approve_file", "approve", "Let a file go beyond a budget.", None),
            ("put_first", "priority", "Have a file begin before others.", actions.Priority),
        )
    ),
    Route(
        function="put_folder_first",
        method="POST",
        path="api/folders/priority",
        about="Have the files of a folder begin before others.",
        answers=(answers.Accepted,),
        status=202,
        problems=(409,),
        body=actions.FolderPriority,
    ),
    Route(
        function="retry_file",
        method="POST",
        path="api/files/{key}/retry",
        about="Drop the failed rows of a file again, all of them or by error code.",
        answers=(answers.Retried,),
        status=202,
        query=(SNAPSHOT,),
        problems=(404, 409),
        body=actions.Codes,
    ),
    Route(
        function="cancel_snapshot",
        method="POST",
        path="api/snapshots/{id}/cancel",
        about="End all files of a running snapshot early.",
        answers=(answers.Accepted,),
        status=202,
        problems=(404, 409),
    ),
    Route(
        function="retry_snapshot",
        method="POST",
        path="api/snapshots/{id}/retry",
        about="Drop the failed rows of a snapshot's files again, a hundred files in a call.",
        answers=(answers.RetriedFiles,),
        status=202,
        problems=(404,),
        body=actions.Codes,
    ),
    *(
        Route(
            function=f"{action}_intake",
            method="POST",
            path=f"api/intake/{action}",
            about=about,
            answers=(answers.Intake,),
            status=202,
        )
        for action, about in (
            ("pause", "Take no new file until the intake is resumed."),
            ("resume", "Take new files again."),
        )
    ),
    Route(
        function="list_batches",
        method="GET",
        path="api/batches",
        about="This app's batches, as the service lists them; at most a minute old.",
        answers=(answers.Batches,),
        query=(_one_of(BatchFilter, "Only these."), LIMIT, AFTER),
    ),
    Route(
        function="get_doctor",
        method="GET",
        path="api/doctor",
        about="What may be wrong with the app, its storage, its service and its settings; at most a minute old. Changes nothing.",
        answers=(answers.Examination,),
    ),
    Route(
        function="get_health",
        method="GET",
        path="api/health",
        about="Whether the app answers. Touches nothing.",
        answers=(answers.Health,),
        is_open=True,
    ),
    Route(
        function="get_openapi",
        method="GET",
        path="api/openapi.json",
        about="This document.",
        answers=(dict[str, Any],),
    ),
)


def route_of(function: str) -> Route:
    """Give the route of a function."""
    return next(route for route in ROUTES if route.function == function)
