"""Small files of batch requests."""

import json
from collections.abc import Iterable
from typing import Any


def request(custom_id: str, text: str = "my parcel never arrived", **changes: Any) -> bytes:
    """One line, with its end."""
    body = {"model": "gpt", "messages": [{"role": "user", "content": text}]}
    line = {"custom_id": custom_id, "method": "POST", "url": "/chat/completions", "body": body, **changes}
    return json.dumps({key: value for key, value in line.items() if value is not None}).encode() + b"\n"


def requests(custom_ids: Iterable[str]) -> bytes:
    return b"".join(map(request, custom_ids))
