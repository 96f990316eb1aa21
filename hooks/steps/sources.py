"""An address of data: what is fetched, which bytes are wanted, what the file is called."""

import hashlib
import posixpath
import re
from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from hooks.steps.failures import CannotBe

SCHEMES = ("http", "https")
PORTS = {"http": 80, "https": 443}
CHECKSUM = re.compile(r"sha256=([0-9A-Fa-f]{64})")
# The name of a checksum, without what may be a credential.
CHECKSUM_NAME = re.compile(r"[A-Za-z0-9_-]{1,16}(?=[=:])")
LONGEST_NAME = 200
HIDDEN = "…"


class Source(NamedTuple):
    """One thing to fetch."""

    url: Url
    """With credentials, without fragment."""
    sha256: str | None
    """The wanted checksum, 64 small hex digits."""

    @property
    def name(self) -> str:
        """What the file is called, if nothing is called so yet: the last part of the path."""
        last = posixpath.basename((self.url.path or "").rstrip("/")) or (self.url.host or "")
        # Bytes, as file systems count; a number and the mark of what is unfinished still fit.
        return last.encode()[:LONGEST_NAME].decode(errors="ignore")

    @property
    def key(self) -> str:
        """The SHA-256 of the URL, by which it is known again without what it may hold."""
        return hashlib.sha256(self.url.url.encode()).hexdigest()


def parse_source(text: str) -> Source:
    """
    Return what an address asks for; a checksum is written behind it: https://...#sha256=<64 hex>.

    Raises:
        CannotBe: It is no http or https URL, or what is behind it is not such a checksum.

    """
    head, _, fragment = text.partition("#")
    found = CHECKSUM.fullmatch(fragment)
    if fragment and found is None:
        raise CannotBe(f"{shown_text(head)}: {fragment_problem(fragment)}")
    return Source(parse_hop(head), found[1].lower() if found else None)


def fragment_problem(fragment: str) -> str:
    """Return what is wrong with what is behind an address; nothing there is passed over."""
    if fragment.startswith("sha256="):
        return "#sha256= must be followed by 64 hex digits"
    name = CHECKSUM_NAME.match(fragment)
    what = f"#{name[0]}{fragment[name.end()]}{HIDDEN}" if name else f"#{HIDDEN}"
    return (
        f"{what} behind it is not understood: the one checksum that can stand there is "
        "#sha256=<64 hex digits>, and nothing else"
    )


def parse_hop(text: str) -> Url:
    """
    Return a URL that may be asked for.

    Raises:
        CannotBe: It is none, or has another scheme than http and https.

    """
    if re.search(r"[\x00-\x20\x7f\\]", text):
        raise CannotBe(f"{shown_text(text)} has a blank, a backslash or a control character in it")
    try:
        url = parse_url(text)
    except LocationParseError:
        raise CannotBe(f"{shown_text(text)} is not a URL such as https://host/file") from None
    if url.scheme not in SCHEMES or not url.host:
        raise CannotBe(f"{shown_text(text)} is not an http or https URL such as https://host/file")
    return url._replace(fragment=None)


def shown(url: Url) -> str:
    """Return a URL for the log: without credentials, and without the query, which may hold some."""
    query = f"?{HIDDEN}" if url.query else ""
    return f"{url._replace(auth=None, query=None, fragment=None).url}{query}"


def shown_text(text: str) -> str:
    """Return for the log what should have been a URL; what may be a credential is left out."""
    start, mark, rest = text.partition("?")
    return re.sub(r"//[^/]*@", f"//{HIDDEN}@", start) + (f"?{HIDDEN}" if mark + rest else "")


def port_of(url: Url) -> int:
    """Return the port, written or not."""
    return url.port or PORTS[url.scheme or ""]


def origin(url: Url) -> tuple[str | None, str | None, int]:
    """Return what credentials are meant for. https://www.rfc-editor.org/rfc/rfc6454#section-4."""
    return url.scheme, url.host, port_of(url)


def file_names(
    sources: Iterable[Source], taken: Container[str], known: Callable[[str], Iterable[str]]
) -> list[str]:
    """
    Return a name for each file, of which none occurs twice or is taken by something else.

    A name that is taken gets the number of its address in front, as often as it needs.

    Args:
        sources: What is to be fetched.
        taken: The names that are there already.
        known: Returns the names of those among them that were fetched before by the key of what
            they were fetched from: they are its own.

    """
    names: list[str] = []
    for number, source in enumerate(sources, start=1):
        name = next((own for own in known(source.key) if own not in names), None)
        if name is None:
            name = source.name
            while name in names or name in taken or name in (".", ".."):
                name = f"{number}-{name}"
        names.append(name)
    return names
