"""The hooks in this process, asked as a WSGI server asks, and what they answered and logged."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from composite.catalog import Catalog
from hooks.app import create_app
from hooks.logs import LOGGER, JsonLines, TextLines
from hooks.settings import Settings
from tests.fuzz.requests import SMALL, TOKEN, WITH_CLOCK, WITH_TOKEN, HostileRequest
from tests.golden.test_golden import NOON

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Any]

ESCAPED = 599  # what no server would be told: an exception came out of the app


@dataclass(frozen=True)
class Answer:
    """
    What came back.

    ``outcome`` and ``exception`` are those of the log line; ``seconds`` are of the processor.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    outcome: str
    exception: str
    lines: tuple[str, ...]
    seconds: float


class Lines(logging.Handler):
    """Writes every line that is logged as both formats do, and keeps those of one request."""

    def __init__(self) -> None:
        super().__init__()
        self._json, self._text = JsonLines(), TextLines()
        self.records: list[logging.LogRecord] = []
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)
        self.lines.append(self._json.format(record))
        if record.exc_info is None:  # a traceback has lines of its own
            self.lines.append(self._text.format(record))


class Hooks:
    """Apps of several settings; :func:`in_process` makes them."""

    def __init__(self, apps: dict[str, Wsgi], lines: Lines) -> None:
        self.apps = apps
        self._lines = lines

    def ask(self, request: HostileRequest) -> Answer:
        """Ask, and measure."""
        self._lines.records.clear()
        self._lines.lines.clear()
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        started = time.thread_time()
        try:
            sent = self.apps[request.app](
                environ(request), lambda status, headers, _=None: begun.append((status, headers))
            )
            try:
                body = b"".join(sent)
            finally:
                if hasattr(sent, "close"):
                    sent.close()
            status, headers = int(begun[0][0].split()[0]), dict(begun[0][1])
        except Exception as error:  # noqa: BLE001  (whatever it is, it is what is looked for)
            status, headers, body = ESCAPED, {}, f"{type(error).__name__}: {error}".encode()
        seconds = time.thread_time() - started
        records = self._lines.records
        known: dict[str, Any] = getattr(records[-1], "fields", {}) if records else {}
        raised = [record.exc_info[1] for record in records if record.exc_info]
        return Answer(
            status=status,
            headers=headers,
            body=body,
            outcome=str(known.get("outcome", "")),
            exception="; ".join(place_of(error) for error in raised if error is not None),
            lines=tuple(self._lines.lines),
            seconds=seconds,
        )


def place_of(error: BaseException) -> str:
    """Return what was raised, and where: two of one fault give the same."""
    trace, where = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if any(f"/{ours}/" in code.co_filename for ours in ("composite", "hooks", "fuzz")):
            where = f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return f"{type(error).__name__} in {where}"


def environ(request: HostileRequest) -> dict[str, Any]:
    """Return what a WSGI server passes on. https://peps.python.org/pep-3333/#environ-variables."""
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": "",
        "SERVER_NAME": "hooks",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "CONTENT_TYPE": "application/json",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **request.headers,
    }


@contextmanager
def in_process(catalogs: dict[str, Catalog]) -> Iterator[Hooks]:
    """Make the apps, and listen to what they log for so long."""
    settings = Settings()
    usual = catalogs[min(catalogs)]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "token"
        file.write_bytes(TOKEN)
        variants = {
            WITH_TOKEN: settings.model_copy(update={"token_file": file}),
            WITH_CLOCK: settings.model_copy(update={"virtual_clock": True}),
            SMALL: settings.model_copy(update={"max_request_bytes": 65536}),
        }
        apps = {
            **{
                name: create_app(catalog, settings, lambda: NOON)
                for name, catalog in catalogs.items()
            },
            **{name: create_app(usual, other, lambda: NOON) for name, other in variants.items()},
        }
        lines = Lines()
        before = LOGGER.level, LOGGER.propagate
        LOGGER.setLevel(logging.INFO)
        LOGGER.propagate = False
        LOGGER.addHandler(lines)
        try:
            yield Hooks({name: app.wsgi_app for name, app in apps.items()}, lines)
        finally:
            LOGGER.removeHandler(lines)
            LOGGER.setLevel(before[0])
            LOGGER.propagate = before[1]
