"""URLs of blobs: those given out so that the service reads a blob itself, and those it gives back for its answers.

A signed URL opens one blob for reading, or for writing it alone, for as long as it says. It goes into one call and nowhere else: not into logs,
records or errors.
"""

from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from azure.storage.blob import BlobSasPermissions, BlobServiceClient, UserDelegationKey, generate_blob_sas

from adapters.storage.errors import translated
from domain.addresses import is_loopback
from domain.errors import ConfigurationError

CLOCK_SKEW = timedelta(minutes=15)  # clocks differ; a URL that is valid from now on is refused for a while
KEY_LIFE = timedelta(days=1)  # of a user delegation key; the service allows seven days

NO_SIGNATURE = "DATA holds a shared access signature, which cannot sign URLs; use a key, the app's identity, or IMPORT_URL=identity"


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return is_loopback(urlsplit(url).hostname)


class BlobUrls:
    """URLs in one container."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._service, self._container = service, container
        self._root = without_query(str(service.url)).rstrip("/")
        self._key: UserDelegationKey | None = None
        self._key_until = datetime.min.replace(tzinfo=UTC)
        self._lock = Lock()

    @property
    def is_local(self) -> bool:
        """Whether the account is one on this machine, which no service elsewhere can reach."""
        return is_local(self._root)

    @property
    def can_sign(self) -> bool:
        """Whether there is a key or an identity to sign with."""
        return self._service.credential is not None

    def plain(self, name: str) -> str:
        """Give a blob's URL without any right to read it."""
        return f"{self._root}/{self._container}/{quote(name)}"

    def name_of(self, url: str) -> str | None:
        """Give the name of the blob that a URL means; None where that is no blob of this container.

        The service may write the account's host in another form. Only a name is taken from the URL; nothing is ever
        fetched from where it points.
        """
        theirs, ours = urlsplit(without_query(url)), urlsplit(self._root)
        if theirs.netloc.lower() != ours.netloc.lower() and _account(theirs) != _account(ours):
            return None
        folder = f"{ours.path}/{self._container}/"
        return unquote(theirs.path.removeprefix(folder)) or None if theirs.path.startswith(folder) else None

    def signed(self, name: str, valid_for: timedelta, *, save_as: str = "") -> str:
        """Give a URL that lets its holder read the blob for a while. Raises ConfigurationError where nothing can sign.

        `save_as`: a browser that follows it saves the content under that name, whatever it is, and shows nothing of it.
        """
        return self._with_right(name, BlobSasPermissions(read=True), valid_for, **_as_download(save_as))

    def writable(self, name: str, valid_for: timedelta, *, creates_only: bool) -> str:
        """Give a URL that lets its holder write the blob for a while, not read it. Raises ConfigurationError where nothing can sign.

        `creates_only`: with one call, and only where there is none of that name.
        """
        right = BlobSasPermissions(create=True, write=not creates_only)
        return self._with_right(name, right, valid_for)

    def _with_right(self, name: str, right: BlobSasPermissions, valid_for: timedelta, **more: Any) -> str:
        if not self.can_sign:
            raise ConfigurationError(NO_SIGNATURE, code="no_signature")
        now = datetime.now(UTC)
        until = now + valid_for
        with translated(f"a signature for {self._container}/{name}"):
            signature = generate_blob_sas(
                account_name=str(self._service.account_name),
                container_name=self._container,
                blob_name=name,
                permission=right,
                start=now - CLOCK_SKEW,
                expiry=until,
                protocol="https" if self._root.startswith("https:") else None,
                **more,
                **self._signing(now, until),
            )
        return f"{self.plain(name)}?{signature}"

    def _signing(self, now: datetime, until: datetime) -> dict[str, Any]:
        """Give the account's key where we have it, else a key that the account lends to our identity for a day."""
        key = getattr(self._service.credential, "account_key", None)
        if key:
            return {"account_key": key}
        with self._lock:
            if self._key is None or self._key_until < until:
                self._key_until = now + max(KEY_LIFE, 2 * (until - now))
                self._key = self._service.get_user_delegation_key(now - CLOCK_SKEW, self._key_until)
            return {"user_delegation_key": self._key}


def _as_download(name: str) -> dict[str, Any]:
    if not name:
        return {}
    return {
        "content_disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content_type": "application/octet-stream",
    }


def _account(url: SplitResult) -> str:
    """Name the account by its host, whichever of its hosts that is; each address of a machine is one of its own."""
    host = (url.hostname or "").lower()
    return (
        host
        if "." not in host or host.replace(".", "").isdigit()
        else host.split(".")[0].removesuffix("-secondary")
    )


def without_query(url: str) -> str:
    """Drop a URL's query, which is where signatures are."""
    return url.partition("?")[0]
