"""Asking a webhook over HTTP, as Metacontroller does, and how it is told which."""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import urllib3

from composite.models import JsonObject
from composite.simulate.errors import HookError, SyncError, TooManyRequestsError
from composite.simulate.hooks import unreadable
from hooks.dev.api import reason_of

DEFAULT_TIMEOUT_SECONDS = 10.0
DEFAULT_PORTS = {"http": 80, "https": 443}

HTTP_OK = 200
HTTP_TOO_MANY_REQUESTS = 429
# Go repeats a redirected POST as it is only after 307 and 308; after these it sends a GET.
# https://pkg.go.dev/net/http#Client
AS_GET = (301, 302, 303)

# Go's units of a duration, in seconds.
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")

Secret = Callable[[str, str], JsonObject]


class Webhook(NamedTuple):
    """Where a hook is, how long it may take, and the header it is asked with."""

    url: str
    timeout_seconds: float
    authorization: str | None = None


class UnusableError(SyncError):
    """A controller object says something that cannot be played."""


class Redirects(urllib3.Retry):
    """Follows redirects of a POST, but not those that would have it become a GET."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        *args: Any,  # noqa: ANN401  (of no interest here)
        **kwargs: Any,  # noqa: ANN401  (the same)
    ) -> Self:
        """
        Return what is left to try.

        Raises:
            HookError: The answer is a redirect that Go follows with a GET.

        """
        if response is not None and response.status in AS_GET:
            raise HookError(
                f"HTTP {response.status} redirects to {response.headers['Location']}: "
                "Metacontroller would go there with GET, which is no question to a hook; "
                "name that address in the webhook, or redirect with 307 or 308",
                response.status,
            )
        return super().increment(method, url, response, *args, **kwargs)


class Webhooks:
    """Asks webhooks over connections that are kept."""

    def __init__(self, webhooks: tuple[Webhook, ...], connections: int) -> None:
        self._webhooks = {webhook.url: webhook for webhook in webhooks}
        self._pool = urllib3.PoolManager(maxsize=connections)

    def close(self) -> None:
        """Give the connections back."""
        self._pool.clear()

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """
        Return the answer to one request.

        Args:
            path: The whole URL.
            body: The request.

        Raises:
            HookError: The answer is anything but HTTP 200 (redirects by 307 and 308 are followed),
                or nobody answers in time.
            TooManyRequestsError: It is HTTP 429.

        """
        webhook = self._webhooks[path]
        headers = {"Content-Type": "application/json", "User-Agent": "metakaito-dev"}
        if webhook.authorization is not None:
            headers["Authorization"] = webhook.authorization
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        try:
            response = self._pool.request(
                "POST",
                path,
                body=text,
                headers=headers,
                timeout=urllib3.Timeout(total=webhook.timeout_seconds),
                retries=Redirects(total=None, connect=0, read=0, other=0, redirect=10),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise HookError(f'http error: Post "{path}": {reason_of(error)}') from error
        return answer_of(path, response)


def answer_of(path: str, response: urllib3.BaseHTTPResponse) -> JsonObject:
    """
    Return the object in a response.

    Raises:
        HookError: It is not HTTP 200, or there is none.
        TooManyRequestsError: It is HTTP 429.

    """
    if response.status == HTTP_TOO_MANY_REQUESTS:
        seconds = retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC))  # noqa: TID251  (the shell)
        raise TooManyRequestsError(f"{path}: HTTP 429", seconds)
    text = response.data.decode(errors="replace")
    if response.status != HTTP_OK:
        raise HookError(f"unsupported status code: {response.status} body: {text}", response.status)
    try:
        answer: JsonObject = json.loads(text)
    except ValueError as error:
        raise unreadable(path.rpartition("/")[2], str(error)) from error
    return answer


def retry_after(header: str, now: datetime) -> int:
    """Return the seconds that a header Retry-After asks for; 0 if it cannot be read."""
    if re.fullmatch(r"[+-]?\d+", header):
        return int(header)
    try:
        return ceil((parsedate_to_datetime(header) - now).total_seconds())
    except (TypeError, ValueError):
        return 0


def read_webhook(hook: JsonObject, endpoints: list[JsonObject], secret: Secret) -> Webhook:
    """
    Return what a hook of a controller object says.

    Args:
        hook: ``spec.hooks.sync`` for example.
        endpoints: ``spec.endpointConfigs``.
        secret: Returns a Secret by namespace and name.

    Raises:
        UnusableError: It is incomplete, or asks for what is not played here.

    """
    version = hook.get("version") or "v1"
    if version != "v2":
        raise UnusableError(f"hook version {version} is not played by metakaito dev, only v2")
    webhook = hook.get("webhook") or {}
    if (webhook.get("etag") or {}).get("enabled"):
        raise UnusableError("webhook.etag is not played by metakaito dev")
    if webhook.get("responseUnMarshallMode", "strict") != "strict":
        raise UnusableError("webhook.responseUnMarshallMode loose is not played by metakaito dev")
    url = url_of(webhook)
    connection = connection_of(webhook, url, endpoints)
    unplayed = {"caBundle", "clientTLS", "basicAuth"} & {
        name for name, value in connection.items() if value is not None
    }
    if unplayed:
        raise UnusableError(f"webhook.{min(unplayed)} is not played by metakaito dev")
    authorization = connection.get("authorization")
    header = header_of(authorization, secret) if authorization is not None else None
    return Webhook(url, duration_seconds(webhook.get("timeout")), header)


def url_of(webhook: JsonObject) -> str:
    """
    Return the URL of a webhook, given as such or by a Service.

    Raises:
        UnusableError: It is neither.

    """
    if webhook.get("url") is not None:
        return str(webhook["url"])
    service, path = webhook.get("service"), webhook.get("path")
    if service is None or path is None:
        raise UnusableError(
            "invalid webhook config: must specify either a full 'url', or both 'service' and 'path'"
        )
    if not service.get("name") or not service.get("namespace"):
        raise UnusableError(
            "invalid webhook config: 'service' must specify both 'name' and 'namespace'"
        )
    protocol, port = service.get("protocol", "http"), service.get("port", 80)
    return f"{protocol}://{service['name']}.{service['namespace']}:{port}{path}"


def connection_of(webhook: JsonObject, url: str, endpoints: list[JsonObject]) -> JsonObject:
    """Return where TLS and credentials are told: in the webhook, or for its host."""
    if any(webhook.get(name) is not None for name in CONNECTION_FIELDS):
        return webhook
    parts = urlsplit(url)
    host, port = (parts.hostname or "").lower(), parts.port
    usual = DEFAULT_PORTS.get(parts.scheme)
    hosts = {f"{host}:{port or usual}", *([host] if port in (None, usual) else [])}
    return next((item for item in endpoints if str(item.get("host")).lower() in hosts), {})


CONNECTION_FIELDS = ("caBundle", "clientTLS", "authorization", "basicAuth")


def header_of(authorization: JsonObject, secret: Secret) -> str:
    """
    Return the value of the header Authorization.

    Raises:
        UnusableError: There is no such Secret, or no such key in it.

    """
    kind = str(authorization.get("type") or "Bearer").strip()
    if kind.lower() == "basic":
        raise UnusableError(
            f'authorization type "{kind}" is not supported; use the basicAuth field instead'
        )
    where = authorization["secretRef"]
    place = f"{where['namespace']}/{where['name']}"
    found = secret(where["namespace"], where["name"]).get("data") or {}
    if where["key"] not in found:
        raise UnusableError(f'authorization secret {place} does not contain key "{where["key"]}"')
    return f"{kind} {b64decode(found[where['key']]).decode().strip()}"


def duration_seconds(text: str | None) -> float:
    """
    Return what a Go duration means, in seconds; ten for none and for what is not positive.

    Raises:
        UnusableError: It is no duration.

    """
    if text is None:
        return DEFAULT_TIMEOUT_SECONDS
    sign, amount = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    parts = _DURATION.findall(amount)
    if amount != "0" and "".join(number + unit for number, unit in parts) != amount:
        raise UnusableError(f"webhook.timeout: {text!r} is not a duration such as 10s")
    seconds = sign * sum(float(number) * UNITS[unit] for number, unit in parts)
    return seconds if seconds > 0 else DEFAULT_TIMEOUT_SECONDS
