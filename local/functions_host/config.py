"""host.json, local.settings.json and `%SETTING%` references."""

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from local.functions_host.errors import ConfigError

_TIMESPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d(?:\.\d+)?)")
_SETTING = re.compile(r"%([^%]+)%")
_LOG_LEVELS = {
    "trace": "DEBUG",
    "debug": "DEBUG",
    "information": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
    "none": "CRITICAL",
}

# Keys of host.json that mean something here. Everything else is reported as having no effect.
_EFFECTIVE = {
    "version",
    "functionTimeout",
    "logging.logLevel.default",
    "extensions.http.routePrefix",
    "extensions.blobs.maxDegreeOfParallelism",
    "extensions.blobs.poisonBlobThreshold",
    "extensions.durableTask.hubName",
    "extensions.durableTask.defaultVersion",
    "extensions.durableTask.versionMatchStrategy",
    "extensions.durableTask.versionFailureStrategy",
    "extensions.durableTask.maxConcurrentActivityFunctions",
    "extensions.durableTask.maxConcurrentOrchestratorFunctions",
}
# Keys that would change what the app does; running without them would show something untrue.
_REFUSED = ("customHandler", "retry", "extensions.durableTask.overridableExistingInstanceStates")

_Choice = TypeVar("_Choice", bound=StrEnum)

DEFAULT_ACTIVITIES = 20  # Azure: ten per core
DEFAULT_TURNS = 4  # replay is CPU work under one interpreter lock: more threads only add switches
DEFAULT_BLOBS = 8
DEFAULT_POISON_THRESHOLD = 5


# Settings that win over host.json: `AzureFunctionsJobHost__extensions__durableTask__hubName`.
_OVERRIDES = "azurefunctionsjobhost__"
# Of the extension: more, and the hub's tables and queues cannot be named after it.
_HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,44}")


class VersionMatch(StrEnum):
    """Which orchestration versions this app runs."""

    NONE = "None"
    STRICT = "Strict"
    CURRENT_OR_OLDER = "CurrentOrOlder"


class VersionFailure(StrEnum):
    """What becomes of an instance whose version this app does not run."""

    REJECT = "Reject"
    """It waits for an app that does."""
    FAIL = "Fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """What host.json asks for, with Azure's defaults where it is silent."""

    task_hub: str = "TestHubName"
    default_version: str = ""
    """Version stamped on new orchestrations; empty means none."""
    version_match: VersionMatch = VersionMatch.CURRENT_OR_OLDER
    version_failure: VersionFailure = VersionFailure.REJECT
    route_prefix: str = "api"
    """Without slashes at its ends; may be empty."""
    function_timeout_seconds: float | None = None
    """How long one call of a function other than an orchestrator may take; None is for ever."""
    max_concurrent_activities: int = DEFAULT_ACTIVITIES
    max_concurrent_turns: int = DEFAULT_TURNS
    max_concurrent_blobs: int = DEFAULT_BLOBS
    """Simultaneous calls of each blob function."""
    poison_threshold: int = DEFAULT_POISON_THRESHOLD
    """Calls for one blob before it is given up."""
    log_level: str = "INFO"
    without_effect: tuple[str, ...] = ()
    """Keys of host.json that this host has no use for."""


def read_host_config(folder: Path, environment: Mapping[str, str]) -> HostConfig:
    """Read `host.json` in `folder`; without the file, everything has its default. The environment may override it.

    Raises ConfigError for malformed files and values, and for keys that are refused.
    """
    document = _read_json_object(folder / "host.json")
    if document.get("version", "2.0") != "2.0":
        raise ConfigError(f'host.json: "version" must be "2.0", not {document["version"]!r}')
    values = dict(_flatten(document))
    values |= _overrides(environment, values)
    for key in values:
        if key.startswith(_REFUSED):
            raise ConfigError(f"host.json: {key} is not supported by this host")
    durable, text = "extensions.durableTask.", _Values(values, environment)
    return HostConfig(
        task_hub=text.hub_name(durable + "hubName"),
        default_version=text.string(durable + "defaultVersion", ""),
        version_match=text.choice(durable + "versionMatchStrategy", VersionMatch.CURRENT_OR_OLDER),
        version_failure=text.choice(durable + "versionFailureStrategy", VersionFailure.REJECT),
        route_prefix=text.string("extensions.http.routePrefix", "api").strip("/"),
        function_timeout_seconds=text.timeout("functionTimeout"),
        max_concurrent_activities=text.count(durable + "maxConcurrentActivityFunctions", DEFAULT_ACTIVITIES),
        max_concurrent_turns=text.count(durable + "maxConcurrentOrchestratorFunctions", DEFAULT_TURNS),
        max_concurrent_blobs=text.count("extensions.blobs.maxDegreeOfParallelism", DEFAULT_BLOBS),
        poison_threshold=text.count("extensions.blobs.poisonBlobThreshold", DEFAULT_POISON_THRESHOLD),
        log_level=text.log_level("logging.logLevel.default"),
        without_effect=tuple(key for key in values if key not in _EFFECTIVE),
    )


