"""python -m local.azure_openai: a local Azure OpenAI resource with the Batch API."""

from __future__ import annotations

import argparse
import sys

import msgspec

from local.azure_openai.server import serve
from local.azure_openai.settings import Settings


def main() -> int:
    """Read the flags, one per setting, and serve."""
    parser = argparse.ArgumentParser(prog="python -m local.azure_openai", description=__doc__)
    for field in msgspec.structs.fields(Settings):
        description = field.type.__metadata__[0].description
        default = "" if field.default == "" else f" (default {field.default})"
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", metavar="VALUE", help=f"{description}{default}"
        )
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        parser.error(str(error))
    serve(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
