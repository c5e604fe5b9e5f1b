"""Who may call a server on this machine: people and programs here, and no web page that happens to be open in a browser.

A page of another site can call 127.0.0.1 as well, and by DNS rebinding under a name of its own even read the answers. The
browser says so: in `Host`, which is not this machine's then, and in `Origin`.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

REFUSED = "This server answers to this machine alone: {header} is {value!r}."


def refusal(host: str | None, origin: str | None) -> str | None:
    """Say why a request with these headers is not answered, None for one that is."""
    if not host or not _is_this_machine(host):
        return REFUSED.format(header="Host", value=host or "")
    if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
        return REFUSED.format(header="Origin", value=origin)
    return None


def _is_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
