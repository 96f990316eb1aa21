"""The API server, in JSON: one request at a time, or a watch."""

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, load_kube_config
from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

from composite.models import JsonObject
from composite.simulate.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

CONNECT_SECONDS = 10.0
# client-go waits without end; an API server that says nothing for so long is gone.
ANSWER_SECONDS = 60.0

# What the library raises of a file that is YAML and something else.
NO_KUBECONFIG = (TypeError, LookupError, AttributeError)
# What the library complains of where the context is missing that is taken if none is asked for.
NO_CURRENT = ("current-context", "contexts list")

HTTP_CONFLICT = 409
HTTP_ERRORS = 400
ERRORS: dict[int, type[ApiError]] = {403: ForbiddenError, 404: NotFoundError, 422: InvalidError}


class NoClusterError(Exception):
    """There is no kubeconfig, or it does not say how to reach a cluster."""


class Api:
    """
    A connection to one API server, kept alive and shared by threads.

    Args:
        kubeconfig: The file; by default what ``kubectl`` reads.
        context: Which of its contexts; by default the current one.
        connections: How many requests and watches there can be at once.

    Raises:
        NoClusterError: The file does not say how to reach a cluster.

    """

    def __init__(self, kubeconfig: Path | None, context: str | None, connections: int) -> None:
        # It warns of what is repaired by trying again.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        configuration = Configuration()
        configuration.connection_pool_maxsize = connections
        try:
            load_kube_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig) if kubeconfig is not None else None,
                context=context,
                client_configuration=configuration,
            )
        except (ConfigException, OSError, ValueError, yaml.YAMLError) as error:
            raise NoClusterError(unusable(kubeconfig, context, str(error))) from error
        except NO_KUBECONFIG as error:
            raise NoClusterError(unusable(kubeconfig, context, "it is no kubeconfig")) from error
        self.server: str = configuration.host
        self._configuration = configuration
        self._pool: urllib3.PoolManager = ApiClient(configuration).rest_client.pool_manager

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,  # noqa: ANN401  (JSON)
        content_type: str = JSON,
        seconds: float = ANSWER_SECONDS,
    ) -> JsonObject:
        """
        Return the answer to one request.

        Raises:
            ApiError: It is refused, or nobody answers.

        """
        response = self._request(method, path, query, body, content_type, seconds)
        if response.status >= HTTP_ERRORS:
            raise refusal(response.status, response.data)
        answer: JsonObject = json.loads(response.data)
        return answer

    def watch(self, path: str, query: Mapping[str, str], seconds: float) -> "Watch":
        """
        Return the events of a watch, as they come.

        Raises:
            ApiError: It is refused, or nobody answers.

        """
        response = self._request("GET", path, query, None, JSON, seconds, stream=True)
        if response.status >= HTTP_ERRORS:
            with response:
                raise refusal(response.status, response.data)
        return Watch(response)

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,  # noqa: ANN401  (JSON)
        content_type: str,
        seconds: float,
        *,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": JSON, "User-Agent": "metakaito-dev"}
        # Asked each time, for a token may be one that lasts an hour.
        settings: Any = self._configuration.auth_settings()
        headers |= {setting["key"]: setting["value"] for setting in settings.values()}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            return self._pool.request(
                method,
                f"{self.server}{path}{'?' + urlencode(query) if query else ''}",
                body=written(body) if body is not None else None,
                headers=headers,
                preload_content=not stream,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=seconds),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(f"{method} {self.server}{path}: {reason_of(error)}", 0) from error


def unusable(kubeconfig: Path | None, context: str | None, reason: str) -> str:
    """Return why a cluster cannot be reached, in one line with the option that mends it."""
    location = str(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION)
    parts = [Path(part).expanduser() for part in location.split(os.pathsep) if part]
    if not any(part.exists() for part in parts):
        usual = "the file of kubectl, KUBECONFIG or ~/.kube/config, is read without this option"
        hint = usual if kubeconfig else "the option says how to reach a cluster"
        return f"--kubeconfig: {location} does not exist; {hint}"
    known = contexts_in(location)
    if known and context is not None and context not in known:
        return f"--context: {location} has no context {context!r}; it has {', '.join(known)}"
    if known and context is None and any(word in reason for word in NO_CURRENT):
        return (
            f"--context: {location} says no current context that it has, so one must be given: "
            f"{', '.join(known)}"
        )
    said = " ".join(reason.split())
    return f"--kubeconfig: {said} ({kubeconfig or '--kubeconfig FILE says how to reach a cluster'})"


def contexts_in(location: str) -> list[str]:
    """Return the names of the contexts in a kubeconfig; none of one that cannot be read."""
    try:
        merged = KubeConfigMerger(location).config  # type: ignore[no-untyped-call]  # (the library has no types)
        return [str(each["name"]) for each in merged.value["contexts"]]
    except (ConfigException, OSError, ValueError, yaml.YAMLError, *NO_KUBECONFIG):
        return []


def written(body: Any) -> bytes:  # noqa: ANN401  (JSON)
    """
    Return JSON as Go writes it, with sorted keys.

    The API server keeps the data of a ControllerRevision in the order in which they came, and
    takes another order for a change of what cannot be changed.
    """
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Watch:
    """The events of one watch; another thread may end it."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def __iter__(self) -> Iterator[JsonObject]:
        """
        Yield each event as it comes, until the API server or :meth:`stop` ends the watch.

        Raises:
            ApiError: The connection broke.

        """
        rest = b""
        try:
            for chunk in self._response.stream(amt=None, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from map(json.loads, filter(None, lines))
        except (urllib3.exceptions.HTTPError, OSError, AttributeError, ValueError) as error:
            raise ApiError(f"watch: {reason_of(error)}", 0) from error
        finally:
            self._response.close()

    def stop(self) -> None:
        """End it, from another thread."""
        connection = getattr(self._response, "connection", None)
        sock = getattr(connection, "sock", None)
        if isinstance(sock, socket.socket):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself


def refusal(status: int, data: bytes) -> ApiError:
    """Return what an answer other than 2xx means, in the API server's own words."""
    try:
        told = json.loads(data)
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    return refusal_of(told, status, data.decode(errors="replace").strip())


def refusal_of(told: JsonObject, status: int, text: str = "") -> ApiError:
    """Return what a Status object means."""
    message = str(told.get("message") or text or f"HTTP {status}")
    if status == HTTP_CONFLICT:
        exists = told.get("reason") == "AlreadyExists"
        return AlreadyExistsError(message) if exists else ConflictError(message)
    return ERRORS.get(status, ApiError)(message, status)


def reason_of(error: Exception) -> str:
    """Return the innermost cause of a failed request in a line."""
    cause = getattr(error, "reason", None)
    if isinstance(cause, Exception) and cause is not error:
        return reason_of(cause)
    return " ".join(str(error).split()) or type(error).__name__
