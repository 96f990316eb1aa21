"""One row becomes one example: the tokens that the model sees, and those that it learns to say."""

import json
import logging
from dataclasses import dataclass

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from training.failures import first_line
from training.layouts import BadRow, Columns, chat, text
from training.rows import Row

logger = logging.getLogger(__name__)

IGNORED = -100
"""The label of a token that no loss is computed on, as PyTorch has it."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Example:
    """
    A row as numbers.

    Attributes:
        input_ids: Tokens.
        labels: As many; ``IGNORED`` where nothing is learned.
        cut: How many tokens did not fit into the context of the model.

    """

    input_ids: list[int]
    labels: list[int]
    cut: int = 0


class Encoder:
    """
    Makes examples of rows.

    Args:
        tokenizer: Of the model.
        context: Tokens that the model can see; longer examples are cut at their end.

    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, context: int) -> None:
        self.tokenizer = tokenizer
        self.context = context
        template = tokenizer.chat_template
        marks = json.dumps(template) if template else ""
        self.marked = "generation %}" in marks or "generation -%}" in marks
        self.has_template = bool(template)
        self._warned = False

    def example(self, row: Row, columns: Columns) -> Example:
        """
        Return the example of a row.

        Raises:
            BadRow: A field is missing, empty or of the wrong kind, or nothing is left to learn.

        """
        if columns.messages:
            example = self._of_chat(chat(row, columns.messages))
        elif columns.prompt and columns.completion:
            prompt, completion = text(row, columns.prompt), text(row, columns.completion)
            whole = prompt + completion
            example = self._with_end(
                self._learned(whole, [(len(prompt), len(whole))], special=True)
            )
        else:
            whole = text(row, str(columns.text))
            example = self._with_end(self._learned(whole, [(0, len(whole))], special=True))
        return self._cut(example)

    def _of_chat(self, messages: list[dict[str, str]]) -> Example:
        """Return a chat, with a loss on what the assistant says as far as the template tells it."""
        try:
            if self.marked:
                encoded = self.tokenizer.apply_chat_template(
                    messages, return_dict=True, return_assistant_tokens_mask=True
                )
                ids, mask = encoded["input_ids"], encoded["assistant_masks"]
                labels = [one if said else IGNORED for one, said in zip(ids, mask, strict=True)]
                return Example(ids, labels)
            rendered = self._rendered(messages, prompt=False)
            return self._learned(rendered, self._said(messages, rendered), special=False)
        except TemplateError as error:
            raise BadRow(f"the chat template says: {first_line(str(error))}") from error

    def _said(self, messages: list[dict[str, str]], rendered: str) -> list[Span]:
        """
        Return where in a rendered chat the assistant speaks.

        A turn begins where the chat before it, with the request for an answer, ends. The mark of
        the end that a template writes behind a whole chat only, as Phi-3's does, is part of the
        last turn. Templates that write something else there do not tell; then it is everywhere.
        """
        spans = []
        end = self.tokenizer.eos_token or ""
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before = self._rendered(messages[:index], prompt=True) if index else ""
            after = self._rendered(messages[: index + 1], prompt=False)
            if not rendered.startswith(after):
                after = after.removesuffix(end)
            if not (rendered.startswith(after) and after.startswith(before)):
                self._warn_of_template()
                return [(0, len(rendered))]
            spans.append((len(before), len(after)))
        return spans

    def _warn_of_template(self) -> None:
        """Say once that more is learned than what the assistant says."""
        if not self._warned:
            logger.warning(
                "the chat template does not tell where the assistant speaks: all of a chat is "
                "learned"
            )
        self._warned = True

    def _rendered(self, messages: list[dict[str, str]], *, prompt: bool) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=prompt
            )
        )

    def _learned(self, whole: str, spans: list[Span], *, special: bool) -> Example:
        """Return a text, with a loss on the tokens that reach into the spans of characters."""
        fast = self.tokenizer.is_fast
        encoded = self.tokenizer(
            whole, add_special_tokens=special, return_offsets_mapping=fast, verbose=False
        )
        ids: list[int] = encoded["input_ids"]
        if not fast:  # it does not say where in the text a token is
            return Example(ids, list(ids))
        labels = [
            one
            if start < end and any(start < last and end > first for first, last in spans)
            else IGNORED
            for one, (start, end) in zip(ids, encoded["offset_mapping"], strict=True)
        ]
        return Example(ids, labels)

    def _with_end(self, example: Example) -> Example:
        """Return an example that ends with the token for the end: the model learns to stop."""
        end = self.tokenizer.eos_token_id
        if not isinstance(end, int):
            return example
        if example.input_ids and example.input_ids[-1] == end:
            return Example(example.input_ids, [*example.labels[:-1], end])
        return Example([*example.input_ids, end], [*example.labels, end])

    def _cut(self, example: Example) -> Example:
        cut = len(example.input_ids) - self.context
        if cut > 0:
            example = Example(
                example.input_ids[: self.context], example.labels[: self.context], cut
            )
        # The first token is never predicted.
        if all(label == IGNORED for label in example.labels[1:]):
            raise BadRow(
                f"nothing is left to learn in the first {self.context} tokens, which the model "
                f"can see"
                if cut > 0
                else "holds nothing to learn"
            )
        return example
