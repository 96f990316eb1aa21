"""
One question to a hook and its answer, as a file holds them.

A file is one JSON object. ``metakaito replay`` reads it, of this and of earlier versions.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from composite.catalog import Catalog, Provisioning
from composite.models import JsonObject
from composite.redaction import Redactor
from hooks.answers import Answered, served
from hooks.settings import fingerprint

FORMAT: Literal["metakaito.recorded/v1"] = "metakaito.recorded/v1"


def stamp(time: datetime) -> str:
    """Return a time to the microsecond, in UTC."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(stamp)]


class Question(NamedTuple):
    """What a hook is asked, and the time it answers as of; None where it needs none."""

    path: str
    request: JsonObject
    as_of: datetime | None


class Answering(NamedTuple):
    """Who answers: a version, and what it answers with."""

    version: str
    catalog: Catalog
    settings: dict[str, str]


class Exchange(BaseModel):
    """
    A question and its answer, without what may be secret.

    With another status than 200 there is an ``error`` in the place of an ``answer``; what has no
    value is absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    format: Literal["metakaito.recorded/v1"] = Field(FORMAT, description="What this file is.")
    version: str = Field(description="That of the metakaito that answered.")
    recorded: Moment = Field(description="When it was written.")
    id: str = Field(
        description="The one that the server logged, or another word that tells it from others."
    )
    asOf: Moment = Field(description="The time that the answer was made as of.")  # noqa: N815  (as in Kubernetes)
    path: str = Field(description="The hook.", examples=["/workspaces/sync"])
    settings: dict[str, str] = Field(
        default_factory=dict, description="What decided the answer, in words."
    )
    provisioning: Provisioning | None = Field(
        None, description="The same for a program, but for presets and instance types."
    )
    hidden: dict[str, int] = Field(
        default_factory=dict, description="How many values were redacted, by what they are."
    )
    request: JsonObject = Field(description="The question, as Metacontroller posts it.")
    status: int = Field(description="Of HTTP.")
    answer: JsonObject | None = None
    error: str | None = Field(None, description="The one line that was answered instead.")
    redacted: Answered | None = Field(
        None,
        description="What the same version answers to the request as it stands here, where that is "
        "another answer than the one it gave, so that it depends on what was redacted.",
    )

    @property
    def answered(self) -> Answered:
        """What was answered, without what may be secret."""
        return Answered(status=self.status, answer=self.answer, error=self.error)

    @property
    def expected(self) -> Answered:
        """What the version that wrote this answers to the request as it stands here."""
        return self.redacted or self.answered

    def to_bytes(self) -> bytes:
        """
        Return what a file holds: one line.

        To indent takes ten times as long, and a namespace can be a megabyte.
        """
        return self.model_dump_json(exclude_none=True).encode() + b"\n"

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """
        Return what a file holds.

        Raises:
            pydantic.ValidationError: It is no such file.

        """
        return cls.model_validate_json(text)


def answer_again(question: JsonObject, answered: Answered) -> Answered:
    """Return an answer to a question that is redacted already, without what may be secret."""
    redactor = Redactor()
    redactor.request(question)
    return clean_answer(redactor, answered)


def clean_answer(redactor: Redactor, answered: Answered) -> Answered:
    """Return an answer without what may be secret."""
    error = redactor.answer({"message": answered.error})["message"] if answered.error else None
    answer = redactor.answer(answered.answer) if answered.answer is not None else None
    return Answered(status=answered.status, answer=answer, error=error)


def answering(version: str, catalog: Catalog) -> Answering:
    """Return who answers."""
    return Answering(version, catalog, fingerprint(catalog))


def recorded(
    question: Question, answered: Answered, answering: Answering, now: datetime, name: str
) -> Exchange:
    """
    Return what is written of a question and its answer: nothing that may be secret.

    Args:
        question: What was asked.
        answered: What was answered.
        answering: By whom.
        now: When it is written.
        name: What tells it from others.

    """
    redactor, as_of = Redactor(), question.as_of or now
    asked = redactor.request(question.request)
    answer = clean_answer(redactor, answered)
    again = answer
    if asked != question.request:
        anew = served(question.path, asked, answering.catalog, as_of)
        again = answer_again(asked, anew)
    return Exchange(
        version=answering.version,
        recorded=now,
        id=name,
        asOf=as_of,
        path=question.path,
        settings=answering.settings,
        provisioning=answering.catalog.provisioning,
        hidden=dict(redactor.hidden),
        request=asked,
        status=answer.status,
        answer=answer.answer,
        error=answer.error,
        redacted=None if again == answer else again,
    )
