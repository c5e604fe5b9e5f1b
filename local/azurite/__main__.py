"""Run Azurite until Ctrl-C: `python -m local.azurite [--data DIR]`."""

import argparse
import signal
import sys
from pathlib import Path

from local.azurite.server import AzuriteError, running


def main() -> None:
    """Parse the command line, run Azurite, print its connection string."""
    parser = argparse.ArgumentParser(
        prog="python -m local.azurite", description="Azure Storage on 127.0.0.1."
    )
    parser.add_argument(
        "--data", type=Path, help="folder that keeps the data (default: memory, gone at the end)"
    )
    parser.add_argument(
        "--blob-port", type=int, default=10000, help="0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--queue-port", type=int, default=10001, help="0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--table-port", type=int, default=10002, help="0 takes a free one (default: %(default)s)"
    )
    options = parser.parse_args()

    # SIGINT too: a shell starts background jobs with it ignored.
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):
        signal.signal(number, signal.default_int_handler)
    try:
        with running(
            options.data,
            blob_port=options.blob_port,
            queue_port=options.queue_port,
            table_port=options.table_port,
        ) as azurite:
            print(azurite.connection_string, flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except AzuriteError as error:
        sys.exit(str(error))


main()
