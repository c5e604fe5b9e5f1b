"""Who may call, and what a call that changes something has to show. How it is decided: docs/api.md, Access."""

import os
from base64 import b64decode
from binascii import Error as Base64Error

import azure.functions as func
import msgspec

from domain.api.problems import ProblemError
from domain.settings import read_at_import

ROLE = "Batch.Operate"
# What the page says in `X-Requested-With`; any other text is another program's.
PAGE = "aoai-batch-page"

_ACCESS = read_at_import(os.environ, "access")
PAGE_MODE = read_at_import(os.environ, "operator_page")
# Decorators run at import. Where people sign in, the host itself asks for no key.
LEVEL = func.AuthLevel.ANONYMOUS if _ACCESS == "entra" else func.AuthLevel.FUNCTION

_ROLE_CLAIMS = frozenset({"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"})
# A browser sends one of them with every request of a page or a form that would change something.
_BROWSER_HEADERS = ("Origin", "Sec-Fetch-Site", "Referer")


class _Claim(msgspec.Struct):
    typ: str
    val: str = ""


class _Principal(msgspec.Struct):
    claims: list[_Claim] = []
    role_typ: str = ""


_decode_principal = msgspec.json.Decoder(_Principal).decode


def check(req: func.HttpRequest) -> None:
    """Raise ProblemError where this caller may not make this call."""
    writes = req.method not in ("GET", "HEAD")
    if _ACCESS == "entra":
        _check_signed_in(req, writes=writes)
    if writes:
        _check_sender(req)


def _check_signed_in(req: func.HttpRequest, *, writes: bool) -> None:
    """Believe the headers of App Service Authentication, which the platform strips from what callers send only while it is on."""
    if os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() != "true":
        raise ProblemError(
            500,
            "access",
            "ACCESS is `entra`, and App Service Authentication is off: switch it on, or set ACCESS to `key`.",
        )
    principal = _principal(req.headers.get("X-MS-CLIENT-PRINCIPAL", ""))
    if principal is None:
        raise ProblemError(401, "sign_in", "Sign in first.")
    role_claims = _ROLE_CLAIMS | {principal.role_typ} - {""}
    roles = {claim.val for claim in principal.claims if claim.typ in role_claims}
    if writes and ROLE not in roles:
        raise ProblemError(403, "role", f"This needs the role {ROLE} of the app registration.")


def _principal(header: str) -> _Principal | None:
    try:
        return _decode_principal(b64decode(header, validate=True)) if header else None
    except (Base64Error, ValueError, msgspec.MsgspecError):
        return None


def _check_sender(req: func.HttpRequest) -> None:
    """Refuse what a page of another site may have sent: a form cannot add headers, and a script has to ask first."""
    sender = req.headers.get("X-Requested-With", "")
    if sender == PAGE and PAGE_MODE != "on":
        raise ProblemError(403, "read_only", "OPERATOR_PAGE is `readonly`: the page offers no actions.")
    if sender:
        return
    is_known = _ACCESS == "key" and (
        req.headers.get("x-functions-key") or not any(req.headers.get(name) for name in _BROWSER_HEADERS)
    )
    if not is_known:
        raise ProblemError(
            403, "requested_with", "Say who asks in the header X-Requested-With, which no form can send."
        )
