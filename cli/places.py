"""Which app a verb is about, and what is known of it: app settings, its address, its key.

The first source that says anything is taken, whole: settings of two apps are never mixed. In this order: what the command line names, the
variables `AOAI_BATCH_…`, the azd environment of the folder or one above, `local.settings.json` there, the place that `use`
has chosen, the demo that runs.
"""

import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cli.faults import CommandError
from domain.addresses import is_loopback
from domain.former_settings import current_names
from domain.settings import Settings

ACCOUNT, APP, ENVIRONMENT = "AOAI_BATCH_ACCOUNT", "AOAI_BATCH_APP", "AOAI_BATCH_ENV"
APP_KEY, CONNECTION = "AOAI_BATCH_APP_KEY", "AOAI_BATCH_CONNECTION_STRING"
CLIENT_ID = "AOAI_BATCH_CLIENT_ID"
CONFIG = "AOAI_BATCH_CONFIG"

DEMO = "demo"
# Where a demo says that it runs, when that is not in its checkout.
DEMO_FILE = "AOAI_BATCH_DEMO"
DEMO_ADDRESS = Path(".local/demo/running.json")
LOCAL_PORT = 7071  # of `func start`, and of the embedded host
REPOSITORY = Path(__file__).resolve().parents[1]

# Stand for what a verb does not need, in settings that are checked as a whole.
NO_ACCOUNT, NO_SERVICE = "UseDevelopmentStorage=true", "https://not-known.invalid"
NO_DEPLOYMENT = "(the app's own)"

