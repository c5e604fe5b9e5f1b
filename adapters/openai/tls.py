"""One TLS context for all clients: reading the certificates takes some 30 ms, and live calls open a client for each slice."""

import ssl
from functools import cache

import httpx2


@cache
def tls_context() -> ssl.SSLContext:
    """Give the context that clients would make for themselves, made once. It may be shared by threads and event loops."""
    return httpx2.create_ssl_context()
