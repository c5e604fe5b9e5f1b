"""URLs that leave the house: signed with a key or with an identity, for one blob, for a while."""

import urllib.error
import urllib.request
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import HttpRequest
from azure.storage.blob import BlobServiceClient
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.account import Storage, open_storage
from adapters.storage.urls import BlobUrls
from domain.errors import ConfigurationError
from domain.settings import Settings

HOUR = timedelta(hours=1)
ODD_NAME = "files/a b/ü+%?#.jsonl"


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return bytes(answer.read())


def status(url: str) -> int:
    """The status with which a URL is refused."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(url)
    caught.value.close()
    return caught.value.code


def test_a_signed_url_opens_its_blob_and_no_other(storage: Storage) -> None:
    storage.work.write(ODD_NAME, b"content")
    storage.work.write("other", b"secret")
    urls = storage.work_urls
    signed = urls.signed(ODD_NAME, HOUR)
    assert get(signed) == b"content"
    signature = urlsplit(signed).query
    for refused in (urls.plain(ODD_NAME), f"{urls.plain('other')}?{signature}"):
        assert status(refused) in (403, 404)


def test_a_signed_url_ends(storage: Storage) -> None:
    storage.work.write("a", b"content")
    assert status(storage.work_urls.signed("a", timedelta(seconds=-1))) == 403
    told = parse_qs(urlsplit(storage.work_urls.signed("a", HOUR)).query)
    assert told["sp"] == ["r"]
    left = datetime.fromisoformat(told["se"][0]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= HOUR


def test_a_plain_url_is_the_one_the_sdk_gives(storage: Storage) -> None:
    assert storage.work_urls.plain(ODD_NAME) == storage.work.url_of(ODD_NAME)


def test_a_shared_access_signature_is_never_handed_out(settings: Settings) -> None:
    given = "BlobEndpoint=https://account.blob.core.windows.net/;SharedAccessSignature=sv=2020&sig=secret"
    with closing(open_storage(msgspec.structs.replace(settings, data=given))) as storage:
        urls = storage.work_urls
        assert not urls.can_sign
        assert "secret" not in urls.plain("a")
        with pytest.raises(ConfigurationError, match="IMPORT_URL"):
            urls.signed("a", HOUR)


# --- URLs that come back ----------------------------------------------------------------------------------------------


def urls_at(root: str) -> BlobUrls:
    return BlobUrls(BlobServiceClient(root), "work")


@pytest.mark.parametrize(
    "url",
    [
        "https://account.blob.core.windows.net/work/a%20b/c.jsonl",
        "https://Account.Blob.core.windows.net/work/a%20b/c.jsonl",
        "https://account.z12.blob.storage.azure.net/work/a%20b/c.jsonl",
        "https://account.dfs.core.windows.net/work/a%20b/c.jsonl",
        "https://account-secondary.blob.core.windows.net/work/a%20b/c.jsonl?sv=1&sig=secret",
    ],
)
def test_a_blob_of_ours_is_known_by_any_host_of_the_account(url: str) -> None:
    assert urls_at("https://account.blob.core.windows.net").name_of(url) == "a b/c.jsonl"


@pytest.mark.parametrize(
    "url",
    [
        "https://other.blob.core.windows.net/work/a",
        "https://account2.blob.core.windows.net/work/a",
        "https://account.blob.core.windows.net/works/a",
        "https://account.blob.core.windows.net/processed/a",
        "https://account.blob.core.windows.net/work/",
        "https://account.blob.core.windows.net/work",
        "https://127.0.0.1/work/a",
        "work/a",
        "",
    ],
)
def test_what_is_not_in_the_container_has_no_name(url: str) -> None:
    assert urls_at("https://account.blob.core.windows.net").name_of(url) is None


def test_accounts_on_this_machine_are_told_apart_by_address_and_path() -> None:
    urls = urls_at("http://127.0.0.1:10000/one")
    assert urls.is_local
    assert urls.name_of("http://127.0.0.1:10000/one/work/a") == "a"
    assert urls.name_of("http://127.0.0.1:10000/two/work/a") is None
    assert urls.name_of("http://127.0.0.2:10000/one/work/a") is None


@given(name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_every_name_comes_back_from_its_url(name: str) -> None:
    urls = urls_at("https://account.blob.core.windows.net")
    assert urls.name_of(urls.plain(name)) == name


# --- with an identity: no local storage server speaks https and knows identities, so its answer is a stand-in's --------

DELEGATION_KEY = b"""<?xml version="1.0" encoding="utf-8"?><UserDelegationKey><SignedOid>oid</SignedOid>
<SignedTid>tid</SignedTid><SignedStart>2026-11-25T00:00:00Z</SignedStart><SignedExpiry>2026-11-26T00:00:00Z</SignedExpiry>
<SignedService>b</SignedService><SignedVersion>2020-02-10</SignedVersion><Value>c2VjcmV0</Value></UserDelegationKey>"""

REFUSAL = b"<Error><Code>AuthorizationPermissionMismatch</Code><Message>No.</Message></Error>"


class Identity:
    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("token", 4_000_000_000)


class Account:
    """A transport to an account that lends its key, or does not."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.asked = status, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None: ...

    def send(self, request: HttpRequest, **_options: Any) -> Any:
        assert request.method == "POST"
        assert "comp=userdelegationkey" in request.url
        self.asked += 1
        return Lent(request, self.status)


class Lent:
    """An HTTP answer as the SDK's pipeline wants it."""

    content_type = "application/xml"
    reason = "told"

    def __init__(self, request: HttpRequest, status: int) -> None:
        self.request, self.status_code = request, status
        self.headers = {"content-type": self.content_type}
        self.internal_response = self
        self.content = DELEGATION_KEY if status == 200 else REFUSAL

    def body(self) -> bytes:
        return self.content

    def text(self, _encoding: str | None = None) -> str:
        return self.content.decode()

    def read(self) -> bytes:
        return self.content


def urls_of(account: Account) -> BlobUrls:
    service = BlobServiceClient(
        "https://account.blob.core.windows.net", credential=Identity(), transport=account, retry_total=0
    )
    return BlobUrls(service, "work")


def test_an_identity_signs_with_a_key_that_is_asked_for_once() -> None:
    account = Account()
    urls = urls_of(account)
    signed = urlsplit(urls.signed("a b", HOUR))
    assert urls.signed("c", HOUR)
    assert account.asked == 1
    assert (signed.netloc, signed.path) == ("account.blob.core.windows.net", "/work/a%20b")
    told = parse_qs(signed.query)
    assert (told["skoid"], told["sp"], told["sr"], told["spr"]) == (["oid"], ["r"], ["b"], ["https"])
    assert "c2VjcmV0" not in signed.query


def test_an_identity_that_may_not_sign_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="roles"):
        urls_of(Account(status=403)).signed("a", HOUR)
