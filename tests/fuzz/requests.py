"""One hostile request: what is asked of which app, and how it is made from a number."""

import gzip
import json
from dataclasses import dataclass, field, replace
from random import Random

from tests.fuzz.hostile_values import RAW, TEXTS, written
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import (
    CUSTOMIZE_MACHINES,
    CUSTOMIZE_WORKSPACE,
    ENDPOINTS,
    SYNC_MACHINES,
    SYNC_WORKSPACE,
    Corpus,
)

# How often each endpoint is asked, in percent.
SHARES = {
    SYNC_WORKSPACE: 50,
    SYNC_MACHINES: 24,
    CUSTOMIZE_WORKSPACE: 19,
    CUSTOMIZE_MACHINES: 7,
}
# Apps of other settings; any other name is that of a provisioning.
WITH_TOKEN = "with a token"  # noqa: S105  (a name)
WITH_CLOCK = "with a virtual clock"
SMALL = "of small requests"
TOKEN = b"open sesame"

METHODS = ("GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "POST ", "post", "", "\xff")
PATHS = (
    *("", "/", "//", "/workspaces", "/workspaces/sync/", "//workspaces/sync", "/workspaces//sync"),
    *("/workspaces/sync/..", "/../workspaces/sync", "/workspaces/Sync", "/workspaces/sync;a=b"),
    *(
        "/workspaces/sync\x00",
        "/workspaces/\xff\xfe",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/" + "a" * 9000,
    ),
    *("/workspaces/finalize", "/static/x", "/metrics/", "/healthz", "\u202e", "*", "http://a/b"),
)
LENGTHS = ("", "-1", "+5", "abc", "1e3", "0", "1", "99999999999999999999", " 12 ", "0x10", "٣")
TYPES = (
    *("", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "a", "\xff"),
    *("application/x-www-form-urlencoded", "application/json; charset=utf-16", "a" * 5000),
)
TOKENS = (
    *("", "Bearer", "Bearer ", "bearer open sesame", "Bearer open sesame", "Bearer open sesam\xe9"),
    *("Basic b3Blbjo=", "Bearer \xff\xfe", "Bearer " + "a" * 9000, "Bearer open\x00sesame"),
)
TIMES = (
    *("", "soon", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00", "1e9", "\xff"),
    *("2026-W01-1T00:00:00Z", "2026-01-01T00:00:00+24:00", "9998-12-31T00:00:00Z"),
)
BODIES = (
    *(
        b"",
        b" ",
        b"\x00",
        b"null",
        b"0",
        b"[]",
        b"{}",
        b'""',
        b"true",
        b"NaN",
        b"\xff",
        b"\xef\xbb\xbf{}",
    ),
    *(b"[" * 100_000, b'{"a":' * 100_000, b"[" * 150 + b"]" * 150, b"9" * 5000, b"{} {}", b"1e400"),
    *(b'{"parent":' * 150 + b"1" + b"}" * 150, gzip.compress(b"{}", mtime=0), b"\x1f\x8b", b"a=b"),
    *("{}".encode("utf-16"), "{}".encode("utf-32"), b"{'parent': 1}", b"\x80\x04}.", b"<xml/>"),
    *(b'"' + b"a" * 100_000 + b'"', b"[" + b"1," * 50_000 + b"1]", b"\n" * 50_000, b'{"":{"":{}}}'),
)


@dataclass(frozen=True)
class HostileRequest:
    """A request as a WSGI server hands it over."""

    app: str
    endpoint: str
    body: bytes
    method: str = "POST"
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def hook(self) -> str:
        """The path as it is looked up: how many slashes it begins with does not matter."""
        return f"/{self.path.lstrip('/')}"

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the body is hostile."""
        return self.method == "POST" and self.path == self.endpoint and not self.headers


def request_of(number: int, seed: int, corpus: Corpus) -> HostileRequest:
    """Return the request of this number; it depends on nothing but the arguments."""
    random = Random(f"{seed}/{number}")  # noqa: S311  (the same each time, and no secret)
    endpoint = random.choices(ENDPOINTS, [SHARES[each] for each in ENDPOINTS])[0]
    chosen = random.choice(corpus.seeds[endpoint])
    if random.random() < 0.02:  # what is meant for another hook
        endpoint = random.choice(ENDPOINTS)
    kind = random.random()
    if kind < 0.02:
        body = random.choice(BODIES)
    else:
        body = written(mutated(chosen, corpus, random), random)
    if kind > 0.93:
        body = broken(body, random)
    request = HostileRequest(chosen.provisioning, endpoint, body, path=endpoint)
    return over_http(request, random) if random.random() < 0.04 else request


def broken(body: bytes, random: Random) -> bytes:  # noqa: PLR0911  (one for each way)
    """Return bytes that are no JSON any more, or hold what JSON's readers disagree about."""
    at = random.randrange(len(body) + 1)
    kind = random.randrange(8)
    if kind == 0:
        return body[:at]
    if kind == 1:
        return (
            body[:at]
            + random.choice((b"\xff", b"\x00", b"\xed\xa0\x80", b"\xc3", b'"'))
            + body[at:]
        )
    if kind == 2:
        return body[:at] + body[at + random.randrange(1, 50) :]
    if kind == 3:
        return b"\xef\xbb\xbf" + body
    if kind == 4:
        return body + random.choice((b"]", b"}", b"\x00", b" {}", b"a", b" " * 5000))
    if kind == 5:
        return body[:at] + random.choice(tuple(RAW.values())) + body[at:]
    return with_a_key_twice(body, at, random)


def with_a_key_twice(body: bytes, at: int, random: Random) -> bytes:
    """Return the same with the first key of an object written once more before it."""
    start = body.find(b'{"', at)
    end = body.find(b'":', start)
    if start < 0 or end < 0:
        return body
    value = random.choice((b"null", b"{}", b"[]", b'"a"', b"1"))
    return body[: start + 1] + body[start + 1 : end + 2] + value + b"," + body[start + 1 :]


def over_http(request: HostileRequest, random: Random) -> HostileRequest:  # noqa: PLR0911  (the same)
    """Return the request with something wrong around its body."""
    kind = random.randrange(7)
    if kind == 0:
        return replace(request, method=random.choice(METHODS))
    if kind == 1:
        return replace(request, path=as_wsgi(random.choice(PATHS)))
    if kind == 2:
        lengths = (*LENGTHS, str(len(request.body) + 1), str(len(request.body) // 2))
        return replace(request, headers={"CONTENT_LENGTH": random.choice(lengths)})
    if kind == 3:
        return replace(request, headers={"CONTENT_TYPE": random.choice(TYPES)})
    if kind == 4:
        return replace(
            request, app=WITH_TOKEN, headers={"HTTP_AUTHORIZATION": random.choice(TOKENS)}
        )
    if kind == 5:
        return replace(
            request, app=WITH_CLOCK, headers={"HTTP_METAKAITO_NOW": random.choice(TIMES)}
        )
    names = (
        "HTTP_HOST",
        "HTTP_CONTENT_ENCODING",
        "HTTP_EXPECT",
        "HTTP_X_FORWARDED_FOR",
        "QUERY_STRING",
    )
    value = random.choice((*TEXTS, "gzip", "chunked", "100-continue", "a" * 9000))
    headers = {random.choice(names): as_wsgi(value)}
    large = random.random() < 0.3
    body = request.body.ljust(70_000) if large else request.body
    return replace(request, app=SMALL if large else request.app, body=body, headers=headers)


def as_wsgi(text: str) -> str:
    """Return a text as WSGI hands it over: each byte of it is a character."""
    return text.encode().decode("latin-1")


def shown(request: HostileRequest) -> str:
    """Return a request for people; its body as JSON where it is."""
    lines = [f"{request.method} {request.path!r} (app {request.app})"]
    lines += [f"{name}: {value!r}" for name, value in request.headers.items()]
    try:
        body = json.dumps(json.loads(request.body), indent=2, ensure_ascii=True)
    except (ValueError, RecursionError):
        body = repr(request.body)
    return "\n".join((*lines, "", body))
