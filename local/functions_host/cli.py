"""The command line: `python -m local.functions_host`."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from local.functions_host.config import HostConfig, apply_local_settings, read_host_config
from local.functions_host.errors import ConfigError, HostError
from local.functions_host.functions import AppFunction, TriggerKind
from local.functions_host.host import Host, HostOptions
from local.functions_host.loader import load_app
from local.functions_host.logs import configure_logging, host_logger, user_traceback
from local.functions_host.triggers.http import route_of

DEFAULT_PORT = 7071
DEFAULT_STATE = Path(".local/functions_host")
STATE_FILE = "state.sqlite3"
_log = host_logger("cli")


def main(arguments: list[str] | None = None) -> int:
    """Run the host until it gets SIGINT or SIGTERM; return the exit code."""
    options = _parser().parse_args(arguments)
    options.app = options.app.resolve()
    options.state = (options.state or options.app / DEFAULT_STATE).resolve()
    options.trace = options.trace and options.trace.resolve()
    configure_logging("INFO")
    try:
        asyncio.run(_run(options, *_configure(options)))
    except HostError as error:
        cause = user_traceback(error.__cause__) if error.__cause__ else ""
        if "\n" in cause:  # lines of the app; without any, the error says everything
            print(cause, file=sys.stderr)
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.functions_host",
        description="Run the Azure Functions app of a folder on this machine, orchestrations included.",
    )
    parser.add_argument(
        "--port", type=int, help=f"port on 127.0.0.1, 0 takes a free one (default: {DEFAULT_PORT})"
    )
    parser.add_argument(
        "--app", type=Path, default=Path(), help="folder of function_app.py (default: this one)"
    )
    parser.add_argument(
        "--state",
        type=Path,
        help=f"folder for the host's state (default: {DEFAULT_STATE} in the app's folder)",
    )
    parser.add_argument(
        "--blob-poll-seconds",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="rest between two listings of a container that a blob function watches (default: %(default)g)",
    )
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write a JSON line per orchestrator turn")
    return parser


def _configure(options: argparse.Namespace) -> tuple[HostConfig, int]:
    """Read the configuration of the app's folder, which becomes the current one; also return the port."""
    folder: Path = options.app
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    os.chdir(folder)  # as in Azure, where apps open their files by relative paths
    settings_port = apply_local_settings(folder, os.environ)
    config = read_host_config(folder, os.environ)
    logging.getLogger().setLevel(config.log_level)
    if config.without_effect:
        _log.info("host.json: no effect here: %s", ", ".join(config.without_effect))
    return config, next(port for port in (options.port, settings_port, DEFAULT_PORT) if port is not None)


async def _run(arguments: argparse.Namespace, config: HostConfig, port: int) -> None:
    options = HostOptions(
        app=await load_app(arguments.app, os.environ),
        config=config,
        state_file=arguments.state / STATE_FILE,
        blob_poll_seconds=arguments.blob_poll_seconds,
        trace_file=arguments.trace,
    )
    host = Host(options, _listen(port))
    stopped = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    await host.start()
    _introduce(options, host.origin)
    await stopped.wait()
    _log.info("stopping")
    await host.stop()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on port {port}: {error.strerror}; choose another with --port"
        ) from error


def _introduce(options: HostOptions, origin: str) -> None:
    for kind in TriggerKind:
        for function in options.app.of_kind(kind):
            print(f"  {kind.removesuffix('Trigger'):<14} {function.name}{_detail(function, options, origin)}")
    print(f"State in {options.state_file.parent}")
    print(f"Listening on {origin}", flush=True)


def _detail(function: AppFunction, options: HostOptions, origin: str) -> str:
    trigger = function.trigger
    match function.kind:
        case TriggerKind.HTTP:
            methods = ",".join(trigger.get("methods") or ["any method"])
            return f"  [{methods}] {origin}{route_of(function, options.config.route_prefix)}"
        case TriggerKind.BLOB:
            return f"  {trigger['path']} ({trigger.get('source') or 'LogsAndContainerScan'})"
        case TriggerKind.TIMER:
            return f"  {trigger['schedule']}"
        case _:
            return ""