def apply_local_settings(folder: Path, environment: MutableMapping[str, str]) -> int | None:
    """Put the `Values` of `local.settings.json` into `environment`; what is set there already wins.

    Returns `Host.LocalHttpPort` if the file has one. Raises ConfigError for a malformed or encrypted file.
    """
    document = _read_json_object(folder / "local.settings.json")
    if document.get("IsEncrypted"):
        raise ConfigError("local.settings.json is encrypted; run `func settings decrypt` first")
    values = document.get("Values", {})
    if not isinstance(values, dict):
        raise ConfigError('local.settings.json: "Values" must be an object')
    for name, value in values.items():
        if not isinstance(value, str):
            raise ConfigError(f"local.settings.json: the value of {name} must be a string")
        environment.setdefault(name, value)
    port = document.get("Host", {}).get("LocalHttpPort")
    if port is not None and not isinstance(port, int):
        raise ConfigError("local.settings.json: Host.LocalHttpPort must be a number")
    return port


def resolve_settings(text: str, environment: Mapping[str, str]) -> str:
    """Replace each `%SETTING%` in `text` by the setting's value. Raises ConfigError if there is none."""

    def value_of(reference: re.Match[str]) -> str:
        name = reference.group(1)
        if name not in environment:
            raise ConfigError(f"{text!r} needs the setting {name}, which is not set")
        return environment[name]

    return _SETTING.sub(value_of, text)


def parse_timespan(text: str) -> float:
    """Seconds in a .NET time span `[d.]hh:mm:ss`. Raises ValueError."""
    found = _TIMESPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time span like 00:05:00")
    days, hours, minutes = (int(found[part] or 0) for part in ("days", "hours", "minutes"))
    return ((days * 24 + hours) * 60 + minutes) * 60 + float(found["seconds"])


class _Values:
    """Typed access to the flat keys of host.json; `%SETTING%` works in every text."""

    def __init__(self, values: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._values = values
        self._environment = environment

    def string(self, key: str, default: str) -> str:
        value = self._values.get(key, default)
        if not isinstance(value, str):
            raise ConfigError(f"host.json: {key} must be a string, not {value!r}")
        return resolve_settings(value, self._environment)

    def count(self, key: str, default: int) -> int:
        value = self._values.get(key, default)
        if isinstance(value, str) and value.isdecimal():  # from the environment
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(f"host.json: {key} must be a positive number, not {value!r}")
        return value

    def timeout(self, key: str) -> float | None:
        text = self.string(key, "-1")
        if text == "-1":
            return None
        try:
            return parse_timespan(text)
        except ValueError as error:
            raise ConfigError(f"host.json: {key}: {error}") from error

    def choice(self, key: str, default: _Choice) -> _Choice:
        choices = type(default)
        name = self.string(key, default)
        if name not in list(choices):
            raise ConfigError(f"host.json: {key} must be one of {', '.join(choices)}, not {name!r}")
        return choices(name)

    def hub_name(self, key: str) -> str:
        name = self.string(key, "TestHubName")
        if not _HUB_NAME.fullmatch(name):
            raise ConfigError(
                f"host.json: {key} should contain only alphanumeric characters, start with a letter, and have length "
                f"between 3 and 45, not {name!r}"
            )
        return name

    def log_level(self, key: str) -> str:
        level = self.string(key, "Information")
        if level.lower() not in _LOG_LEVELS:
            raise ConfigError(f"host.json: {key}: {level!r} is not a log level")
        return _LOG_LEVELS[level.lower()]


def _read_json_object(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path.name} must be a JSON object")
    return document


def _overrides(environment: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """Give what the environment says in place of host.json, by the keys of host.json; case does not matter."""
    known = {key.lower(): key for key in (*_EFFECTIVE, *values)}
    found = {}
    for name, value in environment.items():
        if name.lower().startswith(_OVERRIDES):
            key = name[len(_OVERRIDES) :].replace("__", ".")
            found[known.get(key.lower(), key)] = value
    return found


def _flatten(document: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Turn `{"a": {"b": 1}}` into `[("a.b", 1)]`."""
    leaves: list[tuple[str, Any]] = []
    for name, value in document.items():
        key = f"{prefix}{name}"
        leaves += _flatten(value, f"{key}.") if isinstance(value, dict) else [(key, value)]
    return leaves