HOW_TO_NAME_ONE = (
    "Name one: --account and --app, or `aoai-batch use`; or run in the folder of an azd environment or of local.settings.json. "
    "`make demo KEEP=1` starts one on this machine."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says about the place, and the settings it gives besides."""

    account: str | None = None
    app: str | None = None
    environment: str | None = None
    client_id: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One app, as far as it is known.

    label     where this was found, for people
    env       app settings by their names
    app_url   the root of its HTTP routes
    app_key   a function key
    client_id the app registration that people sign in with, where the app wants that (ACCESS=entra)
    resource  what Azure Resource Manager calls the app: subscription, resource group, name
    knows_settings  all of the app's settings are known, so that what is not among them stands at its default
    """

    label: str
    env: Mapping[str, str] = field(default_factory=dict)
    app_url: str | None = None
    app_key: str | None = None
    client_id: str | None = None
    resource: tuple[str, str, str] | None = None
    knows_settings: bool = False

    @property
    def has_account(self) -> bool:
        """Whether it is known where the files lie."""
        return any(self.env.get(name) for name in ("DATA", "DATA__blobServiceUri"))

    @property
    def has_service(self) -> bool:
        """Whether it is known which Azure OpenAI resource answers."""
        return bool(self.env.get("AZURE_OPENAI_ENDPOINT"))

    def settings(self) -> Settings:
        """Give the app's settings; what is not known stands at its default. Raises SettingsError for those with mistakes."""
        return Settings.from_env(self.completed_env())

    def completed_env(self) -> dict[str, str]:
        """Give the settings that are known, with something in the place of those that no app does without."""
        known = {name: value for name, value in self.env.items() if value}
        if not self.has_account:
            known["DATA"] = NO_ACCOUNT
        if not self.knows_settings:
            known.setdefault("AZURE_OPENAI_DEPLOYMENT", NO_DEPLOYMENT)
        return {"AZURE_OPENAI_ENDPOINT": NO_SERVICE, **known}


NOWHERE = Place(label="no place")


def find_place(wanted: Wanted, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Place:
    """Find the app that is meant; `NOWHERE` where nothing names one. Raises CommandError for one that is named and not there."""
    given = os.environ if environ is None else environ
    here = folder or Path.cwd()
    found = _named(wanted, given, here) or next(
        filter(None, (find() for find in _usual(given, here))), NOWHERE
    )
    env, _ = current_names(found.env)
    return replace(
        found,
        env={**env, **wanted.settings},
        app_key=found.app_key or given.get(APP_KEY),
        client_id=wanted.client_id or given.get(CLIENT_ID) or found.client_id,
    )


def _named(wanted: Wanted, given: Mapping[str, str], here: Path) -> Place | None:
    """Give the place that the command line names, or the variables where the command line names none."""
    if wanted.environment:
        return _environment(wanted.environment, given, here)
    if wanted.account or wanted.app:
        return _by_names(wanted.account, wanted.app, "the command line")
    if given.get(CONNECTION):
        env = {"DATA": given[CONNECTION]}
        return Place(label=CONNECTION, env=env, app_url=app_url(given.get(APP)))
    if given.get(ACCOUNT) or given.get(APP):
        return _by_names(given.get(ACCOUNT), given.get(APP), f"{ACCOUNT}, {APP}")
    return _environment(given[ENVIRONMENT], given, here) if given.get(ENVIRONMENT) else None


def _usual(given: Mapping[str, str], here: Path) -> Iterator[Callable[[], Place | None]]:
    yield lambda: _azd(here, None)
    yield lambda: _local_settings(here)
    yield lambda: _context(given, None)
    yield lambda: _demo(given, here)


def _environment(name: str, given: Mapping[str, str], here: Path) -> Place:
    found = _azd(here, name) or _context(given, name) or (_demo(given, here) if name == DEMO else None)
    if found is None:
        hint = "Start it: make demo KEEP=1" if name == DEMO else "`aoai-batch use` lists those there are."
        raise CommandError(f"There is no azd environment and no place called {name!r}.", hint)
    return found


def _by_names(account: str | None, app: str | None, label: str) -> Place:
    env = {"DATA__blobServiceUri": account_url(account)} if account else {}
    return Place(label=label, env=env, app_url=app_url(app))


def account_url(account: str) -> str:
    """Give the Blob endpoint of an account that is named by its name or by that endpoint."""
    return account.rstrip("/") if "://" in account else f"https://{account}.blob.core.windows.net"


def app_url(app: str | None) -> str | None:
    """Give the root of an app that is named by its name, its host or its address."""
    if not app:
        return None
    if "://" in app:
        return app.rstrip("/")
    scheme = "http" if is_loopback(app.partition(":")[0]) else "https"
    return f"{scheme}://{app}" if "." in app or ":" in app else f"https://{app}.azurewebsites.net"


# --- azd -------------------------------------------------------------------------------------------------------------


def environments_of_azd(here: Path) -> list[str]:
    """Name the azd environments of a folder, or of the nearest one above that has some."""
    folder = _azd_folder(here)
    return sorted(found.parent.name for found in folder.glob("*/.env")) if folder else []


def _azd_folder(here: Path) -> Path | None:
    folders = (parent / ".azure" for parent in (here, *here.parents))
    return next((folder for folder in folders if folder.is_dir()), None)


def _azd(here: Path, name: str | None) -> Place | None:
    folder = _azd_folder(here)
    if folder is None:
        return None
    name = name or _default_environment(folder)
    values = folder / name / ".env" if name else None
    if values is None or not values.is_file():
        return None
    return _of_azd(str(name), read_dotenv(values.read_text(encoding="utf-8")))


def _default_environment(folder: Path) -> str | None:
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = told.get("defaultEnvironment") if isinstance(told, dict) else None
    return str(name) if name else None


def _of_azd(name: str, values: Mapping[str, str]) -> Place | None:
    """Read the outputs of the template, and settings that were given to azd by their names; None before the first `azd up`."""
    account, app = values.get("DATA_ACCOUNT"), values.get("APP_NAME")
    if not account and not app:
        return None
    env = {setting: value for setting, value in values.items() if setting in setting_names()}
    if account:
        env.setdefault("DATA__blobServiceUri", account_url(account))
    if model := values.get("MODEL"):
        env.setdefault("AZURE_OPENAI_DEPLOYMENT", model)
    resource = values.get("AZURE_SUBSCRIPTION_ID"), values.get("AZURE_RESOURCE_GROUP"), app
    return Place(
        label=f"the azd environment {name}",
        env=env,
        app_url=app_url(values.get("APP_URL") or app),
        client_id=values.get("ENTRA_CLIENT_ID") if values.get("ACCESS") == "entra" else None,
        resource=resource if all(resource) else None,  # type: ignore[arg-type] # none of them is None then
    )


def read_dotenv(text: str) -> dict[str, str]:
    """Read `NAME="value"` lines as azd writes them."""
    found = {}
    for line in text.splitlines():
        name, is_set, value = line.strip().removeprefix("export ").partition("=")
        if not is_set or name.startswith("#"):
            continue
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value[1:-1]
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value


# --- local.settings.json ---------------------------------------------------------------------------------------------


def _local_settings(here: Path) -> Place | None:
    name = "local.settings.json"
    found = next((parent / name for parent in (here, *here.parents) if (parent / name).is_file()), None)
    return read_local_settings(found) if found else None


def read_local_settings(path: Path) -> Place:
    """Read a `local.settings.json`. Raises CommandError where it cannot be read."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8-sig"))
        values, host = whole.get("Values") or {}, whole.get("Host") or {}
    except (OSError, ValueError, AttributeError) as error:
        raise CommandError(
            f"{path} cannot be read: {error}.", "It is a JSON object with `Values`."
        ) from error
    if whole.get("IsEncrypted"):
        raise CommandError(f"{path} is encrypted.", "`func settings decrypt` decrypts it.")
    port = host.get("LocalHttpPort") or LOCAL_PORT
    env = {str(name): str(value) for name, value in values.items()}
    return Place(label=str(path), env=env, app_url=f"http://127.0.0.1:{port}", knows_settings=True)


# --- places that `use` knows -----------------------------------------------------------------------------------------


def config_path(given: Mapping[str, str]) -> Path:
    """Name the file in which `use` keeps places."""
    if given.get(CONFIG):
        return Path(given[CONFIG])
    base = given.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "aoai-batch" / "config.toml"


def read_config(given: Mapping[str, str]) -> dict[str, Any]:
    """Read the places that `use` keeps. Raises CommandError where the file is none of ours."""
    path = config_path(given)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}.", "Correct it, or delete it.") from error
    return found


def _context(given: Mapping[str, str], name: str | None) -> Place | None:
    config = read_config(given)
    name = name or config.get("current")
    known = config.get("places", {}).get(name) if name else None
    if known is None:
        return None
    settings = read_local_settings(Path(known["settings"])) if "settings" in known else None
    env = {**(settings.env if settings else {}), **known.get("set", {})}
    if "account" in known:
        env["DATA__blobServiceUri"] = account_url(known["account"])
    address = app_url(known.get("app")) or (settings.app_url if settings else None)
    return Place(
        label=f"the place {name}",
        env=env,
        app_url=address,
        client_id=known.get("client_id"),
        knows_settings=settings is not None,
    )


# --- the demo --------------------------------------------------------------------------------------------------------


def _demo(given: Mapping[str, str], here: Path) -> Place | None:
    """Find the demo that runs in this checkout, or in the one this command is of."""
    folders = dict.fromkeys((here, *here.parents, REPOSITORY))
    named = [Path(given[DEMO_FILE])] if given.get(DEMO_FILE) else []
    for path in (*named, *(folder / DEMO_ADDRESS for folder in folders)):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            # A demo that was killed leaves its address behind.
            os.kill(told["pid"], 0)
        except (OSError, ValueError, KeyError):
            continue
        env, address = told["settings"], told["app_url"]
        return Place(label="the running demo", env=env, app_url=address, knows_settings=True)
    return None


def setting_names() -> frozenset[str]:
    """Name every app setting."""
    import msgspec  # noqa: PLC0415 - imported with Settings

    return frozenset(each.encode_name for each in msgspec.structs.fields(Settings))
