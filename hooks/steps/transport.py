"""Requests to registries: over TLS or to this machine, through a proxy or not; how they fail."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from ssl import SSLContext

import urllib3
from urllib3.exceptions import HTTPError, SSLError
from urllib3.util import Timeout, parse_url

from hooks.steps.failures import StepFailed, TryAgain
from hooks.steps.hops import cause_words, certificate_problem
from hooks.steps.proxies import is_loopback, proxy_for, way_through
from hooks.steps.sources import shown

# A registry may move gigabytes before it answers to the end of an upload.
TIMEOUT = Timeout(connect=30.0, read=300.0)
BLOCK = 1 << 18
AGENT = "metakaito-push"

Body = bytes | io.RawIOBase | None


class Cut(TryAgain):
    """The connection failed, or ended too early; what has arrived may still be there."""


@dataclass
class Transport:
    """Connections, which are kept while they are used."""

    trust: SSLContext
    _pools: dict[str | None, urllib3.PoolManager] = field(default_factory=dict)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body = None,
        *,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """
        Return the answer to one request, no redirect followed; with ``stream`` its body unread.

        Raises:
            Cut: Nobody answers, or the certificate is not trusted.
            StepFailed: It is plain HTTP to another machine.

        """
        target = parse_url(url)
        host = (target.host or "").strip("[]")
        if target.scheme != "https" and not is_loopback(host):
            raise StepFailed(f"{shown(target)} is not https, and {host} is not this machine")
        try:
            return self._pool(proxy_for(target.scheme or "", host)).request(
                method,
                url,
                body=body,
                headers={"User-Agent": AGENT, **headers},
                redirect=False,
                retries=False,
                preload_content=not stream,
                decode_content=False,
            )
        except (HTTPError, OSError) as error:
            raise failed(url, error) from error

    def _pool(self, proxy: str | None) -> urllib3.PoolManager:
        if proxy not in self._pools:
            self._pools[proxy] = self._new_pool(proxy)
        return self._pools[proxy]

    def _new_pool(self, proxy: str | None) -> urllib3.PoolManager:
        if proxy is None:
            return urllib3.PoolManager(ssl_context=self.trust, timeout=TIMEOUT, blocksize=BLOCK)
        return way_through(proxy, self.trust, TIMEOUT, blocksize=BLOCK)

    def close(self) -> None:
        """Give the connections back."""
        for pool in self._pools.values():
            pool.clear()


def base_url(host: str, transport: Transport) -> str:
    """
    Return the URL of a registry: https, or http on this machine where nobody speaks TLS.

    Raises:
        Cut: It does not answer.

    """
    secure = f"https://{host}"
    if not is_loopback(parse_url(secure).host or ""):
        return secure
    try:
        transport.send("GET", f"{secure}/v2/", {})
    except Cut as cut:
        speaks_no_tls = isinstance(cut.__cause__, SSLError) and not certificate_problem(
            cut.__cause__
        )
        if not speaks_no_tls:
            raise
        return f"http://{host}"
    return secure


def failed(url: str, error: Exception) -> Cut:
    """Return why there was no answer, in one sentence."""
    host = parse_url(url).netloc
    certificate = certificate_problem(error)
    if certificate is not None:
        return Cut(
            f"the certificate of {host} is not trusted ({certificate}): the certificate of its "
            "authority can be put beside config.json as ca.crt, in a Secret under the key ca.crt"
        )
    return Cut(f"{host} does not answer: {cause_words(error)}")
