"""A plan as Markdown says what it is told, whatever that would mean in Markdown."""

import html
import re
from typing import Any

import pytest
from markdown_it import MarkdownIt

from composite.preview.api import (
    FieldChange,
    NodesChange,
    ObjectChange,
    Preview,
    Total,
    WorkspacePreview,
)
from composite.preview.effects import Effect
from composite.refusal import Problem
from hooks.cli.plan_markdown import written

HOSTILE = {
    "a bar": "a | b |",
    "backticks": "`a` ``b`` ```c",
    "only backticks": "``",
    "HTML": "<img src=x onerror=alert(1)> </details> &amp;",
    "lines": "a\n\n# b\n* c\r\n| d |",
    "emphasis": "*a* **b** _c_ __d__ ~~e~~",
    "links": "[a](https://h.example) ![b](c) <https://d.example>",
    "backslashes": "a \\ b \\| c \\` d",
    "an underscore in a word": "Standard_NC6s_v3",
    "a formula": "$a$ $$b$$",
    "a heading": "# a",
}


def a_plan(text: str) -> Preview:
    """A plan in which all that users write says one thing."""
    nodes = NodesChange(
        instanceType=text, added=1, removed=0, hourly=1, monthly=2, spotHourly=3, spotMonthly=4
    )
    change = ObjectChange(
        action="changed",
        apiVersion="v1",
        kind=text,
        namespace=text,
        name=text,
        about=(text,),
        fields=(FieldChange(path=text, before=None, after=text, effect=Effect.ROLLED),),
        restarts=(text,),
    )
    one = WorkspacePreview(
        namespace="n",
        name=text,
        given="edited",
        refused=(Problem(field=text, message=text),),
        changes=(change,),
        nodes=(nodes,),
        keeps=(text,),
        waits=text,
        fails=text,
        unknown=(text,),
    )
    total = Total(
        added=0, changed=1, removed=0, recreated=0, restarts=1, nodes=(nodes,), hourly=1, monthly=2
    )
    return Preview(workspaces=(one,), total=total, currency=text)


def shape(tokens: list[Any]) -> list[tuple[str, str]]:
    """Return what Markdown sees, less the words."""
    found = []
    for token in tokens:
        if token.type in {"html_block", "html_inline"}:
            found.append((token.type, re.sub(r"(?<=<summary>).*(?=</summary>)", "", token.content)))
        elif token.type not in {"text", "softbreak", "code_inline"}:
            found.append((token.type, token.tag))
        found += shape(token.children or [])
    return found


def words(tokens: list[Any]) -> str:
    """Return the words alone, as a browser shows them."""
    found = ""
    for token in tokens:
        text = token.content if token.type in {"text", "code_inline"} else ""
        if token.type == "html_block":
            text = html.unescape(re.sub(r"<[^>]*>", " ", token.content))
        found += text + words(token.children or []) + " "
    return found


def parsed(text: str) -> list[Any]:
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return markdown.parse(written(a_plan(text), [text]))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_users_write_means_anything(text: str) -> None:
    assert shape(parsed(text)) == shape(parsed("plain"))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_all_of_it_can_be_read(text: str) -> None:
    told = " ".join(words(parsed(text)).replace("\u200b", "").split())

    # The value of a field tells the end of a line in it as \n.
    several = words(parsed("plain")).count("plain") - (1 if "\n" in text else 0)
    assert told.count(" ".join(text.split())) == several


def shown(tokens: list[Any]) -> str:
    """Return what is no code: GitHub looks for people and issues there."""
    return " ".join(
        html.unescape(token.content)
        if token.type in {"text", "html_block"}
        else shown(token.children or [])
        for token in tokens
    )


@pytest.mark.parametrize("text", ["@somebody", "see @somebody, #12 and (@team/a)"])
def test_nobody_is_mentioned_and_nothing_referred_to(text: str) -> None:
    assert re.findall(r"(?<!\w)[@#]\w+", shown(parsed(text))) == []


def test_an_image_by_its_digest_can_be_copied() -> None:
    assert "a@sha256:0123" in shown(parsed("a@sha256:0123"))
