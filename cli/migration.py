"""The accelerator's three configuration files as settings of this app.

From the templates of Azure-Samples/aoai-batch-api-accelerator, read 2026-11: `app_config.json` names `storage_config.json` and
`AOAI_config.json`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.faults import CommandError, Ending
from domain.settings import Settings

FIRST_VERSION_KEPT = (
    "2024-10-21"  # previews before it are at their end ("API version lifecycle", read 2026-11)
)
V1 = "v1"
WORK = "work"

APP_FILE, STORAGE_FILE, SERVICE_FILE = "app_config.json", "storage_config.json", "AOAI_config.json"
STORAGE_PATH, SERVICE_PATH = "storage_config", "AOAI_config"

_CONTAINERS = {
    "input_filesystem_system_name": "INPUT_CONTAINER",
    "processed_filesystem_system_name": "PROCESSED_CONTAINER",
    "error_filesystem_system_name": "ERROR_CONTAINER",
}
_DIRECTORIES = {
    "input_directory": "INPUT_DIRECTORY",
    "output_directory": "OUTPUT_DIRECTORY",
    "error_directory": "ERROR_DIRECTORY",
}
_NOT_FILLED_IN = re.compile(r"<.*>", re.DOTALL)
# Of the host, as local.settings.json.template has them.
_HOSTS = {
    "FUNCTIONS_WORKER_RUNTIME": "python",
    "PYTHON_THREADPOOL_THREAD_COUNT": "24",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one of their keys; `ours` is empty where nothing did."""

    theirs: str
    ours: str
    remark: str = ""


@dataclass(slots=True)
class Migration:
    """Settings, and a line for each key of theirs."""

    values: dict[str, str] = field(default_factory=lambda: dict(_HOSTS))
    lines: list[Line] = field(default_factory=list)

    def put(self, theirs: str, ours: str, value: str, remark: str = "") -> None:
        """Take a setting over."""
        self.values[ours] = value
        self.lines.append(Line(theirs, ours, remark))

    def leave(self, theirs: str, remark: str) -> None:
        """Say why a key has no place here."""
        self.lines.append(Line(theirs, "", remark))


