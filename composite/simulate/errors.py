"""How things go wrong in a cluster: refused requests, failed hooks, and two that end it all."""


class SyncError(Exception):
    """Something a controller survives: it changes nothing more and tries again later."""


class ApiError(SyncError):
    """The API server said no."""

    code = 500


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
