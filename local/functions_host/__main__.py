"""Entry point of `python -m local.functions_host`."""

import logging
import os
import sys

from local.functions_host.cli import main

code = main()
logging.shutdown()
sys.stdout.flush()
# Threads that are still inside the app's code cannot be stopped, and a normal exit would wait for them. What they
# were doing is in the store and starts again with the next host.
os._exit(code)
