"""How things go wrong in a cluster: refused requests, failed hooks, and two that end it all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class SyncError(Exception):
    """
    Something a controller survives: it changes nothing more and tries again later.

    ``during`` is what Metacontroller puts before it in the Event that tells of it.
    """

    during = ""


@contextmanager
def during(what: str) -> Iterator[None]:
    """Say of a failure what was being done."""
    try:
        yield
    except SyncError as failure:
        failure.during = f"{what}: {failure.during}"
        raise


def together(failures: Sequence[SyncError]) -> SyncError:
    """Return one failure for several, as Go's ``errors.NewAggregate`` writes them."""
    if len(failures) == 1:
        return failures[0]
    return SyncError(f"[{', '.join(dict.fromkeys(map(str, failures)))}]")


class NotSyncedError(SyncError):
    """Objects of a kind are not known yet, because nobody needed them before; nobody is told."""


class TooManyRequestsError(SyncError):
    """
    A hook answered HTTP 429: come back after so many seconds. It counts as no failure.

    Args:
        message: One line.
        after_seconds: What its header Retry-After asks for, 0 without one.

    """

    def __init__(self, message: str, after_seconds: float) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class ApiError(SyncError):
    """
    The API server said no.

    Args:
        message: In its own words.
        code: The HTTP status; by default that of the class.

    """

    code = 500

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class NotFoundError(ApiError):
    """There is no such object."""

    code = 404


class AlreadyExistsError(ApiError):
    """An object of this name is there already."""

    code = 409


class ConflictError(ApiError):
    """The object was changed in the meantime, or is another one of the same name."""

    code = 409


class ForbiddenError(ApiError):
    """Nothing can be created in a namespace that is going away."""

    code = 403


class InvalidError(ApiError):
    """The object is malformed, or a field was changed that cannot be."""

    code = 422


class HookError(SyncError):
    """
    A hook answered anything but HTTP 200 and an answer Metacontroller can read.

    Args:
        message: One line, as it would stand in Metacontroller's log.
        code: The HTTP status; 200 when it was the content that could not be read.

    """

    def __init__(self, message: str, code: int = 500) -> None:
        super().__init__(message)
        self.code = code


class MetacontrollerCrash(Exception):  # noqa: N818  (a crash is what it is called)
    """
    The answer would end the Metacontroller process, and again after each restart.

    Source: a null element in ``children``, pkg/controller/common/api/v2/common.go:48 at v4.17.2.
    """


class HotLoop(Exception):  # noqa: N818  (the usual name for it)
    """Something is done over and over without any time passing: a real cluster would burn."""
