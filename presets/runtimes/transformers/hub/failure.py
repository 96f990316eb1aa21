"""How a fetch fails: with one sentence that says what is so and what to do."""

import errno

from httpx2 import TransportError
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

KEY = "HF_TOKEN"
"""The key of a Secret, and the variable that it becomes."""


class Failure(Exception):  # noqa: N818  (it says what is so)
    """A fetch cannot go on; the sentence is for whoever wrote the Workspace."""


# By the kind of error: what it means without a token, and with one where that differs. The Hub
# answers 401 both for what is not there and for what may not be seen without a token.
# https://huggingface.co/docs/huggingface_hub/package_reference/utilities#huggingface_hub.errors
UNREACHABLE = (
    "{endpoint} cannot be reached ({words}): let the Pod reach it, or name a mirror in HF_ENDPOINT"
)
MEANINGS: dict[type[Exception], tuple[str, ...]] = {
    Failure: ("{words}",),
    HFValidationError: (
        "{name!r} is no name of a model: write it as on {endpoint}, as in microsoft/phi-2",
    ),
    GatedRepoError: (
        (
            "{name} is gated and no token was given: accept its conditions on {endpoint}/{name} and"
            " put a token into a Secret's key {key}"
        ),
        (
            "{name} is gated, and the token may not read it: accept its conditions on"
            " {endpoint}/{name} with the account of the token in the Secret's key {key}"
        ),
    ),
    RepositoryNotFoundError: (
        (
            "{endpoint} has no model {name} that may be read without a token: correct the name,"
            " or, if it is private, put a token into a Secret's key {key}"
        ),
        (
            "{endpoint} has no model {name} that the token may read: correct the name, or the token"
            " in the Secret's key {key}"
        ),
    ),
    RevisionNotFoundError: (
        (
            "{name} has no revision {revision}: name a branch, a tag or a commit that"
            " {endpoint}/{name} has"
        ),
    ),
    HfHubHTTPError: ("{endpoint} answers {status} when asked for {name}: try again later",),
    TransportError: (UNREACHABLE,),
    LocalEntryNotFoundError: (UNREACHABLE,),
    Exception: ("{name} cannot be fetched: {kind}: {words}",),
}
# huggingface_hub tells the kinds above apart by headers and by an address that begins with https.
BY_STATUS = {
    401: (
        MEANINGS[RepositoryNotFoundError][0],
        "{endpoint} refuses the token in the Secret's key {key}: renew it",
    ),
    403: (
        "{endpoint} forbids to read {name} without a token: put one into a Secret's key {key}",
        (
            "{endpoint} forbids to read {name} with the token in the Secret's key {key}: give it"
            " the right to"
        ),
    ),
}
UNWRITABLE = "the volume cannot be written ({words}): does the Pod set fsGroup?"
BY_ERRNO = {
    errno.ENOSPC: "the volume is full: give it more room",
    errno.EDQUOT: "the volume's quota is used up: give it more room",
    errno.EACCES: UNWRITABLE,
    errno.EPERM: UNWRITABLE,
    errno.EROFS: UNWRITABLE,
}


def sentence(error: Exception, *, name: str, revision: str, endpoint: str, has_token: bool) -> str:
    """Return what an error means for whoever named the model."""
    return meaning(error, has_token=has_token).format(
        name=name,
        revision=revision,
        endpoint=endpoint,
        key=KEY,
        status=status_of(error),
        kind=type(error).__name__,
        words=next(iter(str(error).strip().splitlines()), type(error).__name__),
    )


def meaning(error: Exception, *, has_token: bool) -> str:
    """Return the sentence for the kind of error that is nearest, its parts in braces."""
    kind = next(each for each in type(error).__mro__ if each in MEANINGS)
    if kind is Exception and isinstance(error, OSError) and error.errno in BY_ERRNO:
        return BY_ERRNO[error.errno]
    known = BY_STATUS.get(status_of(error)) if kind is HfHubHTTPError else None
    return (known or MEANINGS[kind])[-1 if has_token else 0]


def status_of(error: Exception) -> int:
    """Return the status of the HTTP answer, 0 if there was none."""
    return error.response.status_code if isinstance(error, HfHubHTTPError) else 0
