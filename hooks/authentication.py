"""Who may ask the hooks, where that is limited to whoever knows a token."""

import hmac
import os
from contextlib import suppress
from pathlib import Path

# https://www.rfc-editor.org/rfc/rfc6750#section-2.1
SCHEME = "Bearer"


class InvalidToken(Exception):  # noqa: N818  (it says what is so, as Refusal does)
    """The file with the token cannot be used."""


class TokenFile:
    """
    The token in a file, read again when the file changes.

    A Secret that is mounted changes by a link that is turned, so that the file is another one.

    Raises:
        InvalidToken: The file cannot be read, or holds no token.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen, self._token = self._read()

    def accepts(self, header: str | None) -> bool:
        """
        Tell whether the value of a header ``Authorization`` shows the token.

        A file that cannot be read any more leaves the token as it was.
        """
        with suppress(InvalidToken, OSError):
            if self._state() != self._seen:
                self._seen, self._token = self._read()
        scheme, _, shown = (header or "").partition(" ")
        # It takes as long for a token that is nearly right as for any other.
        right = hmac.compare_digest(shown.strip().encode(), self._token)
        return right and scheme.lower() == SCHEME.lower()

    def _state(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> tuple[tuple[int, int, int], bytes]:
        try:
            state, token = self._state(), self._path.read_bytes().strip()
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise InvalidToken(f"{self._path}: cannot be read: {reason}") from error
        if not token:
            raise InvalidToken(f"{self._path}: holds no token")
        return state, token
