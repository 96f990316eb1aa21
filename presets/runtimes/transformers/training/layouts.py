"""The layouts of a row: which columns of it are read, and what has to be in them."""

import json
from dataclasses import dataclass
from typing import Any

from training.configuration import DatasetOptions
from training.rows import Row

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True)
class Columns:
    """
    Which columns of a data set are read; only those of one layout are set.

    Attributes:
        messages: Holds chats.
        prompt: Holds what is said to the model.
        completion: Holds what it learns to say to the prompt.
        text: Holds whole texts.

    """

    messages: str | None = None
    prompt: str | None = None
    completion: str | None = None
    text: str | None = None


class BadRow(ValueError):  # noqa: N818, it is counted, not raised to the user
    """A row cannot be used; the message says why."""


def chosen_columns(options: DatasetOptions, names: list[str]) -> Columns | None:
    """
    Return the columns that a file with these names is read by; None if it has none of them.

    What the configuration names is taken, whether it is there or not; the rows will tell. Else a
    chat is preferred to prompts, and those to whole texts.
    """
    response = options.response_column or "text"
    layouts = (
        (options.messages_column, Columns(messages=options.messages_column)),
        (options.context_column, Columns(prompt=options.context_column, completion=response)),
        (options.response_column, Columns(text=response)),
        ("messages" in names, Columns(messages="messages")),
        (
            "prompt" in names and "completion" in names,
            Columns(prompt="prompt", completion="completion"),
        ),
        (response in names, Columns(text=response)),
    )
    return next((columns for is_it, columns in layouts if is_it), None)


def require_layout(row: Row, columns: Columns) -> None:
    """
    Look at what a row has in its columns.

    Raises:
        BadRow: A field is missing, empty or of the wrong kind.

    """
    if columns.messages:
        chat(row, columns.messages)
    elif columns.prompt and columns.completion:
        text(row, columns.prompt)
        text(row, columns.completion)
    else:
        text(row, str(columns.text))


def text(row: Row, column: str) -> str:
    """
    Return the text in a column.

    Raises:
        BadRow: There is none.

    """
    value = row.get(column)
    if value is None:
        raise BadRow(f'"{column}" is missing')
    if not isinstance(value, str):
        raise BadRow(f'"{column}" must be text, not {type(value).__name__}')
    return speakable(value, column)


def speakable(value: str, where: str) -> str:
    """
    Return a text that says something, and that UTF-8 can say.

    Raises:
        BadRow: It is empty, or has half a character, which JSON can write and nobody can read.

    """
    if not value.strip():
        raise BadRow(f'"{where}" is empty')
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadRow(f'"{where}" has half a character at {error.start}') from error
    return value


def chat(row: Row, column: str) -> list[dict[str, str]]:
    """
    Return the turns of the chat in a column; a file without lists has them as JSON text.

    Raises:
        BadRow: It is no list of turns with a role and a content, or the assistant says nothing.

    """
    value: Any = row.get(column)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise BadRow(f'"{column}" must be a list, and is text that is not JSON') from error
    if value is None:
        raise BadRow(f'"{column}" is missing')
    if not isinstance(value, list):
        raise BadRow(f'"{column}" must be a list, not {type(value).__name__}')
    if not value:
        raise BadRow(f'"{column}" is empty')
    turns = [_turn(turn, f"{column}[{index}]") for index, turn in enumerate(value)]
    if all(turn["role"] != "assistant" for turn in turns):
        raise BadRow(f'"{column}" has no turn of the assistant to learn from')
    return turns


def _turn(turn: object, where: str) -> dict[str, str]:
    if not isinstance(turn, dict):
        raise BadRow(f'"{where}" must be a map with role and content, not {type(turn).__name__}')
    role = text(turn, "role") if turn.get("role") is not None else None
    if role not in ROLES:
        raise BadRow(f'"{where}.role" must be one of {", ".join(ROLES)}, not {role!r}')
    content = turn.get("content")
    if not isinstance(content, str):
        raise BadRow(f'"{where}.content" must be text, not {type(content).__name__}')
    return {"role": role, "content": speakable(content, f"{where}.content")}
