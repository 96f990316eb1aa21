"""An API server in process: the embedded cluster's store behind the HTTP of Kubernetes."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from composite.models import JsonObject
from composite.simulate import Clock, objects, selectors
from composite.simulate.errors import AlreadyExistsError, ApiError
from composite.simulate.memory import MemoryStore
from composite.simulate.objects import Kind, Ref
from composite.simulate.store import Change

TOKEN = "secret"  # noqa: S105  (of a server in this process)

# Kinds that the embedded cluster has no use for.
GROUP = "metacontroller.k8s.io/v1alpha1"
CRD = "apiextensions.k8s.io/v1"
MORE_KINDS = (
    Kind(GROUP, "CompositeController", "compositecontrollers", namespaced=False, generation=True),
    Kind(GROUP, "DecoratorController", "decoratorcontrollers", namespaced=False, generation=True),
    Kind(CRD, "CustomResourceDefinition", "customresourcedefinitions", namespaced=False),
    Kind("v1", "Event", "events", status=False),
)
# Of the same kind as apps/v1's, and nobody makes one.
REVISIONS = Kind(GROUP, "ControllerRevision", "controllerrevisions", status=False)


class FakeApi:
    """
    A server with what a test puts into ``store``.

    ``requests`` are those it answered, as ``METHOD path``, without the query. ``streams``: a watch
    can begin with all there is. ``leaving`` objects are gone again before it has told that; a
    ``brief`` watch ends there. ``hidden`` kinds are not served.
    """

    def __init__(self) -> None:
        self.store = MemoryStore(Clock())
        self.requests: list[str] = []
        self.streams = True
        self.leaving: list[JsonObject] = []
        self.brief = False
        self.hidden: set[str] = set()
        self.refusals: dict[str, tuple[int, str]] = {}
        self._changed = Condition()
        self._epoch = 0
        self._stopped = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._stopped = True
        with self._changed:
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, folder: Path) -> Path:
        file = folder / "kubeconfig"
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "it",
                    "clusters": [{"name": "it", "cluster": {"server": self.url}}],
                    "users": [{"name": "me", "user": {"token": TOKEN}}],
                    "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
                }
            )
        )
        return file

    def apply(self, obj: JsonObject) -> JsonObject:
        """As a user would; with a status where there is one."""
        with self._changed:
            self.store.manager = "user"
            scope = objects.kind_of(obj).namespaced and "default"
            place = obj["metadata"].get("namespace") or scope or None
            found = self.store.get(objects.ref_of(objects.with_metadata(obj, namespace=place)))
            made = (
                self.store.create(obj)
                if found is None
                else self.store.update(objects.merge_patch(found, obj))
            )
            self._changed.notify_all()
        return made

    def delete(self, ref: Ref) -> None:
        with self._changed:
            self.store.manager = "user"
            self.store.delete(ref)
            self._changed.notify_all()

    def forget(self) -> None:
        """Let every watch end with 410 Gone, as if it had missed too much."""
        with self._changed:
            self._epoch += 1
            self._changed.notify_all()

    def kinds(self) -> Iterator[Kind]:
        for kind in (*objects.KINDS.values(), REVISIONS):
            if kind.key not in self.hidden:
                yield kind

    def answer(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Any,  # noqa: ANN401  (JSON)
    ) -> tuple[int, Any]:
        """Answer anything but a watch."""
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        kind, namespace, name, subresource = self._read(path)
        if kind is None:
            return self._discovered(path.removeprefix("/api/").removeprefix("/apis/"))
        ref = Ref(kind.key, namespace, name)
        with self._changed:
            self.store.manager = query.get("fieldManager", "unknown")
            before = len(self.store.changes(0))
            try:
                code, made = self._act(method, ref, subresource, query, body)
            except ApiError as refusal:
                reason = "AlreadyExists" if isinstance(refusal, AlreadyExistsError) else "Other"
                return refusal.code, {"kind": "Status", "message": str(refusal), "reason": reason}
            if len(self.store.changes(0)) != before:
                self._changed.notify_all()
        return code, made

    def events(self, path: str, query: dict[str, str]) -> Iterator[JsonObject]:
        """Answer a watch."""
        kind, _, _, _ = self._read(path)
        assert kind is not None
        with self._changed:
            epoch = self._epoch
            after = int(query["resourceVersion"] or 0)
            if "sendInitialEvents" in query:
                found = [] if kind is REVISIONS else self.store.list_of(kind.key)
                after = len(self.store.changes(0))
            else:
                found = []
        yield from ({"type": "ADDED", "object": obj} for obj in found)
        if "sendInitialEvents" in query:
            for obj in self.leaving:
                if objects.kind_key(obj) == kind.key:
                    yield from ({"type": what, "object": obj} for what in ("ADDED", "DELETED"))
            end = {"k8s.io/initial-events-end": "true"}
            yield {
                "type": "BOOKMARK",
                "object": {"metadata": {"resourceVersion": str(after), "annotations": end}},
            }
        while not self._stopped and not self.brief:
            with self._changed:
                if epoch != self._epoch:
                    gone = {"kind": "Status", "code": 410, "message": "too old resource version"}
                    yield {"type": "ERROR", "object": gone}
                    return
                changes = list(self.store.changes(after))
                if not changes:
                    self._changed.wait(5)
            for change in changes:
                after = change.number
                if objects.kind_key(change.obj) == kind.key and kind is not REVISIONS:
                    yield {"type": change.type, "object": _versioned(change)}

    def _act(  # noqa: PLR0911  (one for each verb)
        self,
        method: str,
        ref: Ref,
        subresource: str,
        query: dict[str, str],
        body: Any,  # noqa: ANN401  (JSON)
    ) -> tuple[int, Any]:
        store, kind = self.store, next(k for k in self.kinds() if k.key == ref.kind)
        found = store.get(ref) if ref.name else None
        if method == "GET" and not ref.name:
            items = [] if kind is REVISIONS else store.list_of(ref.kind, ref.namespace)
            wanted = selectors.parse_selector(query.get("labelSelector", ""))
            items = [o for o in items if selectors.matches_labels(wanted, objects.labels_of(o))]
            bare = [{k: v for k, v in o.items() if k not in ("kind", "apiVersion")} for o in items]
            version = str(len(store.changes(0)))
            return 200, {"metadata": {"resourceVersion": version}, "items": bare}
        if method == "POST":
            return 201, store.create(body)
        if found is None and "force" not in query:  # of a patch that applies
            raise ApiError(f'{kind.plural} "{ref.name}" not found', 404)
        if method == "GET":
            return 200, found
        if method == "PUT":
            return 200, store.update_status(body) if subresource else store.update(body)
        if method == "DELETE":
            store.delete(ref, (body.get("preconditions") or {}).get("uid"))
            return 200, {"kind": "Status", "status": "Success"}
        if isinstance(body, list):
            (operation,) = body
            assert operation["op"] == "remove"
            annotation = operation["path"].rpartition("/")[2].replace("~1", "/")
            body = {"metadata": {"annotations": {annotation: None}}}
        merged = objects.merge_patch(found, body)
        if "dryRun" in query:
            return 200, merged
        return 200, store.create(body) if found is None else store.update(merged)

    def _read(self, path: str) -> tuple[Kind | None, str, str, str]:
        """Kind, namespace, name and subresource of a path."""
        words = path.strip("/").split("/")
        api_version, rest = (
            (words[1], words[2:]) if words[0] == "api" else ("/".join(words[1:3]), words[3:])
        )
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name, subresource = (*rest, "", "", "")[:3]
        found = (k for k in self.kinds() if (k.api_version, k.plural) == (api_version, plural))
        return next(found, None), namespace, name, subresource

    def _discovered(self, api_version: str) -> tuple[int, Any]:
        resources = []
        for kind in self.kinds():
            if kind.api_version == api_version:
                told = {"kind": kind.kind, "namespaced": kind.namespaced}
                resources.append({"name": kind.plural, **told})
                resources += [{"name": f"{kind.plural}/status", **told}] if kind.status else []
        if not resources:
            return 404, {"kind": "Status", "message": "the server could not find the resource"}
        return 200, {"groupVersion": api_version, "resources": resources}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(Speaking):
            def answer(self) -> None:
                parts, body = urlsplit(self.path), self.body()
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                watch = query.get("watch") == "true"
                api.requests.append(f"{'WATCH' if watch else self.command} {parts.path}")
                refusal = api.refusal(parts.path, query, self.headers.get("Authorization"))
                if refusal is not None:
                    self.send(*refusal)
                elif watch:
                    self.stream(api.events(parts.path, query))
                else:
                    self.send(*api.answer(self.command, parts.path, query, body))

        return Handler

    def refusal(
        self, path: str, query: dict[str, str], authorization: str | None
    ) -> tuple[int, JsonObject] | None:
        """What is wrong with a request, if anything."""
        if authorization != f"Bearer {TOKEN}":
            code, message = 401, "Unauthorized"
        elif path in self.refusals:
            code, message = self.refusals[path]
        elif "sendInitialEvents" in query and not self.streams:
            code, message = 422, "sendInitialEvents: Forbidden"
        else:
            return None
        return code, {"kind": "Status", "message": message}


class Speaking(BaseHTTPRequestHandler):
    """HTTP, as far as Kubernetes speaks it."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer one request."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def do_PATCH(self) -> None:
        self.answer()

    def do_DELETE(self) -> None:
        self.answer()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def body(self) -> Any:  # noqa: ANN401  (JSON)
        length = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(length)) if length else None

    def send(self, code: int, answer: object) -> None:
        text = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, events: Iterator[JsonObject]) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            line = json.dumps(event).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


def _versioned(change: Change) -> JsonObject:
    """The object of an event; one that is gone has the version of its going."""
    if change.new is not None:
        return change.new
    return objects.with_metadata(change.obj, resourceVersion=str(change.number))
