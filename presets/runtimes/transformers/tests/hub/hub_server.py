"""A server on this machine that speaks as much of the Hub's API as a download needs."""

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "1f" * 20
API = re.compile(r"/api/models/(?P<name>[^/]+/[^/]+)/(?P<what>revision|tree)/(?P<revision>[^/?]+)")
FILE = re.compile(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


@dataclass
class Hub:
    """What the server has, and what it was asked."""

    models: dict[str, dict[str, bytes]]
    revisions: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    gated: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    """Those that may read what is gated."""
    cuts: Counter[str] = field(default_factory=Counter)
    """How many more times a file's connection is cut in its middle."""
    broken: Counter[str] = field(default_factory=Counter)
    """How many more times a file is answered 503."""
    hold: threading.Event | None = None
    """If there is one, the second half of each file comes when it is set."""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and range of each request."""
    endpoint: str = ""

    def fetched(self) -> list[str]:
        """The files that were asked for, sorted."""
        found = (FILE.fullmatch(path) for method, path, _ in self.asked if method == "GET")
        return sorted(match["file"] for match in found if match)


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(HubHandler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        if hub.hold:
            hub.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


class HubHandler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def log_message(self, *_: object) -> None:
        pass

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append((self.command, path, self.headers.get("Range")))
        asked = API.fullmatch(path) or FILE.fullmatch(path)
        if asked is None:
            self.refuse(HTTPStatus.NOT_FOUND)
        elif (refusal := self.refusal(asked["name"])) is not None:
            self.refuse(*refusal)
        elif (commit := self.commit(asked["revision"])) is None:
            self.refuse(HTTPStatus.NOT_FOUND, "RevisionNotFound")
        else:
            found = asked.groupdict()
            files = self.hub.models[found["name"]]
            if "file" in found:
                self.send_file(found["file"], files[found["file"]], commit)
            elif found["what"] == "tree":
                self.send_json([each_file(path, content) for path, content in files.items()])
            else:
                siblings = [{"rfilename": path, "size": len(c)} for path, c in files.items()]
                told = {"_id": "1", "id": found["name"], "sha": commit, "siblings": siblings}
                self.send_json(told)

    def refusal(self, name: str) -> tuple[HTTPStatus, str, str] | None:
        """As https://huggingface.co answers, which hides what may not be seen."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.hub.tokens:
            return HTTPStatus.UNAUTHORIZED, "", "Invalid credentials in Authorization header"
        if name in self.hub.gated and not token:
            return HTTPStatus.UNAUTHORIZED, "GatedRepo", f"Access to model {name} is restricted."
        if name not in self.hub.models:
            status = HTTPStatus.NOT_FOUND if token else HTTPStatus.UNAUTHORIZED
            return status, "RepoNotFound" if token else "", "Invalid username or password."
        return None

    def commit(self, revision: str) -> str | None:
        known = self.hub.revisions
        return revision if revision in known.values() else known.get(revision)

    def refuse(self, status: HTTPStatus, code: str = "", message: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message}
        self.begin(status, 0, {name: value for name, value in headers.items() if value})

    def send_json(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.begin(HTTPStatus.OK, len(body), {"Content-Type": "application/json"})
        self.wfile.write(body)

    def send_file(self, path: str, content: bytes, commit: str) -> None:
        if self.command == "GET" and take(self.hub.broken, path):
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        first = int(re.sub(r"\D", "", self.headers.get("Range", "")) or 0)
        part = content[first:]
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
        }
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.begin(HTTPStatus.PARTIAL_CONTENT if first else HTTPStatus.OK, len(part), headers)
        if self.command == "HEAD":
            return
        half = len(part) // 2
        self.wfile.write(part[:half])
        self.wfile.flush()
        if take(self.hub.cuts, path):
            self.close_connection = True
            return
        if self.hub.hold:
            self.hub.hold.wait()
        self.wfile.write(part[half:])

    def begin(self, status: HTTPStatus, length: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def take(counts: Counter[str], path: str) -> bool:
    """Say whether it is to happen, once less from now on."""
    if counts[path] <= 0:
        return False
    counts[path] -= 1
    return True


def each_file(path: str, content: bytes) -> dict[str, object]:
    oid = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return {"type": "file", "path": path, "size": len(content), "oid": oid}
