"""
The API server as a Pod sees it: its own token, the cluster's certificate, one request at a time.

For the Job that runs before the release is removed. The standard library does it in a few lines;
the client library that reads a kubeconfig would add five packages to the image for it.

Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
"""

import json
import ssl
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from composite.models import JsonObject
from composite.simulate.errors import ApiError, ForbiddenError, NotFoundError

SERVER = "https://kubernetes.default.svc"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ANSWER_SECONDS = 30.0

# What a server says to whom it does not know; here there is no token to show it.
UNAUTHORIZED = 401
ERRORS: dict[int, type[ApiError]] = {403: ForbiddenError, 404: NotFoundError}


class InCluster(NamedTuple):
    """Where the API server is, and the directory with ``token`` and ``ca.crt``."""

    server: str = SERVER
    account: Path = ACCOUNT

    def send(self, method: str, path: str) -> JsonObject:
        """
        Return the answer to one request.

        The token is read each time: the kubelet replaces it.

        Raises:
            ApiError: It is refused (the status is its code), or nobody answers in JSON (code 0).

        """
        try:
            token = (self.account / "token").read_text(encoding="ascii").strip()
            trust = ssl.create_default_context(cafile=str(self.account / "ca.crt"))
        except OSError as error:
            raise ApiError(f"{self.account}: not in a Pod? {error}", UNAUTHORIZED) from error
        try:
            request = Request(  # noqa: S310  (the scheme is ours)
                f"{self.server}{path}",
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                method=method,
            )
            with urlopen(request, timeout=ANSWER_SECONDS, context=trust) as response:  # noqa: S310
                answer: JsonObject = json.load(response)
        except HTTPError as error:
            raise ERRORS.get(error.code, ApiError)(told(error), error.code) from error
        except (OSError, HTTPException, ValueError) as error:
            raise ApiError(f"{method} {self.server}{path}: {error}", 0) from error
        return answer


def told(error: HTTPError) -> str:
    """Return the API server's own words, or the status."""
    try:
        return str(json.load(error)["message"])
    except (ValueError, LookupError, TypeError, OSError):
        return f"HTTP {error.code}"
