"""What is wrong with an address, a key or a connection string, told before the first call fails without saying so.

No complaint shows the value: it may be a secret, or hold one.
"""

import binascii
from base64 import b64decode
from ipaddress import ip_address
from urllib.parse import urlsplit

# What a header may carry: a key with a line end or a typographic dash in it fails as "Connection error.".
_PRINTABLE = frozenset(map(chr, range(0x21, 0x7F)))
_QUOTES = frozenset("\"'`")
_SECURE, _CLEAR = "https", "http"


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine itself."""
    try:
        return host is not None and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def address_mistake(url: str) -> str | None:
    """Say what is wrong with the address of a service, None when nothing is."""
    if not set(url) <= _PRINTABLE:
        return "has a character that no address has, such as a space."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address."
    if parts.scheme not in (_SECURE, _CLEAR) or not host:
        return "is no address: `https://` and a host are wanted."
    if parts.scheme == _CLEAR and not is_loopback(host):
        return "begins with `http://`, which would send keys and contents in clear: `https://` is wanted, but to this machine."
    if parts.username is not None or parts.query or parts.fragment:
        return "holds more than an address: no user, no `?` and no `#` are wanted. Keys have settings of their own."
    return None


def key_mistake(key: str) -> str | None:
    """Say what is wrong with a key, None when nothing can be seen to be."""
    if not set(key) <= _PRINTABLE:
        return "has a space, a line end or another character that no key has: it was not copied cleanly."
    if key[0] in _QUOTES or key[-1] in _QUOTES:
        return "is in quotes: they are not part of it."
    return None


def connection_mistake(text: str) -> str | None:
    """Say what is wrong with the connection string of a storage account, None when nothing can be seen to be."""
    parts = [part.strip().partition("=") for part in text.split(";") if part.strip()]
    if not parts or any(not sign or not value for _, sign, value in parts):
        return "is not a storage connection string: `name=value` and a semicolon, again and again."
    values = {name.lower(): value for name, _, value in parts}
    for name, value in values.items():
        if mistake := _part_mistake(name, value):
            return mistake
    if values.get("usedevelopmentstorage", "").lower() == "true":
        return None
    has_key = "accountname" in values and "accountkey" in values
    has_place = "accountname" in values or "blobendpoint" in values
    if not has_key and not ("sharedaccesssignature" in values and has_place):
        return "has neither AccountName and AccountKey, nor SharedAccessSignature and BlobEndpoint."
    if values.get("defaultendpointsprotocol") == _CLEAR and "blobendpoint" not in values:
        return "says DefaultEndpointsProtocol=http, which would send contents in clear: https is wanted."
    return None


def _part_mistake(name: str, value: str) -> str | None:
    if not set(value) <= _PRINTABLE:
        return f"has a space or another character in {name} that does not belong there: it was not copied cleanly."
    if name.endswith("endpoint") or name == "developmentstorageproxyuri":
        mistake = address_mistake(value)
        return f"{name} {mistake}" if mistake else None
    if name == "accountkey" and not _is_base64(value):
        return "AccountKey is not base64: something is missing or added."
    if name == "sharedaccesssignature" and "sig=" not in value:
        return "SharedAccessSignature has no `sig=`: something is missing."
    return None


def _is_base64(value: str) -> bool:
    try:
        b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
