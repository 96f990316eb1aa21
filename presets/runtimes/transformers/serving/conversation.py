"""A conversation as the model's chat template writes it."""

from typing import Any

from transformers import PreTrainedTokenizerBase

from serving.engine.options import OptionError


def template_ids(messages: list[dict[str, Any]], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """
    Return the tokens of a conversation, up to where the assistant speaks.

    Raises:
        OptionError: There is no template, or it does not take these messages.

    """
    if not tokenizer.chat_template:
        raise OptionError(
            "messages", "this model has no chat template, it only goes on with a prompt: send one"
        )
    try:
        encoded = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True
        )
    except Exception as error:
        # Templates are programs of the model's makers, and raise what they like.
        raise OptionError("messages", f"the model's chat template refuses them: {error}") from error
    return list(encoded["input_ids"])
