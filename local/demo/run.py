"""The course of the demo: start, drop, watch, show, check."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from local.demo.accounting import check_file, check_left_in_input, check_service, requests_in
from local.demo.errors import DemoError
from local.demo.progress import FileProgress, advance, any_going, failures, read_snapshots
from local.demo.results import show_results
from local.demo.services import REPOSITORY, SERVICE_SPEED, Services, get_json, running_services
from local.demo.session import fresh_folder, publish
from local.demo.storage import Account, is_job_spec, open_account, samples_in
from local.demo.story import tell
from local.demo.tables import check_table, is_table, rows_of
from local.demo.view import ProgressView, progress_view

SAMPLES = REPOSITORY / "samples"
LOOK_SECONDS = 0.25
PAGE = "/ui"
# With --keep: what waits for people, for the page to show. Correct the job spec, and the file goes on.
SHOWN = {
    "showroom/_batch.yaml": b"modle: gpt-4o-mini-batch  # a mistake\nmessages:\n  - {role: user, content: 'Greet {{ name }}.'}\n",
    "showroom/waits-for-its-job-spec.csv": b"name\nAda\nGrace\n",
    "no-type-that-is-read.docx": b"?",
}
BEFORE = "quote samples/mistakes --prompts 0"
AFTER = ("errors mistakes catalogue", "audit")
KEPT_COMMANDS = (
    "quote samples/catalogue          what it would take",
    "drop samples/catalogue --watch   send it, and follow it to its end",
    "errors catalogue/products.csv    what failed, and why",
)


def run(
    console: Console, *, folder: Path, keep: bool, timeout_seconds: float, speed: float = SERVICE_SPEED
) -> bool:
    """Run the demo below `folder`; return whether every request is accounted for.

    With `keep` everything stays up afterwards until Ctrl-C. The batch service is `speed` times as fast as Azure's. Raises DemoError when the pipeline does not get to its end
    within the time or something that it needs does not start.
    """
    with fresh_folder(folder):
        console.print("Starting storage, batch service and Functions host ...")
        with (
            running_services(folder, speed=speed) as services,
            open_account(services.connection_string) as account,
        ):
            publish(folder, app_url=services.host_url, settings=services.settings)
            console.print(f"Running on {services.host_kind}, {services.host_url}; logs in {folder / 'logs'}")
            console.print(f"Look on: {services.host_url}{PAGE}", highlight=False)
            account.create_containers()
            account.let_pages_write()
            console.print("\nWhat a file would take, and what of it would not be sent, before anything is:")
            tell(console, folder, BEFORE)
            samples = samples_in(SAMPLES)
            for path, content in samples.items():
                account.drop(path, content)
            files = {path: content for path, content in samples.items() if not is_job_spec(path)}
            specs = len(samples) - len(files)
            console.print(f"Dropped {specs} job specs and {len(files)} files into the input container.\n")
            with progress_view(console) as view:
                watch(view, services, account, list(files), timeout_seconds)
            console.print()
            show_results(console, account)
            wrong = check(services, account, files)
            if not wrong:
                console.print(
                    "\nWhat failed, why, and what to do about it; then the proof, from the outside:"
                )
                for call in AFTER:
                    tell(console, folder, call)
            report(console, wrong, files)
            console.print(f"Data and logs stay in {folder} until the next run; `make clean` removes them.")
            if keep:
                furnish(account)
                wait_for_interrupt(console, services)
    return not wrong


def watch(
    view: ProgressView, services: Services, account: Account, paths: list[str], timeout_seconds: float
) -> None:
    """Show the progress of the dropped files until all have left the input container and no snapshot is going on."""
    started = time.monotonic()
    files = {path: FileProgress(path=path) for path in paths}
    while True:
        services.check()
        snapshots = read_snapshots(services.host_port)
        seconds = time.monotonic() - started
        files = advance(files, snapshots, account.paths("input"), seconds)
        view.show(files.values())
        if failed := failures(snapshots):
            raise DemoError(". ".join(failed))
        if all(file.finished for file in files.values()) and not any_going(snapshots):
            return
        if seconds > timeout_seconds:
            states = ", ".join(f"{file.path} {file.label}" for file in files.values())
            raise DemoError(f"Not finished after {timeout_seconds:.0f} s: {states}")
        time.sleep(LOOK_SECONDS)


def check(services: Services, account: Account, files: Mapping[str, bytes]) -> list[str]:
    """Return what is wrong with what came back, as sentences."""
    wrong = check_left_in_input(files, account.paths("input"))
    results: list[dict[str, Any]] = []
    for path, content in files.items():
        returned = account.returned(path)
        results += returned.outputs
        if is_table(path):
            wrong += check_table(path, content, returned)
        else:
            wrong += check_file(path, content.decode(), returned)
    return wrong + check_service(get_json(services.service_port, "/admin/counters"), results)


def report(console: Console, wrong: list[str], files: Mapping[str, bytes]) -> None:
    """Say how the check went."""
    if wrong:
        console.print("[red]Not everything is accounted for:[/]")
        for sentence in wrong:
            console.print(f"  {sentence}", markup=False, soft_wrap=True)
        return
    tables = {path for path in files if is_table(path)}
    rows = sum(len(rows_of(path, files[path])) for path in tables)
    requests = sum(len(requests_in(files[path].decode())) for path in files.keys() - tables)
    console.print(
        f"[green]All {requests} requests and {rows} rows of {len(files)} files came back exactly once; "
        "nothing was paid twice or left behind.[/]",
        highlight=False,
    )


def furnish(account: Account) -> None:
    """Drop what people have to do something about."""
    for path, content in SHOWN.items():
        account.drop(path, content)


def wait_for_interrupt(console: Console, services: Services) -> None:
    """Say how to use what runs, then wait for Ctrl-C, or for a child to fail."""
    console.print("\nEverything keeps running; Ctrl-C stops it. From another terminal:")
    for command in KEPT_COMMANDS:
        console.print(f"  .venv/bin/aoai-batch {command}", markup=False, highlight=False)
    console.print("or any storage tool (Storage Explorer, az storage blob) with this connection string:")
    console.print(f"  {services.connection_string}", markup=False, soft_wrap=True)
    console.print("What becomes of all of it, what waits for you, and the buttons for it, are at")
    console.print(f"  {services.host_url}{PAGE}", markup=False, highlight=False)
    try:
        while True:
            services.check()
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        console.print("\nStopping ...")
