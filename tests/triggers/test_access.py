"""Who may call: by key, or signed in; and that no form of another site changes anything."""

import importlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import msgspec
import pytest

from domain.api.problems import ProblemError
from triggers import access

SENT = {"X-Requested-With": "aoai-batch"}
ROLE_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set what is read at import, and read it again."""

    def set_to(**environment: str) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        importlib.reload(access)

    yield set_to
    monkeypatch.undo()
    importlib.reload(access)


def principal(*claims: tuple[str, str], role_typ: str = "roles") -> dict[str, str]:
    document = {"auth_typ": "aad", "role_typ": role_typ, "claims": [{"typ": t, "val": v} for t, v in claims]}
    return {"X-MS-CLIENT-PRINCIPAL": b64encode(msgspec.json.encode(document)).decode()}


def outcome(method: str, headers: dict[str, str]) -> tuple[int, str]:
    request = func.HttpRequest(method=method, url="http://127.0.0.1/api/x", headers=headers, body=b"")
    try:
        access.check(request)
    except ProblemError as error:
        return error.problem.status, error.problem.code
    return 200, ""


OK = (200, "")
REFUSED = (403, "requested_with")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, OK),  # curl -X POST
        (SENT, OK),
        (SENT | {"Origin": "https://elsewhere.example"}, OK),  # a script was allowed to add it
        ({"x-functions-key": "k", "Origin": "https://elsewhere.example"}, OK),
        ({"Origin": "https://elsewhere.example"}, REFUSED),
        ({"Origin": "null"}, REFUSED),
        ({"Sec-Fetch-Site": "cross-site"}, REFUSED),
        ({"Sec-Fetch-Site": "same-origin"}, REFUSED),
        ({"Referer": "https://elsewhere.example/"}, REFUSED),
        ({"X-Requested-With": "", "Origin": "null"}, REFUSED),
    ],
)
def test_by_key_a_form_changes_nothing_and_a_program_goes_on(
    world: Any, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    world(ACCESS="key")
    assert outcome("POST", headers) == expected
    assert outcome("GET", headers) == OK


@pytest.mark.parametrize(
    ("headers", "read", "write"),
    [
        ({}, (401, "sign_in"), (401, "sign_in")),
        ({"X-MS-CLIENT-PRINCIPAL": "nonsense"}, (401, "sign_in"), (401, "sign_in")),
        ({"X-MS-CLIENT-PRINCIPAL": b64encode(b"[1]").decode()}, (401, "sign_in"), (401, "sign_in")),
        ({"X-MS-CLIENT-PRINCIPAL": "é"}, (401, "sign_in"), (401, "sign_in")),
        (principal(), OK, (403, "role")),
        (principal(("roles", "Batch.Read"), ("name", "Batch.Operate")), OK, (403, "role")),
        (principal(("roles", "Batch.Operate")), OK, OK),
        (principal((ROLE_CLAIM, "Batch.Operate"), role_typ=""), OK, OK),
        (principal(("own", "Batch.Operate"), role_typ="own"), OK, OK),
        # A key of the host's is nothing here.
        ({"x-functions-key": "k"}, (401, "sign_in"), (401, "sign_in")),
    ],
)
def test_signed_in_people_look_and_those_with_the_role_act(
    world: Any, headers: dict[str, str], read: tuple[int, str], write: tuple[int, str]
) -> None:
    world(ACCESS="entra", WEBSITE_AUTH_ENABLED="True")
    assert outcome("GET", headers) == read
    assert outcome("POST", headers | SENT) == write


@pytest.mark.parametrize("headers", [{}, {"x-functions-key": "k"}, {"Origin": "https://app.example"}])
def test_cookies_ride_along_so_that_the_header_alone_counts(world: Any, headers: dict[str, str]) -> None:
    world(ACCESS="entra", WEBSITE_AUTH_ENABLED="true")
    signed_in = principal(("roles", "Batch.Operate"))
    assert outcome("POST", signed_in | headers) == REFUSED


@pytest.mark.parametrize("told", ["", "false", "0"])
def test_headers_that_the_platform_does_not_strip_are_not_believed(world: Any, told: str) -> None:
    world(ACCESS="entra", WEBSITE_AUTH_ENABLED=told)
    assert outcome("GET", principal(("roles", "Batch.Operate"))) == (500, "access")


@pytest.mark.parametrize(
    ("mode", "expected"), [("on", OK), ("readonly", (403, "read_only")), ("off", (403, "read_only"))]
)
def test_the_page_acts_only_where_it_may_and_programs_always(
    world: Any, mode: str, expected: tuple[int, str]
) -> None:
    world(ACCESS="key", OPERATOR_PAGE=mode)
    assert outcome("POST", {"X-Requested-With": access.PAGE}) == expected
    assert outcome("POST", SENT) == OK


def level() -> str:
    return str(access.LEVEL.value)


def test_the_level_is_what_the_setting_says(world: Any) -> None:
    world(ACCESS="key")
    assert level() == "function"
    world(ACCESS="entra")
    assert level() == "anonymous"
    world(ACCESS="nonsense")  # told at first use; at import the stricter one counts
    assert level() == "function"