def read_configuration(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Read the three files, beginning with `app_config.json`. Raises CommandError for one that is not there, or none."""
    app = _read(path)
    return (
        app,
        _read(_beside(path, app, STORAGE_PATH, STORAGE_FILE)),
        _read(_beside(path, app, SERVICE_PATH, SERVICE_FILE)),
    )


def _beside(path: Path, app: Mapping[str, Any], key: str, usual: str) -> Path:
    """Find a file that is named by its path, maybe of another machine, or lies beside the first one."""
    told = str(app.get(key) or usual)
    bare = re.split(r"[\\/]", told)[-1]
    candidates = [Path(told), path.parent / told, path.parent / bare, path.parent / usual]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise CommandError(
            f"{path} names {told} as {key}, and it is not there.",
            f"Put it beside {path.name}.",
            ending=Ending.REFUSED,
        )
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}.", ending=Ending.REFUSED) from error
    if not isinstance(found, dict):
        raise CommandError(f"{path} is no JSON object.", ending=Ending.REFUSED)
    return found


def migrated(
    app: Mapping[str, Any], storage: Mapping[str, Any], service: Mapping[str, Any], *, with_keys: bool
) -> Migration:
    """Turn the three files into settings. Keys are named and not copied, unless they are wanted."""
    whole = {**app, **storage, **service}
    unfilled = [
        key
        for key, value in whole.items()
        if isinstance(value, str) and _NOT_FILLED_IN.fullmatch(value.strip())
    ]
    missing = [key for key in ("storage_account_name", *_CONTAINERS, "aoai_endpoint") if not whole.get(key)]
    if wrong := [key for key in (*unfilled, *missing) if key not in _NEEDLESS]:
        raise CommandError(f"Not filled in: {', '.join(wrong)}.", ending=Ending.REFUSED)
    found = Migration()
    _storage(found, storage, with_keys=with_keys)
    _service(found, service, with_keys=with_keys)
    _app(found, app)
    for key in whole:
        if not any(line.theirs == key for line in found.lines) and key not in (STORAGE_PATH, SERVICE_PATH):
            found.leave(key, "not known to the accelerator's templates")
    Settings.from_env(found.values)
    return found


_NEEDLESS = frozenset({"local_download_path", "aoai_key", "storage_account_key", STORAGE_PATH, SERVICE_PATH})


def _storage(found: Migration, storage: Mapping[str, Any], *, with_keys: bool) -> None:
    account, key = str(storage["storage_account_name"]).strip(), str(storage.get("storage_account_key") or "")
    if with_keys and key:
        connection = f"DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key};EndpointSuffix=core.windows.net"
        found.put("storage_account_name", "DATA", connection)
        found.lines.append(Line("storage_account_key", "DATA", "copied, as you asked"))
    else:
        found.put("storage_account_name", "DATA__blobServiceUri", f"https://{account}.blob.core.windows.net")
        found.values["DATA__queueServiceUri"] = f"https://{account}.queue.core.windows.net"
        if "storage_account_key" in storage:
            found.leave("storage_account_key", "not copied: `az login` takes its place, or --with-keys")
    for theirs, ours in _CONTAINERS.items():
        found.put(theirs, ours, str(storage[theirs]).strip())
    found.values["WORK_CONTAINER"] = WORK
    for theirs, ours in _DIRECTORIES.items():
        if theirs in storage:
            remark = "files in folders below are taken, too" if ours == "INPUT_DIRECTORY" else ""
            found.put(theirs, ours, str(storage[theirs] or "").strip().strip("/"), remark)


def _service(found: Migration, service: Mapping[str, Any], *, with_keys: bool) -> None:
    found.put("aoai_endpoint", "AZURE_OPENAI_ENDPOINT", str(service["aoai_endpoint"]).strip().rstrip("/"))
    if with_keys and service.get("aoai_key"):
        found.put("aoai_key", "AZURE_OPENAI_API_KEY", str(service["aoai_key"]), "copied, as you asked")
    elif "aoai_key" in service:
        found.leave("aoai_key", "not copied: `az login` takes its place, or --with-keys")
    if version := str(service.get("aoai_api_version") or ""):
        is_kept = version == V1 or version[:10] >= FIRST_VERSION_KEPT
        remark = "" if is_kept else f"was {version}, a preview at its end"
        found.put("aoai_api_version", "AZURE_OPENAI_API_VERSION", version if is_kept else V1, remark)
    if name := service.get("aoai_deployment_name"):
        found.put(
            "aoai_deployment_name", "AZURE_OPENAI_DEPLOYMENT", str(name), "for requests that name no `model`"
        )
    if url := service.get("batch_job_endpoint"):
        found.put(
            "batch_job_endpoint",
            "BATCH_ENDPOINT",
            str(url),
            "for tables; ready-made requests say it themselves",
        )
    if window := service.get("completion_window"):
        found.put("completion_window", "COMPLETION_WINDOW", str(window))


def _app(found: Migration, app: Mapping[str, Any]) -> None:
    if "batch_size" in app:
        found.put(
            "batch_size",
            "MICRO_BATCH_SIZE",
            str(min(max(int(app["batch_size"]), 1), 50)),
            "submitted at once, not waited for together",
        )
    if "continuous_mode" in app:
        found.put("continuous_mode", "CONTINUOUS_MODE", _flag(app["continuous_mode"]))
    if "count_tokens" in app:
        found.put(
            "count_tokens", "COUNT_TOKENS", "true", "estimates cost nothing here, and budgets need them"
        )
    for theirs in ("download_to_local", "local_download_path"):
        if theirs in app:
            found.leave(theirs, "nothing is downloaded: files pass in pieces")


def _flag(value: object) -> str:
    return "true" if str(value).strip().lower() in ("true", "1", "yes") else "false"
