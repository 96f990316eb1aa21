"""A token server as registries name one, with the keys of an authority."""

import base64
import json
import time
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.hooks.steps.certificates import Authority, openssl
from tests.hooks.steps.servers import Handler, body, status

SERVICE = "registry.test"
ISSUER = "tokens.test"
BASIC = "Basic " + base64.b64encode(b"me:right").decode()
REFRESH_TOKEN = "an identity"  # noqa: S105  (of a test)


class Rights(NamedTuple):
    """What is given."""

    refused: tuple[str, ...] = ()
    """Scopes that nobody gets beside another one."""
    all_or_nothing: bool = False
    """Whether a request with a refused scope gets no token at all."""


class TokenServer:
    """Gives tokens to ``me`` with the password ``right`` or with the refresh token."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self.rights = Rights()
        self.scopes: list[list[str]] = []

    def answer(self, handler: Handler) -> None:
        if handler.command == "POST":
            form = parse_qs(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
            known = (form["grant_type"], form["refresh_token"]) == (
                ["refresh_token"],
                [REFRESH_TOKEN],
            )
            scopes = form["scope"][0].split(" ")
            name = "access_token"
        else:
            form = parse_qs(urlsplit(handler.path).query)
            known = handler.headers.get("Authorization") == BASIC
            scopes = form["scope"]
            name = "token"
        refused = set(scopes[1:]) & set(self.rights.refused)
        if not known or (refused and self.rights.all_or_nothing) or form["service"] != [SERVICE]:
            status(401)(handler)
            return
        self.scopes.append(scopes)
        granted = [scope for scope in scopes if scope not in refused]
        body(json.dumps({name: self.token(granted)}).encode())(handler)

    def token(self, scopes: list[str]) -> str:
        parts = [scope.split(":") for scope in scopes]
        der = openssl("x509", "-in", self._authority.server_certificate, "-outform", "DER")
        claims = {
            "iss": ISSUER,
            "sub": "me",
            "aud": SERVICE,
            "nbf": int(time.time()) - 10,
            "exp": int(time.time()) + 300,
            "access": [
                {"type": kind, "name": name, "actions": actions.split(",")}
                for kind, name, actions in parts
            ],
        }
        header = {"alg": "RS256", "typ": "JWT", "x5c": [base64.b64encode(der).decode()]}
        text = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        signature = openssl(
            "dgst", "-sha256", "-sign", self._authority.server_key, stdin=text.encode()
        )
        return f"{text}.{encoded(signature)}"


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
