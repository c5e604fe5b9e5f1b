"""Every code that error records, metadata and reports have: what it means, and what to do.

`docs/errors.md` is made from this table; a test holds it to the codes that the code writes.
"""

from typing import NamedTuple


class ErrorCode(NamedTuple):
    """A code in words: a sentence each."""

    meaning: str
    advice: str


# The file as a whole is rejected, and nothing of it is sent.
OF_FILES: dict[str, ErrorCode] = {
    "already_answered": ErrorCode(
        "The file holds answers, errors or metadata, of this pipeline or of a batch.",
        "Drop the input instead; or put a job spec beside it that names the column to send.",
    ),
    "bad_arrow": ErrorCode("No Arrow file or stream, or a damaged one.", "Write it again; close the writer."),
    "bad_delimiter": ErrorCode("The delimiter is not one character.", "Correct `delimiter` in the job spec."),
    "bad_gzip": ErrorCode(
        "Its name says gzip, or it begins so, and it is none, damaged or cut off.",
        "Pack it again, or take `.gz` out of its name.",
    ),
    "bad_header": ErrorCode(
        "The header cannot be read, has a name twice, or is one name that looks like several.",
        "Correct the header; name the `delimiter`; or say `header: false` where the first line is a row.",
    ),
    "bad_json": ErrorCode(
        "The structure between the rows is broken or ends too early; the message says after which row.",
        "Write the file again. Rows are the elements of the outermost array, or objects of their own.",
    ),
    "bad_parquet": ErrorCode("No parquet, a damaged one, or one that is cut off.", "Write it again."),
    "chat_data": ErrorCode(
        "The rows hold whole conversations, and no job spec says what of them is to be sent.",
        "Write the line of the message into a job spec.",
    ),
    "empty_file": ErrorCode("Nothing is in it, or nothing but blank lines.", "Drop it again with content."),
    "encrypted": ErrorCode("Parquet with encryption.", "Write it without."),
    "file_rejected": ErrorCode(
        "Some lines are invalid, and `ON_INVALID_LINE` is `reject`.",
        "Correct the lines that the other records name, or set `ON_INVALID_LINE=isolate`.",
    ),
    "incomplete_request": ErrorCode(
        "The lines look like batch requests, but all lack the same piece.",
        "Add what the message names; or write a job spec that says how these rows become requests.",
    ),
    "input_file": ErrorCode("The file cannot become requests.", "See the message."),
    "json_over_lines": ErrorCode(
        "A .jsonl file whose objects go over several lines, or that is one array.",
        "`jq -c .` writes an object on each line (`jq -c '.[]'` of an array); a table may also be called .json.",
    ),
    "missing_column": ErrorCode(
        "The job spec names a column that the file does not have.",
        "Correct the name in the job spec; a column that may be missing takes the filter `default`.",
    ),
    "no_good_row": ErrorCode(
        "No row became a request, for different reasons.", "See the record of each row."
    ),
    "no_header": ErrorCode(
        "The first line looks like a row, and no job spec says whether it is.",
        "Say `header: false` (with `columns`) or `header: true` in a job spec.",
    ),
    "no_requests": ErrorCode("No line is a batch request.", "See the record of each line."),
    "no_rows": ErrorCode("There is a header and no row.", "Drop it again with rows."),
    "no_text_column": ErrorCode(
        "It is not certain which column is the text, and nothing is sent on a guess.",
        "Write the line of the message into a job spec, or call the column `text`.",
    ),
    "not_rows": ErrorCode(
        "One object that holds a table column by column, GeoJSON, or rows under a key.",
        'Write an object for each row: in pandas `to_json(orient="records", lines=True)`.',
    ),
    "not_text": ErrorCode(
        "The file is no text in the encoding it should have.",
        "Write the `encoding` that the message names into the job spec; export workbooks as csv.",
    ),
    "other_batch_format": ErrorCode(
        "Batch lines of another service.",
        "Rewrite them as requests; or write a job spec that reaches into them.",
    ),
    "part_too_large": ErrorCode(
        "A record batch, a page or a dictionary of more than `MAX_BYTES_PER_PAGE`, packed or unpacked; or preparing takes more than "
        "`MAX_MEMORY_BYTES_PER_FILE`.",
        "Write smaller ones (`max_chunksize`, pages, row groups), or raise the bound.",
    ),
    "side_file": ErrorCode("A file that tools put beside their data.", "Leave it out."),
    "too_many_rows": ErrorCode(
        "More rows, or blank lines, than `MAX_ROWS_PER_FILE`.", "Split the file, or raise the bound."
    ),
    "too_slow": ErrorCode(
        "Preparing took longer than `MAX_SECONDS_PER_FILE`, or than two thirds of `functionTimeout`.",
        "Split the file, make its templates simpler, or raise the bound.",
    ),
    "unknown_encoding": ErrorCode("There is no such encoding.", "Correct `encoding` in the job spec."),
    "unpacked_too_large": ErrorCode(
        "It unpacks to more than `MAX_UNPACKED_BYTES_PER_FILE`.", "Split the file, or raise the bound."
    ),
    "unread_type": ErrorCode("Whole numbers of 128 bits.", "Cast them to decimals or text before writing."),
    "unsupported_type": ErrorCode(
        "None of the types that are read, told by the name, and no batch requests.",
        "Export it as one of them; see [formats](formats.md).",
    ),
}

