"""How long the host lets one call of a function take."""

import json
import math
import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
# An app setting takes the place of the file ("Override host.json values", read 2026-11).
OVERRIDE = "AzureFunctionsJobHost__functionTimeout"


def function_timeout() -> float:
    """Give `functionTimeout` in seconds: infinite for `-1`, and where it is not said (the plans differ)."""
    said = os.environ.get(OVERRIDE) or _in_file()
    days, _, time = said.rpartition(".") if said.count(":") else ("", "", "")
    try:
        hours, minutes, seconds = (float(part) for part in time.split(":"))
        return 86_400 * float(days or 0) + 3600 * hours + 60 * minutes + seconds
    except ValueError:
        return math.inf


def _in_file() -> str:
    try:
        return str(json.loads((ROOT / "host.json").read_text(encoding="utf-8")).get("functionTimeout", ""))
    except FileNotFoundError:
        return ""
