"""The app: a table of contents, in the order of events."""

import os

import azure.durable_functions as df
import azure.functions as func

from activities import (
    archive_input,
    cancel_batch,
    carry_out_group,
    collect_batch,
    deliver_settled,
    hold_file,
    list_files,
    poll_batches,
    prepare_file,
    remove_orphans,
    send_slice,
    share_limit,
    submit_batch,
    take_snapshot,
    write_outputs,
    write_retry,
    write_snapshot_report,
)
from domain.settings import read_at_import
from orchestrators import process_snapshot, retry_rows, run_files
from triggers import (
    actions_api,
    blob_arrived,
    files_api,
    page,
    purge,
    service_api,
    snapshots_api,
    sweep,
    uploads_api,
)

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

# 1. something happens
if read_at_import(os.environ, "continuous_mode"):
    app.register_functions(blob_arrived.bp)
app.register_functions(sweep.bp)
app.register_functions(snapshots_api.bp)
app.register_functions(files_api.bp)
app.register_functions(actions_api.bp)
app.register_functions(service_api.bp)
app.register_functions(uploads_api.bp)
app.register_functions(page.bp)

# 2. the order of events
app.register_functions(process_snapshot.bp)
app.register_functions(run_files.bp)
app.register_functions(retry_rows.bp)

# 3. the steps
app.register_functions(take_snapshot.bp)
app.register_functions(list_files.bp)
app.register_functions(share_limit.bp)
app.register_functions(prepare_file.bp)
app.register_functions(submit_batch.bp)
app.register_functions(send_slice.bp)
app.register_functions(poll_batches.bp)
app.register_functions(cancel_batch.bp)
app.register_functions(collect_batch.bp)
app.register_functions(deliver_settled.bp)
app.register_functions(write_outputs.bp)
app.register_functions(archive_input.bp)
app.register_functions(hold_file.bp)
app.register_functions(carry_out_group.bp)
app.register_functions(remove_orphans.bp)
app.register_functions(write_snapshot_report.bp)
app.register_functions(write_retry.bp)

# 4. long after
app.register_functions(purge.bp)