# One row of a table, or one line of a text; the others go on.
OF_ROWS: dict[str, ErrorCode] = {
    "bad_conversation": ErrorCode(
        "What the job spec takes for a conversation is none.",
        "It has to be a list of objects with `role` and `content`, or the JSON text of one.",
    ),
    "bad_picture": ErrorCode(
        "A picture is neither an address nor a `data:` URI nor the bytes of a png, jpeg, gif or webp.",
        "Put the bytes into the file, or an address that the service can reach.",
    ),
    "bad_quotes": ErrorCode(
        "Text follows a closing quote; as the reason for a file: no rows can be told apart by its quotes.",
        "Double quotes within a quoted field; or say `quote: none` or `escape` in the job spec.",
    ),
    "bad_value": ErrorCode(
        "A value that Python cannot hold, as a date beyond the year 9999.", "Correct the value."
    ),
    "empty_input": ErrorCode(
        "The text is empty and the endpoint takes no empty one; or no job spec says that texts such as `NULL` are to be sent.",
        "Leave the row out.",
    ),
    "empty_picture": ErrorCode(
        "The picture is null or empty. Nothing was sent.", "Leave the row out, or add it."
    ),
    "field_too_long": ErrorCode(
        "A field of more than 16 Mi characters.", "Look for a quote that is not closed."
    ),
    "invalid_encoding": ErrorCode(
        "Bytes that are no text in the encoding of the file.",
        "Name the `encoding` in the job spec, such as `cp1252`; write joined files in one encoding.",
    ),
    "invalid_json": ErrorCode(
        'No JSON: `NaN`, a trailing comma, single quotes, half a character (`"\\ud800"`), nested more than 750 deep.',
        "Correct the row; write `null` for `NaN`.",
    ),
    "not_an_object": ErrorCode("JSON, but a number, a text or a list.", "Write an object for each row."),
    "nul_character": ErrorCode(
        "A NUL in a text file.", "A part of the file may be UTF-16: write the whole file in one encoding."
    ),
    "ragged_row": ErrorCode(
        "More or fewer fields than the header.",
        "Quote fields that hold the delimiter; `skip_lines` passes over titles above the header.",
    ),
    "repeated_header": ErrorCode("The header again, as in files that were joined.", "Remove the line."),
    "row_too_long": ErrorCode(
        "A line of more than 32 Mi characters, a row or a request of more than `MAX_BYTES_PER_VALUE` (64 MiB), or of more than "
        "4,000,000 values.",
        "Make it shorter; look for a quote or bracket that is not closed.",
    ),
    "template_error": ErrorCode(
        "Something went wrong while the row's text was made; the message says where.",
        "Correct the template, or the value.",
    ),
    "unclear_quotes": ErrorCode(
        "A quoted field of a tsv over several lines, each of which could be a row.",
        "Say `quote: none` or `quote: '\"'` in the job spec.",
    ),
    "unclosed_quote": ErrorCode(
        "A quote is not closed as it should be. The row is the line where it opens; those behind are rows of their own.",
        "Close it; or say `quote: none` where quotes are text.",
    ),
}

