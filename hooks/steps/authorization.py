"""
How a registry asks who it is, and what is shown to it: a password, or a token for a short while.

Source: https://distribution.github.io/distribution/spec/auth/token/ and
https://distribution.github.io/distribution/spec/auth/oauth/
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import LocationParseError
from urllib3.util import make_headers, parse_url

from hooks.steps.credentials import Credential
from hooks.steps.failures import StepFailed, TryAgain
from hooks.steps.proxies import is_loopback
from hooks.steps.transport import Transport

# https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  (a word of the grammar)
VALUE = rf'(?:"(?:[^"\\]|\\.)*"|{TOKEN})'
PARAMETER = re.compile(rf"({TOKEN})\s*=\s*({VALUE})")
CHALLENGE = re.compile(rf"({TOKEN})\s+({TOKEN}\s*=\s*{VALUE}(?:\s*,\s*{TOKEN}\s*=\s*{VALUE})*)")
CLIENT = "metakaito"


class Challenge(NamedTuple):
    """How a registry wants to be told who asks."""

    scheme: str
    """In small letters: bearer or basic."""
    parameters: Mapping[str, str]


class Unauthorized(TryAgain):
    """Who asks is not known, or has no right; that can be mended while we wait."""


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """Return what WWW-Authenticate says, which may be several challenges in one line or many."""
    return [
        Challenge(
            scheme.lower(),
            {name.lower(): unquoted(value) for name, value in PARAMETER.findall(parameters)},
        )
        for header in headers
        for scheme, parameters in CHALLENGE.findall(header)
    ]


def unquoted(value: str) -> str:
    """Return a value without its quotes."""
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def choose(offered: Sequence[Challenge], host: str) -> Challenge:
    """
    Return the challenge that is answered; a token is better than a password.

    Raises:
        Unauthorized: There is none that we know; a gateway may have answered instead.

    """
    for scheme in ("bearer", "basic"):
        for challenge in offered:
            if challenge.scheme == scheme:
                return challenge
    asked = ", ".join(sorted({challenge.scheme for challenge in offered})) or "nothing"
    raise Unauthorized(
        f"{host} answers HTTP 401 and asks for {asked}, neither a Bearer token nor a Basic password"
    )


def basic(credential: Credential) -> str:
    """Return the header for a password."""
    return make_headers(basic_auth=f"{credential.username}:{credential.password}")["authorization"]


def bearer(
    transport: Transport,
    challenge: Challenge,
    scopes: Sequence[str],
    credential: Credential | None,
) -> str:
    """
    Return the header with a token for the scopes, fetched from the server that was named.

    Raises:
        StepFailed: The server is no server that credentials may be sent to.
        Unauthorized: It gives no token.
        TryAgain: It does not answer, or not with a token.

    """
    if credential is not None and credential.registry_token:
        return f"Bearer {credential.registry_token}"
    realm = require_realm(challenge.parameters.get("realm", ""))
    parts = [("service", challenge.parameters.get("service", ""))]
    service = [(name, value) for name, value in parts if value]
    if credential is not None and credential.identity_token:
        form = [
            ("grant_type", "refresh_token"),
            *service,
            ("client_id", CLIENT),
            ("scope", " ".join(scopes)),
            ("refresh_token", credential.identity_token),
        ]
        answer = transport.send(
            "POST",
            realm,
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode(form).encode(),
        )
    else:
        query = urlencode([*service, *(("scope", scope) for scope in scopes)])
        headers = {"Authorization": basic(credential)} if credential is not None else {}
        mark = "&" if "?" in realm else "?"
        answer = transport.send("GET", f"{realm}{mark}{query}", headers)
    return f"Bearer {token_of(answer, parse_url(realm).netloc or '')}"


def require_realm(realm: str) -> str:
    """
    Return the address of the token server.

    Raises:
        StepFailed: Credentials would go there in the clear, or it is no address.

    """
    try:
        url = parse_url(realm)
    except LocationParseError:
        url = parse_url("")
    if url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host or "")):
        return realm
    raise StepFailed(f"the registry gives tokens at {realm!r}, which is no https URL")


def token_of(answer: urllib3.BaseHTTPResponse, host: str) -> str:
    """
    Return the token in an answer.

    Raises:
        Unauthorized: It was refused.
        TryAgain: There is none in it.

    """
    if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Unauthorized(f"{host} gives no token (HTTP {answer.status})")
    if answer.status != HTTPStatus.OK:
        raise TryAgain(f"{host} gives no token now (HTTP {answer.status})")
    try:
        document = json.loads(answer.data)
        token = document.get("token") or document.get("access_token")
    except (ValueError, AttributeError):
        token = None
    if not isinstance(token, str) or not token:
        raise TryAgain(f"{host} answers without a token")
    return token
