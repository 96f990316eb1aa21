"""What a server's answer says of the file that it brings: which version, how long, which part."""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError

from hooks.steps.failures import StepFailed, TryAgain
from hooks.steps.files import CHUNK
from hooks.steps.hops import Answer
from hooks.steps.patience import Clock, retry_after
from hooks.steps.sources import shown

# What may be over in a while. https://www.rfc-editor.org/rfc/rfc9110#section-15
PASSING = (408, 425, 429)
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def require_file(answer: Answer, clock: Clock, *, part: bool = False) -> None:
    """
    Refuse an answer that does not bring the file.

    Args:
        answer: The answer.
        clock: Tells the time, for servers that say when to come again.
        part: Whether a part was asked for.

    Raises:
        TryAgain: It may bring it later.
        StepFailed: It never will.

    """
    status = answer.response.status
    if status == HTTPStatus.OK or (status == HTTPStatus.PARTIAL_CONTENT and part):
        return
    sentence = f"{shown(answer.url)} answers {status_words(status)}"
    if status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        after = retry_after(answer.response.headers.get("Retry-After"), clock)
        raise TryAgain(sentence, after)
    raise StepFailed(sentence)


def brings_rest(
    response: urllib3.BaseHTTPResponse, begin: int, total: int | None, validator: str | None
) -> bool:
    """
    Whether an answer brings just what is missing, of the same version as before.

    Args:
        response: The answer.
        begin: So many bytes are there.
        total: The size of the whole file, where that is known.
        validator: What the server called the version of which they are; an answer need not say it.

    """
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    by_tag = (validator or "").startswith('"')
    told = response.headers.get("ETag" if by_tag else "Last-Modified")
    return (
        response.status == HTTPStatus.PARTIAL_CONTENT
        and found is not None
        and int(found[1]) == begin
        and found[2] in ("*", str(total))
        and told in (None, validator)
    )


def validator_of(response: urllib3.BaseHTTPResponse) -> str | None:
    """
    Return what tells a version of the file from another, to the byte; None where nothing does.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.if-range
    """
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def unless(validator: str) -> dict[str, str]:
    """
    Return the header by which a file comes only if it is another version than this.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-13.1
    """
    return {"If-None-Match" if validator.startswith('"') else "If-Modified-Since": validator}


def length_of(response: urllib3.BaseHTTPResponse) -> int | None:
    """Return the length of a whole answer in bytes; None where it is not told."""
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def status_words(status: int) -> str:
    """Return a status as people know it: HTTP 404 Not Found."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def chunks(answer: Answer, broken: Callable[[Exception], TryAgain]) -> Iterator[bytes]:
    """
    Yield what comes as it comes, so that a slow server is seen to be one.

    Raises:
        TryAgain: The connection ended before the body did.

    """
    while True:
        try:
            chunk = answer.response.read1(CHUNK, decode_content=False)
        except (HTTPError, OSError) as error:
            raise broken(error) from error
        if not chunk:
            return
        yield chunk
