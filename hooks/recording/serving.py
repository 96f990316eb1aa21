"""The server's part in recording: what it was asked and what it answered, into a folder."""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from flask import Flask, Response, g, request
from pydantic_core import from_json

from composite.catalog import Catalog
from hooks.answers import INTERNAL_ERROR, Answered
from hooks.recording.exchange import Answering, Question, answering, recorded, stamp
from hooks.recording.folder import Folder
from hooks.settings import Settings

LOGGER = logging.getLogger("metakaito.recording")

HTTP_OK = 200


class Recorder:
    """
    Writes exchanges to a folder, and never fails.

    Args:
        folder: Where to.
        answering: Who answers.
        clock: Tells when something is written.

    """

    def __init__(self, folder: Folder, answering: Answering, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._answering = answering
        self._clock = clock
        self._failing = False
        self._lock = Lock()

    def record(self, question: Question, answered: Answered, name: str) -> None:
        """
        Write one exchange. Where that does not work, one line says so, and one that it does again.

        Args:
            question: What was asked.
            answered: What was answered.
            name: What tells it from others, in letters and digits.

        """
        now = self._clock()
        try:
            found = recorded(question, answered, self._answering, now, name)
            hook = question.path.strip("/").replace("/", "-")
            self._folder.write(f"{compact(now)}-{hook}-{name}.json", found.to_bytes())
        except OSError as error:
            self._tell(error.strerror or str(error))
        except Exception as error:  # noqa: BLE001  (recording is no reason not to answer)
            # Neither its message nor its traceback: they may hold what was to be hidden.
            self._tell(f"{type(error).__name__} at {question.path}")
        else:
            self._tell(None)

    def _tell(self, reason: str | None) -> None:
        with self._lock:
            changed, self._failing = self._failing != (reason is not None), reason is not None
        fields = {"fields": {"folder": str(self._folder.path), "reason": reason}}
        if changed and reason is not None:
            LOGGER.warning("requests are answered and not recorded", extra=fields)
        elif changed:
            LOGGER.info("requests are recorded again", extra=fields)


def compact(time: datetime) -> str:
    """Return a time that sorts as a part of a file's name."""
    return stamp(time).replace("-", "").replace(":", "").replace(".", "")


def answered_by(status: int, body: bytes) -> Answered:
    """Return what the server sent."""
    if status == HTTP_OK:
        return Answered(status=status, answer=from_json(body))
    line = body.decode(errors="replace").strip()
    return Answered(
        status=status, error=INTERNAL_ERROR if line.startswith(INTERNAL_ERROR) else line
    )


def recorder(
    catalog: Catalog, settings: Settings, version: str, clock: Callable[[], datetime]
) -> Recorder:
    """Return what records as the settings say, which name a folder."""
    assert settings.record is not None  # noqa: S101  (whoever calls this has seen to it)
    folder = Folder(settings.record, settings.record_max_requests, settings.record_max_bytes)
    return Recorder(folder, answering(version, catalog), clock)


def add_recording(
    app: Flask, recorder: Recorder, clock: Callable[[], datetime]
) -> Callable[[], datetime]:
    """
    Record each question that could be read, and its answer, whatever that is.

    Args:
        app: The app.
        recorder: Writes them.
        clock: Tells the time that answers are made as of.

    Returns:
        The same clock, which now notes what it told.

    """

    def noted() -> datetime:
        g.as_of = clock()
        found: datetime = g.as_of
        return found

    # What is added first runs last: the line that is logged tells nothing of the time this takes.
    @app.after_request
    def record(response: Response) -> Response:
        document = g.get("document")
        if isinstance(document, dict) and request.url_rule is not None:
            question = Question(request.url_rule.rule, document, g.get("as_of"))
            recorder.record(question, answered_by(response.status_code, response.get_data()), g.id)
        return response

    return noted
