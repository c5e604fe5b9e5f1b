#!/bin/sh
# `make setup` puts this into .venv/bin as `aoai-batch`: the command with the code of this checkout. An editable installation would let every
# program of the environment import the rooms, also those that are to show what they lack.
root=$(cd "$(dirname "$0")/../.." && pwd)
exec "$root/.venv/bin/python" -c 'import sys; sys.path[0] = sys.argv.pop(1); from cli import main; sys.exit(main())' "$root" "$@"
