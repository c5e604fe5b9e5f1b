"""Addresses, keys and connection strings with a mistake are named before the first call, and not shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.addresses import address_mistake, connection_mistake, is_loopback, key_mistake
from domain.errors import SettingsError
from domain.settings import Settings

SECRET = "c2VjcmV0"
NEEDED = {
    "DATA": "UseDevelopmentStorage=true",
    "AZURE_OPENAI_ENDPOINT": "https://example.openai.azure.com",
}
ADDRESSES = ["AZURE_OPENAI_ENDPOINT", "DATA__blobServiceUri", "DATA__queueServiceUri", "DATA__dfsServiceUri"]


def complaint(**env: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({**NEEDED, **env})
    return str(caught.value)


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    "url",
    [
        f"http://{SECRET}.openai.azure.com",
        f"http://10.0.0.4/{SECRET}",
        f"http://127.0.0.1.{SECRET}.example",
        f"http://localhost.{SECRET}.example",
        f"http://{SECRET}@localhost.example",
        f"https://user:{SECRET}@example.openai.azure.com",
        f"https://example.openai.azure.com/?api-key={SECRET}",
        f"https://example.openai.azure.com/#{SECRET}",
        f"https://example.blob.core.windows.net/?sv=1&sig={SECRET}",
        f"https:// example.openai.azure.com/{SECRET}",
        f"https://example.openai.azure.com/\t{SECRET}",
        f"https://exämple.openai.azure.com/{SECRET}",
        f"https:///{SECRET}",
        f"https://[{SECRET}",
        f"https://example:{SECRET}/",
    ],
)
def test_an_address_with_a_mistake_is_named_and_not_shown(name: str, url: str) -> None:
    told = complaint(**{name: url})
    assert f"{name}: " in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "url",
    [
        "https://example.openai.azure.com",
        "https://example.openai.azure.com/",
        "https://gateway.example:8443/openai",
        "http://127.0.0.1:10000/devstoreaccount1",
        "http://localhost:9",
        "http://[::1]:9",
        "http://127.1.2.3",
    ],
)
def test_an_address_of_a_service_or_of_this_machine_is_taken(url: str) -> None:
    assert address_mistake(url) is None


@pytest.mark.parametrize(
    "key",
    [f"{SECRET}\nmore", f"{SECRET} more", f'"{SECRET}"', f"{SECRET}\u200b", f"{SECRET}\u2013x", f"'{SECRET}"],
)
def test_a_key_that_was_not_copied_cleanly_is_named_and_not_shown(key: str) -> None:
    told = complaint(AZURE_OPENAI_API_KEY=key)
    assert "AZURE_OPENAI_API_KEY: " in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"AccountKey {SECRET}",
        f"AccountKey={SECRET}",
        f"AccountName=name;AccountKey={SECRET}=====x",
        f"AccountName=name;AccountKey={SECRET[:-1]}",
        f"AccountName=name;AccountKey={SECRET} {SECRET}",
        f"AccountName=name;AccountKey={SECRET};DefaultEndpointsProtocol=http",
        f"AccountName=name;AccountKey={SECRET};BlobEndpoint=http://name.blob.core.windows.net",
        f"AccountName=name;AccountKey={SECRET};QueueEndpoint=http://name.queue.core.windows.net",
        f"BlobEndpoint=https://name.blob.core.windows.net;SharedAccessSignature=sv=1&{SECRET}",
        f"BlobEndpoint=http://name.blob.core.windows.net;SharedAccessSignature=sv=1&sig={SECRET}",
        f"SharedAccessSignature=sv=1&sig={SECRET}",
        f"AccountName={SECRET}",
        "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://elsewhere.example",
    ],
)
def test_a_connection_string_with_a_mistake_is_named_and_not_shown(text: str) -> None:
    told = complaint(DATA=text)
    assert "DATA: " in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "text",
    [
        "UseDevelopmentStorage=true",
        "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://127.0.0.1",
        f"DefaultEndpointsProtocol=https;AccountName=name;AccountKey={SECRET};EndpointSuffix=core.windows.net",
        f"AccountName=name;AccountKey={SECRET}==",
        f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={SECRET};BlobEndpoint=http://127.0.0.1:10000/a;",
        f"BlobEndpoint=https://name.blob.core.windows.net/;SharedAccessSignature=sv=1&sig={SECRET}%3D",
    ],
)
def test_connection_strings_as_the_portal_gives_them_are_taken(text: str) -> None:
    assert connection_mistake(text.replace(f"{SECRET}==", SECRET)) is None


@given(st.text(min_size=1))
def test_any_text_is_judged(text: str) -> None:
    for judge in (address_mistake, connection_mistake, key_mistake):
        mistake = judge(text)
        assert mistake is None or isinstance(mistake, str)
    assert is_loopback(text) in (True, False)
