"""One request for data, along redirects; each hop is checked before anything is sent to it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import IncompleteRead
from ssl import SSLCertVerificationError, SSLContext
from typing import NamedTuple
from urllib.parse import unquote, urljoin

import urllib3
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    SSLError,
)
from urllib3.util import Timeout, Url, make_headers, parse_url

from hooks.steps.addresses import Lookup, Network, permitted_addresses, system_lookup
from hooks.steps.failures import CannotBe, StepFailed, TryAgain
from hooks.steps.patience import Say
from hooks.steps.proxies import proxy_for, way_through
from hooks.steps.sources import origin, parse_hop, port_of, shown

MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
TIMEOUT = Timeout(connect=30.0, read=60.0)
# Of servers that ask who it is.
AGENT = "metakaito-fetch"


@dataclass(frozen=True)
class Rules:
    """What every hop must keep to."""

    trust: SSLContext
    allowed: tuple[Network, ...] = ()
    """Networks that may be reached although they are not public."""
    lookup: Lookup = system_lookup
    say: Say = print
    proxies_told: set[str] = field(default_factory=set)
    """Proxies of which it has been said that they are used."""


class Answer(NamedTuple):
    """The answer of the last hop, whose body is still to be read."""

    url: Url
    response: urllib3.BaseHTTPResponse

    def close(self) -> None:
        """Give up what was not read, and the connection."""
        with suppress(HTTPError, OSError):
            self.response.close()


def ask(start: Url, headers: Mapping[str, str], rules: Rules) -> Answer:
    """
    Return the answer to GET, after at most five redirects.

    Raises:
        CannotBe: A hop leads where it must not.
        TryAgain: A server does not answer.
        StepFailed: There is no end of redirects.

    """
    url = start
    for _ in range(MOST_REDIRECTS + 1):
        answer = Answer(url, sent(url, {**headers, **authorization(url, start)}, rules))
        if answer.response.status not in REDIRECTS:
            return answer
        location = answer.response.headers.get("Location")
        answer.close()
        url = next_hop(url, location)
    raise StepFailed(f"{shown(start)} is redirected more than {MOST_REDIRECTS} times")


def next_hop(url: Url, location: str | None) -> Url:
    """
    Return where a redirect leads.

    Raises:
        StepFailed: It leads nowhere.
        CannotBe: It leads to another kind of address, or from https to http.

    """
    if not location:
        raise StepFailed(f"{shown(url)} is redirected, and it is not said where to")
    try:
        hop = parse_hop(urljoin(url.url, location))
    except (CannotBe, ValueError) as error:
        raise CannotBe(f"{shown(url)} is redirected: {error}") from None
    if url.scheme == "https" and hop.scheme != "https":
        raise CannotBe(f"{shown(url)} is redirected from https to http, to {shown(hop)}")
    return hop


def authorization(url: Url, start: Url) -> dict[str, str]:
    """Return the credentials that a URL has, or that were given for the same server."""
    auth = url.auth or (start.auth if origin(url) == origin(start) else None)
    return make_headers(basic_auth=unquote(auth)) if auth else {}


def sent(url: Url, headers: Mapping[str, str], rules: Rules) -> urllib3.BaseHTTPResponse:
    """
    Return one server's answer, body unread.

    Raises:
        CannotBe: The address must not be connected to.
        TryAgain: Nobody answers.

    """
    host = (url.host or "").strip("[]")
    everything = {
        **headers,
        "Host": url.netloc or host,
        "User-Agent": AGENT,
        # Bytes as they are: what is compressed on the way has neither the length nor the checksum.
        "Accept-Encoding": "identity",
    }
    proxy = proxy_for(url.scheme or "", host)
    if proxy is not None:
        return through_proxy(url, everything, proxy, rules)
    failure: HTTPError | None = None
    for address in permitted_addresses(host, port_of(url), rules.allowed, rules.lookup):
        pool = pool_to(address, host, url, rules)
        try:
            return pool.urlopen(
                "GET",
                url.request_uri,
                headers=everything,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        except (NewConnectionError, ConnectTimeoutError) as error:
            failure = error
        except (HTTPError, OSError) as error:
            raise unanswered(url, error) from error
    raise unanswered(url, failure)


def pool_to(address: str, host: str, url: Url, rules: Rules) -> HTTPConnectionPool:
    """Return a way to one address, where the certificate must have the name of the host."""
    if url.scheme == "https":
        return urllib3.HTTPSConnectionPool(
            address,
            port_of(url),
            timeout=TIMEOUT,
            ssl_context=rules.trust,
            server_hostname=host,
        )
    return urllib3.HTTPConnectionPool(address, port_of(url), timeout=TIMEOUT)


def through_proxy(
    url: Url, headers: Mapping[str, str], proxy: str, rules: Rules
) -> urllib3.BaseHTTPResponse:
    """Return the answer that a proxy brings; it resolves the name, so it is it that must check."""
    told = shown(parse_url(proxy))
    if told not in rules.proxies_told:
        rules.proxies_told.add(told)
        rules.say(f"the proxy {told} is used, so it decides which addresses may be reached")
    try:
        return way_through(proxy, rules.trust, TIMEOUT).request(
            "GET",
            url._replace(auth=None).url,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )
    except (HTTPError, OSError) as error:
        raise unanswered(url, error) from error


def unanswered(url: Url, error: Exception | None) -> StepFailed:
    """Return why a server did not answer, in one sentence without credentials."""
    certificate = certificate_problem(error)
    if certificate is not None:
        return StepFailed(f"{shown(url)}: the certificate is not trusted: {certificate}")
    return TryAgain(f"{shown(url)} does not answer: {cause_words(error)}")


def certificate_problem(error: BaseException | None) -> str | None:
    """Return what is wrong with a certificate; None where it was something else."""
    while error is not None:
        if isinstance(error, SSLCertVerificationError):
            return str(error.verify_message or error.reason)
        if isinstance(error, SSLError) and error.args:
            inner = error.args[0]
            if isinstance(inner, BaseException):
                error = inner
                continue
        error = error.__cause__ or error.__context__
    return None


def cause_words(error: BaseException | None) -> str:
    """Return the innermost reason; those around it repeat the address, credentials included."""
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return f"no connection within {TIMEOUT.connect_timeout:.0f} s"
    innermost = error
    while innermost is not None and innermost.__cause__ is not None:
        innermost = innermost.__cause__
    if isinstance(innermost, IncompleteRead):
        return "the answer is not whole"
    strerror = getattr(innermost, "strerror", None)
    return strerror or str(innermost) or type(innermost).__name__
