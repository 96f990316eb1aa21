"""
One repository of a registry, spoken to as the OCI's distribution specification says.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from hooks.steps.authorization import Challenge, Unauthorized, basic, bearer, challenges, choose
from hooks.steps.credentials import Credential, Credentials
from hooks.steps.failures import CannotBe, StepFailed, TryAgain
from hooks.steps.hops import MOST_REDIRECTS, REDIRECTS, next_hop
from hooks.steps.patience import Clock, retry_after
from hooks.steps.references import Reference
from hooks.steps.sources import origin
from hooks.steps.transport import Body, Transport, base_url

MOST_WORDS = 300
# A registry that says one of these will say it again.
# https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
FINAL_CODES = ("NAME_INVALID", "TAG_INVALID", "MANIFEST_INVALID", "SIZE_INVALID", "UNSUPPORTED")
FINAL_STATUSES = (
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.PRECONDITION_FAILED,  # a tag that cannot be overwritten, says Harbor
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
NOT_ALLOWED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class Words(NamedTuple):
    """What those who can mend something know it by."""

    image: str = "IMAGE"
    secret: str = "the credentials that 'docker login' keeps"  # noqa: S105  (no secret)
    base: str = "--base"
    """What names the image that the files are laid on."""


class Repository:
    """
    A repository, and who we are to it.

    Args:
        image: An image in it.
        transport: How to reach it.
        credentials: What is known of who we are, to it and to others.
        actions: What we mean to do: "pull" or "pull,push".
        clock: Tells the time.
        words: For sentences about what is wrong.

    """

    def __init__(
        self,
        image: Reference,
        transport: Transport,
        credentials: Credentials,
        actions: str,
        clock: Clock,
        words: Words,
    ) -> None:
        self.image = image
        self.scope = f"repository:{image.repository}:{actions}"
        self._transport = transport
        self._credentials = credentials
        self._credential: Credential | None = credentials.of(image)
        self._clock = clock
        self._words = words
        self._challenge: Challenge | None = None
        self._tokens: dict[tuple[str, ...], str] = {}
        self._base = base_url(image.host, transport)

    def url(self, path: str) -> str:
        """Return the URL of something in the repository."""
        return f"{self._base}/v2/{self.image.repository}/{path}"

    def location(self, response: urllib3.BaseHTTPResponse, asked: str) -> str:
        """
        Return where an upload goes on.

        A registry that does not know that it stands behind TLS names itself with http.

        Raises:
            TryAgain: It is not said.

        """
        told = response.headers.get("Location")
        if not told:
            raise TryAgain(f"{self.image.host} does not say where an upload goes on")
        try:
            place = parse_url(urljoin(asked, told))
        except (LocationParseError, ValueError):
            raise TryAgain(f"{self.image.host} does not say where an upload goes on") from None
        own = parse_url(self._base)
        if place.netloc == own.netloc:
            place = place._replace(scheme=own.scheme)
        return place.url

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], Body] = lambda: None,
        *,
        scopes: Sequence[str] = (),
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """
        Return the answer to one request, with whatever status; we say who we are where asked.

        Args:
            method: GET, HEAD, POST, PATCH or PUT.
            url: What to ask; who we are is told to the registry's own host only.
            headers: More headers.
            body: Returns the body; called again where the first try was not authorized.
            scopes: Rights that are needed besides those of this repository.
            stream: Whether the body of the answer is left unread.

        Raises:
            TryAgain: It does not answer, or does not know us.

        """
        wanted = (self.scope, *scopes)
        response = self._sent(method, url, self._headers(url, headers, wanted), body(), stream)
        if response.status != HTTPStatus.UNAUTHORIZED or not self._is_own(url):
            return response
        response.close()
        asked = challenges(response.headers.getlist("WWW-Authenticate"))
        self._challenge = choose(asked, self.image.host)
        # A token that was good a while ago may be too old.
        self._tokens.pop(wanted, None)
        return self._sent(method, url, self._headers(url, headers, wanted), body(), stream)

    def _sent(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
        stream: bool,  # noqa: FBT001
    ) -> urllib3.BaseHTTPResponse:
        with closing(body) if isinstance(body, io.RawIOBase) else nullcontext():
            return self._transport.send(method, url, headers, body, stream=stream)

    def _is_own(self, url: str) -> bool:
        return origin(parse_url(url)) == origin(parse_url(self._base))

    def _headers(
        self, url: str, headers: Mapping[str, str] | None, scopes: tuple[str, ...]
    ) -> dict[str, str]:
        """Return the headers of a request, with who we are if the registry wants to know it."""
        own = dict(headers or {})
        if self._challenge is None or not self._is_own(url):
            return own
        if self._challenge.scheme == "basic":
            if self._credential is None:
                raise Unauthorized(self._who(f"{self.image.host} wants a password"))
            return {**own, "Authorization": basic(self._credential)}
        if scopes not in self._tokens:
            self._tokens[scopes] = self._token(self._challenge, scopes)
        return {**own, "Authorization": self._tokens[scopes]}

    def _token(self, challenge: Challenge, scopes: tuple[str, ...]) -> str:
        try:
            return bearer(self._transport, challenge, scopes, self._credential)
        except Unauthorized as refusal:
            raise Unauthorized(self._who(str(refusal))) from refusal

    def _who(self, sentence: str) -> str:
        """Return a sentence with what to mend about who we are."""
        if self._credential is not None:
            return f"{sentence} for what it has in {self._words.secret}: correct that"
        others = ", ".join(self._credentials.names)
        listed = f", only for {others}" if others else ""
        return (
            f"{sentence}, and there is no entry for {self.image.domain} in {self._words.secret}"
            f"{listed}: add one"
        )

    def get(self, path: str, headers: Mapping[str, str], what: str) -> urllib3.BaseHTTPResponse:
        """
        Return the answer that has something, its body unread; redirects are followed.

        Blobs are often kept by somebody else, who must not learn who we are.

        Raises:
            TryAgain: It cannot be had now.
            StepFailed: It can never be had, or is redirected without an end.

        """
        url = self.url(path)
        for _ in range(MOST_REDIRECTS + 1):
            response = self.send("GET", url, headers, stream=True)
            if response.status not in REDIRECTS:
                if response.status != HTTPStatus.OK:
                    raise self.refusal(response, what)
                return response
            response.close()
            url = next_hop(parse_url(url), response.headers.get("Location")).url
        raise StepFailed(f"{what}: more than {MOST_REDIRECTS} redirects")

    def refusal(self, response: urllib3.BaseHTTPResponse, what: str) -> StepFailed:
        """Return what it means that a registry does not do something."""
        codes, words = told(response)
        sentence = f"{what}: {self.image.host} answers HTTP {response.status}{words}"
        if response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return CannotBe(
                f"{sentence}: the registry, or a proxy in front of it, limits the size of a "
                "request; whoever runs it can raise that limit"
            )
        if response.status in FINAL_STATUSES or any(code in FINAL_CODES for code in codes):
            return CannotBe(f"{sentence}: change {self._words.image}")
        return self.passing(response, what)

    def passing(self, response: urllib3.BaseHTTPResponse, what: str) -> TryAgain:
        """Return a refusal that need not be the last word, whatever its status."""
        sentence = f"{what}: {self.image.host} answers HTTP {response.status}{told(response)[1]}"
        if response.status in NOT_ALLOWED:
            return Unauthorized(self._who(sentence))
        return TryAgain(sentence, retry_after(response.headers.get("Retry-After"), self._clock))


def told(response: urllib3.BaseHTTPResponse) -> tuple[list[str], str]:
    """Return the codes of an answer's errors, and its words in brackets, on one line."""
    try:
        errors = json.loads(response.data or b"{}").get("errors") or []
        codes = [str(error.get("code", "")) for error in errors]
        parts = [f"{error.get('code', '')}: {error.get('message', '')}" for error in errors]
    except (ValueError, AttributeError, TypeError, urllib3.exceptions.HTTPError):
        return [], ""
    words = re.sub(r"[\x00-\x20\x7f]+", " ", "; ".join(parts))[:MOST_WORDS].strip(": ")
    return codes, f" ({words})" if words else ""
