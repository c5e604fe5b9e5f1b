"""Checks of the settings: needs nothing but them."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

import msgspec

from domain.errors import SettingsError
from domain.findings import Finding, failure, warning, well
from domain.former_settings import current_names
from domain.settings import Settings

PAGE = "docs/settings.md"

_NAME = re.compile(r"[A-Z][A-Z0-9_]{3,}")


def settings_checks(env: Mapping[str, str]) -> Iterator[Finding]:
    """Read the settings as the app does; look for names that nearly are settings, and for prices that are missing."""
    today, of_former = current_names(env)
    try:
        settings = Settings.from_env(today)
    except SettingsError as error:
        yield failure("settings", str(error), "Correct them; the app does nothing until then.", PAGE)
        return
    if of_former:
        yield warning("settings", of_former, "Rename them.", PAGE)
    else:
        yield well("settings", "All of them are right.")
    yield _misspelt(env)
    yield _prices(settings)
    yield _queue_setting(settings)


def _misspelt(env: Mapping[str, str]) -> Finding:
    known = {field.encode_name for field in msgspec.structs.fields(Settings)}
    near = {
        name: meant[0]
        for name in sorted(env)
        if name not in known and _NAME.fullmatch(name)
        if (meant := get_close_matches(name, known, n=1, cutoff=0.88))
    }
    if not near:
        return well("setting_names", "No name looks like a misspelt setting.")
    told = ", ".join(f"{name} (meant as {meant}?)" for name, meant in near.items())
    return warning(
        "setting_names", f"Not a setting of this app: {told}.", "Correct the name, or delete it.", PAGE
    )


def _prices(settings: Settings) -> Finding:
    deployments = {settings.azure_openai_deployment, settings.direct_deployment} - {None}
    if not settings.price_list:
        return warning(
            "prices",
            "PRICES is not set: no cost is told, and MAX_COST_PER_SNAPSHOT holds nothing.",
            "Set PRICES.",
            PAGE,
        )
    missing = sorted(str(name) for name in deployments if name not in settings.price_list)
    if missing:
        return warning("prices", f"PRICES has no price for {', '.join(missing)}.", "Add it.", PAGE)
    return well("prices", f"Known for {', '.join(sorted(settings.price_list))}.")


def _queue_setting(settings: Settings) -> Finding:
    if settings.data__blob_service_uri and not settings.data__queue_service_uri:
        return failure(
            "queue_setting",
            "DATA__blobServiceUri is set and DATA__queueServiceUri is not: the blob trigger keeps its queue there and does not start.",
            "Set DATA__queueServiceUri to the account's Queue endpoint.",
            "docs/storage.md",
        )
    return well("queue_setting", "The blob trigger's queue has its endpoint.")


def access_check(env: Mapping[str, str]) -> Finding:
    """Look whether App Service Authentication fits ACCESS; the platform says in the app's environment whether it is on."""
    wanted = env.get("ACCESS", "").strip().lower() or "key"
    is_on = env.get("WEBSITE_AUTH_ENABLED", "").lower() == "true"
    if wanted == "entra" and not is_on:
        return failure(
            "access",
            "ACCESS is `entra`, and App Service Authentication is off: every call is refused.",
            "Switch it on, or set ACCESS to `key`.",
            "docs/api.md",
        )
    if wanted == "entra":
        return well("access", "People sign in; see `events` for whether sign-in lets the events through.")
    if is_on:
        return warning(
            "access",
            "App Service Authentication is on, and ACCESS is `key`: sign-in comes first, and may keep events out.",
            "Set ACCESS to `entra`, or switch it off; /runtime/webhooks/* has to be left open.",
            "docs/api.md",
        )
    if env.get("WEBSITE_INSTANCE_ID"):
        return well("access", "A call wants a function key.")
    return well("access", "A call wants a function key in Azure; on this machine, none.")
