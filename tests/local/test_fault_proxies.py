"""Proxies that spoil calls at random: as often as they are told to, and not once they are told to stop."""

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from local.azure_openai import running
from local.fault_proxies import service, storage
from local.fault_proxies.weather import Weather


def test_bad_weather_spoils_calls_until_it_ends() -> None:
    with running() as simulated, service.running(simulated.url) as proxy:
        weather = proxy.weather = Weather([service.FAULTS["502 html"]], chance=1.0, seed=1)
        for _ in range(3):
            with pytest.raises(HTTPError, match="502"):
                urlopen(f"{proxy.url}/openai/v1/files")
        assert weather.struck == {"list_files": 3}
        weather.end()
        # The service's own answer: it wants a key.
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"{proxy.url}/openai/v1/files")


def test_each_call_has_the_same_chance_to_be_spoilt_before_or_after_its_effect() -> None:
    weather = Weather(storage.FAULTS, chance=0.2, seed=1)
    struck = [met for _ in range(1000) if (met := weather.strikes("read work/plan"))]
    assert weather.struck.total() == len(struck)
    assert 150 < len(struck) < 250
    assert {met.fault for met in struck} == set(storage.FAULTS)
    assert 0.3 < sum(met.after for met in struck) / len(struck) < 0.7
