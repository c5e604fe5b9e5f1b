"""Write the terminal session of the README anew: `make demo KEEP=1` in one terminal, `python docs/session.py` in another."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
WIDTH = "110"
FILE = "mine/mistakes/three-mistakes.jsonl"
CALLS = (
    "quote samples/mistakes --prompts 1",
    "drop samples/mistakes --to mine --watch",
    f"errors {FILE}",
    f"audit {FILE}",
)
BLOCK = re.compile(r"(<!-- made by docs/session.py -->\n```console\n).*?(```)", re.DOTALL)


def main() -> None:
    """Call the command as it is shown, on a terminal of a fixed width, and keep what it answers."""
    told = "\n\n".join(f"$ aoai-batch {call}\n{answer(call)}" for call in CALLS)
    text = README.read_text(encoding="utf-8")
    README.write_text(BLOCK.sub(lambda found: f"{found[1]}{told}\n{found[2]}", text), encoding="utf-8")
    print(f"{README.name}: {len(CALLS)} calls")


def answer(call: str) -> str:
    """Give what a call answers, without what it says besides."""
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "cli", *shlex.split(call), "--table"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": WIDTH},
        capture_output=True,
        text=True,
        check=False,
    )
    return "\n".join(line.rstrip() for line in ran.stdout.strip().splitlines())


if __name__ == "__main__":
    main()