# One line of a ready-made file; the others go on.
OF_LINES: dict[str, ErrorCode] = {
    "duplicate_custom_id": ErrorCode("The `custom_id` was used on a line above.", "Give each line its own."),
    "invalid_json_line": ErrorCode("The line is no JSON.", "Write one object on each line."),
    "invalid_request": ErrorCode("A key is missing or of the wrong kind.", "See the message."),
    "invalid_url": ErrorCode("No endpoint that is known.", "Take one that the message lists."),
    "line_too_long": ErrorCode(
        "The line is longer than `MAX_BYTES_PER_VALUE` (64 MiB), or has more than 4,000,000 values.",
        "Make it shorter.",
    ),
    "missing_custom_id": ErrorCode("`custom_id` is missing.", "Give each line its own."),
    "missing_model": ErrorCode(
        "`body.model` is missing, and there is no default.", "Add it, or set `AZURE_OPENAI_DEPLOYMENT`."
    ),
    "model_mismatch": ErrorCode("Another `model` than in the first line.", "Make a file for each model."),
    "url_mismatch": ErrorCode("Another `url` than in the first line.", "Make a file for each endpoint."),
}

# A request that was sent, or should have been. Other codes here are the service's own.
OF_REQUESTS: dict[str, ErrorCode] = {
    "batch_cancelled": ErrorCode("The batch was cancelled before its turn came.", "Drop the retry file."),
    "batch_expired": ErrorCode("The batch expired before it was answered.", "Drop the retry file."),
    "cancelled": ErrorCode(
        "People have cancelled the file before this request was sent.",
        "Retry the file, or drop the retry file.",
    ),
    "deadline_reached": ErrorCode("It was not sent live by the deadline.", "Drop the retry file."),
    "file_error": ErrorCode("The service refused the batch's input file.", "See the message."),
    "import_failed": ErrorCode(
        "The service could not import the file.",
        "See [transports](transports.md), or set `TRANSPORT=upload`.",
    ),
    "invalid_output": ErrorCode(
        "The answer does not fit the schema of the job spec.",
        "Allow more output tokens, or a simpler schema.",
    ),
    "given_up": ErrorCode(
        "Its batch has ended, its answer could not be read for a day, and a person gave it up.",
        "It may have been billed. Drop the retry file to send it again.",
    ),
    "lost_answer": ErrorCode(
        "It was sent and its answer lost, so that it may have been billed.",
        "Drop the retry file; `ON_LOST_ANSWER=resend` does it by itself.",
    ),
    "no_answer": ErrorCode("The batch completed, and neither result file has it.", "Drop the retry file."),
    "refused": ErrorCode("The service refused the request, and would again.", "See the message."),
    "refusal": ErrorCode(
        "The model refused to answer, and the job spec says `on_refused: fail`.",
        "Ask otherwise, or keep refusals.",
    ),
    "truncated": ErrorCode(
        "The answer was cut at its limit of tokens, and the job spec does not keep such answers.",
        "Allow more output tokens (`retry_output_tokens`).",
    ),
    "unreadable_answer": ErrorCode(
        "The answer came, and its shape is none that is known; it is kept as it came.", "See the record."
    ),
    "timeout": ErrorCode("A live call got no answer in time.", "It is made again by itself."),
}

