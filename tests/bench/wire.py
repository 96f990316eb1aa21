"""The API server over one kept connection: as little of a client as there can be."""

import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import yaml

from composite.models import JsonObject

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
# Longer than any answer or pause of a watch that is measured takes.
SECONDS = 900.0
# So often a request is sent again that comes too early, for example right after a CRD was made.
PATIENCE = 30


class Refused(Exception):  # noqa: N818  (it says what is so)
    """The API server answers with an error; with its status and its words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Address(NamedTuple):
    """Where an API server is, and who asks."""

    host: str
    port: int
    certificate: str
    token: str


def address_in(kubeconfig: Path, token: str = "") -> Address:
    """Return the address that a kubeconfig of the test cluster has; another token on demand."""
    known: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
    cluster = known["clusters"][0]["cluster"]
    server = urlsplit(cluster["server"])
    return Address(
        str(server.hostname),
        int(server.port or 443),
        cluster["certificate-authority"],
        token or known["users"][0]["user"]["token"],
    )


class Wire:
    """
    One connection, for one thread.

    Args:
        address: Whose.

    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {address.token}", "Accept": JSON}
        self._connection = connection(address)

    def send(
        self, method: str, path: str, body: object = None, content_type: str = JSON
    ) -> JsonObject:
        """
        Return the answer to one request; ``body`` is JSON, or bytes that are.

        Raises:
            Refused: It is not a success.

        """
        found: JsonObject = json.loads(self.exchange(method, path, body, content_type))
        return found

    def exchange(
        self, method: str, path: str, body: object = None, content_type: str = JSON
    ) -> bytes:
        """
        Return the answer to one request, as it came.

        Raises:
            Refused: It is not a success.

        """
        for _ in range(PATIENCE):
            status, text = self._sent(method, path, body, content_type)
            if status != HTTPStatus.TOO_MANY_REQUESTS:
                break
            time.sleep(1)
        if status >= HTTPStatus.BAD_REQUEST:
            raise Refused(status, text.decode(errors="replace")[:500])
        return text

    def items(self, path: str, labels: str = "") -> list[JsonObject]:
        """Return what a list holds, each as if it had been asked for alone."""
        query = f"?labelSelector={quote(labels)}" if labels else ""
        found = self.send("GET", f"{path}{query}")
        kind = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        return [{**kind, **item} for item in found["items"]]

    def delete(self, path: str) -> bool:
        """Delete an object, or all of a collection; tell whether there was one."""
        try:
            self.send("DELETE", path)
        except Refused as refused:
            if refused.status != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True

    def watch(self, path: str) -> Iterator[JsonObject]:
        """
        Yield what is there and then each event, until the connection is closed.

        The first events are ADDED, of what a list held.
        """
        listed = self.send("GET", path)
        for item in listed["items"]:
            yield {"type": "ADDED", "object": item}
        version = listed["metadata"]["resourceVersion"]
        query = f"?watch=true&resourceVersion={version}&timeoutSeconds={SECONDS:.0f}"
        self._connection.request("GET", path + query, headers=self._headers)
        response = self._connection.getresponse()
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            while line := response.readline():
                yield json.loads(line)

    def close(self) -> None:
        """Close the connection; a watch on it, in another thread, ends."""
        sock = self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(2)
        self._connection.close()

    def _sent(self, method: str, path: str, body: object, content_type: str) -> tuple[int, bytes]:
        given = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {**self._headers, "Content-Type": content_type} if given else self._headers
        try:
            return self._exchange(method, path, given, headers)
        except (http.client.HTTPException, OSError):
            # The other end has closed it meanwhile.
            self._connection.close()
            return self._exchange(method, path, given, headers)

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        self._connection.request(method, path, body, dict(headers))
        response = self._connection.getresponse()
        return response.status, response.read()


def connection(address: Address) -> http.client.HTTPSConnection:
    """Return a connection that is not open yet."""
    context = ssl.create_default_context(cafile=address.certificate)
    # Go's self-signed certificates lack an extension that newer Pythons ask for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return http.client.HTTPSConnection(address.host, address.port, timeout=SECONDS, context=context)
