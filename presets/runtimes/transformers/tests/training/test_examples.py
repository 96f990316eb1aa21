"""Of each row the model learns what it is to say, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from training.configuration import DatasetOptions
from training.examples import IGNORED, Encoder, Example
from training.layouts import BadRow, Columns, chosen_columns

CHAT = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "What is a GPU?"},
    {"role": "assistant", "content": "A processor."},
    {"role": "user", "content": "And a node?"},
    {"role": "assistant", "content": "A machine."},
]

# As those of most models: nothing in it says who speaks.
WITHOUT_MARKS = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
# Says what no request for an answer begins with.
STRANGE = "{% for message in messages %}{{ message['content'] }}{% endfor %}{{ messages | length }}"


@pytest.fixture
def tokenizer(model: Path) -> PreTrainedTokenizerBase:
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model)
    return loaded


def learned(tokenizer: PreTrainedTokenizerBase, example: Example) -> str:
    return str(tokenizer.decode([label for label in example.labels if label != IGNORED]))


def seen(tokenizer: PreTrainedTokenizerBase, example: Example) -> str:
    return str(tokenizer.decode(example.input_ids))


@pytest.mark.parametrize("template", [None, WITHOUT_MARKS])
def test_of_a_chat_it_learns_what_the_assistant_says(
    tokenizer: PreTrainedTokenizerBase, template: str | None
) -> None:
    tokenizer.chat_template = template or tokenizer.chat_template

    example = Encoder(tokenizer, 1024).example({"messages": CHAT}, Columns(messages="messages"))

    assert seen(tokenizer, example) == (
        "<|system|>\nBe short.<|end|>\n<|user|>\nWhat is a GPU?<|end|>\n<|assistant|>\nA "
        "processor.<|end|>\n<|user|>\nAnd a node?<|end|>\n<|assistant|>\nA machine.<|end|>\n"
    )
    assert learned(tokenizer, example) == "A processor.<|end|>\nA machine.<|end|>\n"


def test_of_a_chat_whose_template_does_not_tell_it_learns_all(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    tokenizer.chat_template = STRANGE

    example = Encoder(tokenizer, 1024).example({"messages": CHAT}, Columns(messages="messages"))

    assert learned(tokenizer, example) == seen(tokenizer, example)


def test_of_a_prompt_it_learns_the_completion_and_to_stop(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    row = {"q": "What is a GPU? ", "a": "A processor."}

    example = Encoder(tokenizer, 1024).example(row, Columns(prompt="q", completion="a"))

    assert seen(tokenizer, example) == "What is a GPU? A processor.<|endoftext|>"
    # A token that reaches from the one into the other is learned: " A" is one word to the model.
    assert learned(tokenizer, example) == " A processor.<|endoftext|>"


def test_of_a_text_it_learns_all(tokenizer: PreTrainedTokenizerBase) -> None:
    example = Encoder(tokenizer, 1024).example({"text": "The answer is yes."}, Columns(text="text"))

    assert seen(tokenizer, example) == "The answer is yes.<|endoftext|>"
    assert learned(tokenizer, example) == "The answer is yes.<|endoftext|>"


def test_what_does_not_fit_into_the_context_is_cut_and_counted(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    whole = Encoder(tokenizer, 1024).example({"text": "yes no " * 9}, Columns(text="text"))
    example = Encoder(tokenizer, 4).example({"text": "yes no " * 9}, Columns(text="text"))

    assert example == Example(whole.input_ids[:4], whole.labels[:4], len(whole.input_ids) - 4)


def test_a_prompt_that_fills_the_context_is_a_bad_row(tokenizer: PreTrainedTokenizerBase) -> None:
    row = {"prompt": "What is a GPU? " * 3, "completion": "yes"}

    with pytest.raises(
        BadRow, match=r"^nothing is left to learn in the first 8 tokens, which the model can see$"
    ):
        Encoder(tokenizer, 8).example(row, Columns(prompt="prompt", completion="completion"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, '"messages" is missing'),
        ({"messages": []}, '"messages" is empty'),
        ({"messages": "hello"}, '"messages" must be a list, and is text that is not JSON'),
        ({"messages": 5}, '"messages" must be a list, not int'),
        ({"messages": ["hi"]}, '"messages[0]" must be a map with role and content, not str'),
        (
            {"messages": [{"role": "robot", "content": "x"}]},
            "\"messages[0].role\" must be one of system, user, assistant, tool, not 'robot'",
        ),
        (
            {"messages": [*CHAT, {"role": "user"}]},
            '"messages[5].content" must be text, not NoneType',
        ),
        ({"messages": [{"role": "user", "content": " "}]}, '"messages[0].content" is empty'),
        ({"messages": CHAT[:2]}, '"messages" has no turn of the assistant to learn from'),
    ],
)
def test_a_chat_that_is_none_is_a_bad_row(
    tokenizer: PreTrainedTokenizerBase, row: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadRow) as bad:
        Encoder(tokenizer, 1024).example(row, Columns(messages="messages"))
    assert str(bad.value) == reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"completion": "x"}, '"prompt" is missing'),
        ({"prompt": "x", "completion": "  "}, '"completion" is empty'),
        ({"prompt": 5, "completion": "x"}, '"prompt" must be text, not int'),
    ],
)
def test_a_prompt_that_is_none_is_a_bad_row(
    tokenizer: PreTrainedTokenizerBase, row: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadRow) as bad:
        Encoder(tokenizer, 1024).example(row, Columns(prompt="prompt", completion="completion"))
    assert str(bad.value) == reason


# As Phi-3-mini's: the end of the text stands behind a whole chat, and not between its turns.
WITH_END = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)


def test_with_an_end_behind_the_chat_the_assistant_is_still_told_from_the_user(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    tokenizer.chat_template = WITH_END
    turns = [("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four")]
    messages = [{"role": role, "content": said} for role, said in turns]
    example = Encoder(tokenizer, 1024).example({"messages": messages}, Columns(messages="messages"))
    learned = [one for one in example.labels if one != IGNORED]

    assert tokenizer.decode(learned) == "two<|end|>\nfour<|end|>\n<|endoftext|>"


@pytest.mark.parametrize("row", [{"text": "a\ud800"}, {"text": "\udfff"}])
def test_half_a_character_is_a_bad_row(
    tokenizer: PreTrainedTokenizerBase, row: dict[str, str]
) -> None:
    with pytest.raises(BadRow, match='"text" has half a character'):
        Encoder(tokenizer, 1024).example(row, Columns(text="text"))


def test_a_chat_that_the_template_refuses_is_a_bad_row(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.chat_template = "{{ raise_exception('roles must alternate') }}"

    with pytest.raises(BadRow, match=r"^the chat template says: roles must alternate$"):
        Encoder(tokenizer, 1024).example({"messages": CHAT}, Columns(messages="messages"))


@pytest.mark.parametrize(
    ("options", "names", "expected"),
    [
        (
            DatasetOptions(),
            ["text", "prompt", "completion", "messages"],
            Columns(messages="messages"),
        ),
        (
            DatasetOptions(),
            ["text", "prompt", "completion"],
            Columns(prompt="prompt", completion="completion"),
        ),
        (DatasetOptions(), ["text", "prompt"], Columns(text="text")),
        (DatasetOptions(), ["prompt"], None),
        (DatasetOptions(messages_column="chat"), ["messages"], Columns(messages="chat")),
        (DatasetOptions(context_column="q"), [], Columns(prompt="q", completion="text")),
        (
            DatasetOptions(context_column="q", response_column="a"),
            ["messages"],
            Columns(prompt="q", completion="a"),
        ),
        (DatasetOptions(response_column="body"), ["text"], Columns(text="body")),
    ],
)
def test_the_columns_are_those_of_the_configuration_else_the_best_there_are(
    options: DatasetOptions, names: list[str], expected: Columns | None
) -> None:
    assert chosen_columns(options, names) == expected
