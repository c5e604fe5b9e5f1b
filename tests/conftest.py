"""What every test may ask for: storage with fresh containers, a simulated service, shared data; one hypothesis profile."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from hypothesis import HealthCheck, Phase, settings

from local.azurite import Azurite, AzuriteError
from local.azurite import running as running_azurite

# Else each call to storage asks the environment anew whether a proxy stands before this machine.
os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# How hard the rules are searched for mistakes: moderately by default, HYPOTHESIS_PROFILE=thorough for a long look. No
# deadline, and no complaint about slow data: both fail on a busy machine alone, and --durations shows what is slow.
slow_is_fine = [HealthCheck.too_slow]
settings.register_profile("default", deadline=None, max_examples=30, suppress_health_check=slow_is_fine)
settings.register_profile("thorough", deadline=None, max_examples=5000, suppress_health_check=slow_is_fine)
# `make mutate` wants the same answer each time, and no smallest example.
settings.register_profile(
    "mutation",
    deadline=None,
    max_examples=150,
    suppress_health_check=slow_is_fine,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """The four containers of one test, and a client of the account that holds them."""

    input: str
    processed: str
    error: str
    work: str
    connection_string: str
    service: BlobServiceClient

    @property
    def names(self) -> tuple[str, str, str, str]:
        return self.input, self.processed, self.error, self.work


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Storage in memory, one for all tests of a process."""
    try:
        with running_azurite() as server:
            yield server
    except AzuriteError as error:
        pytest.fail(str(error), pytrace=False)


@contextmanager
def new_containers(azurite: Azurite) -> Iterator[Containers]:
    """Four empty containers that no other test knows."""
    token = uuid.uuid4().hex[:12]
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        fresh = Containers(
            input=f"input-{token}",
            processed=f"processed-{token}",
            error=f"error-{token}",
            work=f"work-{token}",
            connection_string=azurite.connection_string,
            service=service,
        )
        for name in fresh.names:
            service.create_container(name)
        yield fresh
        for name in fresh.names:  # their content would stay in Azurite's memory
            with suppress(ResourceNotFoundError):  # the test itself deleted it
                service.delete_container(name)


@pytest.fixture
def containers(azurite: Azurite) -> Iterator[Containers]:
    with new_containers(azurite) as fresh:
        yield fresh


@pytest.fixture
def hierarchical_account(azurite: Azurite) -> Iterator[Any]:
    """An ADLS Gen2 account over the same blobs as the flat one."""
    from tests.hierarchical_account import running as running_account  # noqa: PLC0415 - few tests want it

    with running_account(azurite) as account:
        yield account


@pytest.fixture
def simulator() -> Iterator[Any]:
    """A simulated Azure OpenAI service of this test's own."""
    from local.azure_openai import running as running_simulator  # noqa: PLC0415 - most tests do without it

    with running_simulator() as service:
        yield service


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that lies beside the clone on some machines; tests that want it are skipped elsewhere."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs data in {SHARED_DATA}")
    return SHARED_DATA
