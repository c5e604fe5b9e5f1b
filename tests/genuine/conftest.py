"""Every story here runs on the embedded host and on the genuine engine, and has to end the same."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from local.azurite import Azurite
from tests.genuine.hosts import Hosts, Kind, skip_without_engine


@pytest.fixture(scope="module", params=list(Kind))
def kind(request: pytest.FixtureRequest) -> Kind:
    found = Kind(request.param)
    skip_without_engine(found)
    return found


@pytest.fixture(scope="module")
def hosts(kind: Kind, azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with ExitStack() as stack:
        yield Hosts(kind=kind, azurite=azurite, folders=tmp_path_factory, stack=stack)
