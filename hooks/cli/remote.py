"""A running server in the place of the functions: hooks over HTTP, at virtual time."""

import json
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from composite.models import JsonObject
from composite.simulate import Clock, HookError
from hooks.cli.errors import Failed, Refused

NOW_HEADER = "Metakaito-Now"
SETTINGS_HEADER = "Metakaito-Settings"
HTTP_OK = 200
# Metacontroller's own. A server that takes longer is as good as none.
TIMEOUT_SECONDS = 10.0


class Remote:
    """
    The four hooks behind a URL, over one connection that is kept.

    Args:
        url: Where the server listens, http://127.0.0.1:8080.
        clock: The virtual clock; each request carries its time.
        settings: Those of the play, for the server must have the same.

    """

    def __init__(self, url: str, clock: Clock, settings: dict[str, str] | None = None) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if host is None or parts.scheme not in ("http", "https"):
            raise Refused(f"--hooks: {url!r} is not a URL such as http://127.0.0.1:8080")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._url = url
        self._root = parts.path.rstrip("/")
        self._clock = clock
        self._settings = settings
        self._connection = kind(host, port, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """
        Return the answer to one request.

        Raises:
            Failed: Nobody answers, or not as a server of ours with this clock and these settings.
            HookError: The answer is anything but HTTP 200.

        """
        response, text = self._answer(path, json.dumps(body, separators=(",", ":")).encode())
        if response.getheader(NOW_HEADER) is None:
            raise Failed(
                f"--hooks {self._url}: answers HTTP {response.status}, and not as "
                "'metakaito serve --virtual-clock' does; start that"
            )
        self._require_same_settings(response.getheader(SETTINGS_HEADER))
        if response.status != HTTP_OK:
            raise HookError(f"{path}: {text.decode(errors='replace').strip()}", response.status)
        answer: Any = json.loads(text)
        return answer  # type: ignore[no-any-return]

    def _require_same_settings(self, told: str | None) -> None:
        """Refuse to play with a server that would answer as another installation."""
        theirs: dict[str, str] = json.loads(told) if told is not None else {}
        ours = self._settings if self._settings is not None else theirs
        for name, mine in ours.items():
            if theirs.get(name) == mine:
                continue
            differ = (
                "has other presets or instance types than you"
                if name == "presets"
                else f"has {name} {theirs.get(name)}, you play with {mine}"
            )
            raise Failed(f"--hooks {self._url}: {differ}; give both the same options and settings")

    def _answer(self, path: str, body: bytes) -> tuple[HTTPResponse, bytes]:
        headers = {
            "Content-Type": "application/json",
            NOW_HEADER: self._clock.now.isoformat(),
        }
        try:
            self._connection.request("POST", f"{self._root}{path}", body, headers)
            response = self._connection.getresponse()
            return response, response.read()
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Failed(
                f"--hooks {self._url}: cannot be asked: {reason}; does "
                "'metakaito serve --virtual-clock' run there?"
            ) from None