# Why a file waits, is held, or is tried again: nothing is lost, and nothing has to be dropped again.
OF_WAITING: dict[str, ErrorCode] = {
    "blocked": ErrorCode(
        "Storage does not let the file be taken, changed or deleted.",
        "See the message: a lease, a hold, a tier, a role.",
    ),
    "call_failed": ErrorCode(
        "A step ended without an answer: the worker died, or its time ran out.", "See the log."
    ),
    "changing": ErrorCode("The file is being written, or changes again and again.", "It goes on by itself."),
    "configuration": ErrorCode(
        "A setting, role or deployment is not right.", "Correct what the message names."
    ),
    "conflict": ErrorCode("Another process was first.", "It goes on by itself."),
    "delete": ErrorCode("Some records could not be deleted yet.", "It goes on by itself."),
    "job_spec": ErrorCode("The job spec has mistakes.", "Correct them; its files go on by themselves."),
    "no_container": ErrorCode("Containers are missing.", "Create them."),
    "not_found": ErrorCode("Something that should be there is not.", "See the message."),
    "odd_name": ErrorCode("A name with `.` or `..` between slashes.", "Rename the file."),
    "passing": ErrorCode("A fault that passes by itself.", "It goes on by itself."),
    "quota_full": ErrorCode("The service has no room now.", "It goes on by itself; ask for more quota."),
    "table_log": ErrorCode(
        "A folder of Delta, Iceberg or Hudi: which of its files count is said by a log that is not read.",
        "Write its rows as plain files and drop those.",
    ),
    "set_aside": ErrorCode(
        "The file stopped its worker again and again, also when nothing else ran beside it.",
        "Make it smaller or simpler and drop it again; or release it, `POST /api/files/{key}/release`.",
    ),
    "settings": ErrorCode("Settings are missing or wrong.", "Correct those that the message lists."),
    "surprise": ErrorCode("An error that was not expected; the log has it whole.", "Report it."),
    "unsupported": ErrorCode(
        "The service does not know this operation.", "Check `AZURE_OPENAI_API_VERSION` and the region."
    ),
}

# What only the log and the progress say, of faults between the pipeline, the storage and the service.
WITHIN: dict[str, str] = {
    "answers_missing": "The service counts more answers than its result files hold; they are read again.",
    "bad_xlsx": "A workbook of results was changed since it was written, and is not joined with those of a retry.",
    "batch_unseen": "The service does not show a batch now; it is looked for again.",
    "broken_result": "A result file could not be read whole; it is read again.",
    "cancel_refused": "The service does not cancel a batch that it is working on; it is asked again.",
    "copy_failed": "A copy in the storage failed; it is made again.",
    "copy_pending": "A copy in the storage is being made.",
    "file_not_deleted": "The deletion of a file of the service was answered with nothing, and the file is still there; it is repeated.",
    "foreign_results": "A result blob belongs to another batch.",
    "ledger_gone": "A shard's own record is gone; its batch is looked for when the file is taken anew.",
    "exists": "A file of this name is in the input container.",
    "name": "The app would take no file of this name.",
    "no_signature": "The storage gives no signed address under this identity.",
    "not_joined": "Results of a retry are not joined with those of the first file; its metadata say why.",
    "not_collected": "Outcomes are not complete yet.",
    "outcome_mismatch": "An outcome belongs to another request: the file is held, and nothing is written.",
    "output_file_unnamed": "The service has not named the result file yet.",
    "pipeline_error": "Any other fault of the pipeline.",
    "result_blob_missing": "A result blob is not there yet.",
    "result_file_gone": "A result file is gone from the service.",
    "short_result": "A download ended early; it is made again.",
    "process_died": "A step that ran in a process of its own ended without an answer.",
    "runs_alone": "A step has to run alone: it takes long or much memory, or has stopped its worker before.",
    "task_hub": "The host's task hub did not answer.",
}


def explained(code: str) -> ErrorCode | None:
    """Give what a code means; None for the service's own, of which no table has all."""
    for codes in (OF_REQUESTS, OF_ROWS, OF_LINES, OF_FILES, OF_WAITING):
        if found := codes.get(code):
            return found
    return None
