"""Random weights from a seed, and a tokenizer learned from a page of text."""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import Phi3Config, Phi3ForCausalLM, PreTrainedTokenizerFast

from tiny.text import TEXT

CONTEXT = 1024
"""Tokens of question and answer together."""

START = "<s>"
END = "<|endoftext|>"
END_OF_TURN = "<|end|>"
UNKNOWN = "<unk>"
# As in Phi-3. https://huggingface.co/microsoft/Phi-3-mini-4k-instruct/blob/main/tokenizer_config.json
SPECIAL = (UNKNOWN, START, END, "<|system|>", "<|user|>", "<|assistant|>", END_OF_TURN)
VOCABULARY = 512

# That of Phi-3, with the mark by which a trainer tells what the assistant says.
CHAT_TEMPLATE = """\
{% for message in messages %}\
{% if message['role'] == 'assistant' %}\
<|assistant|>
{% generation %}{{ message['content'] }}<|end|>
{% endgeneration %}\
{% else %}\
<|{{ message['role'] }}|>
{{ message['content'] }}<|end|>
{% endif %}\
{% endfor %}\
{% if add_generation_prompt %}<|assistant|>
{% endif %}"""


def make_model(directory: Path, seed: int = 0) -> None:
    """
    Write weights, tokenizer and configuration, as transformers loads them.

    Equal seeds make equal files. Nothing else in this process that draws random numbers is
    disturbed.

    Args:
        directory: It is made if it is not there; files of these names are overwritten.
        seed: Of the weights.

    """
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(directory)
    config = Phi3Config(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        original_max_position_embeddings=CONTEXT,
        bos_token_id=tokenizer.convert_tokens_to_ids(START),
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(END),
        tie_word_embeddings=False,
        dtype="float32",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Phi3ForCausalLM(config)
    model.generation_config.eos_token_id = [
        tokenizer.convert_tokens_to_ids(END),
        tokenizer.convert_tokens_to_ids(END_OF_TURN),
    ]
    model.save_pretrained(directory)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that can spell any text, and has Phi-3's words for the turns of a chat."""
    pairs = Tokenizer(BPE(unk_token=UNKNOWN))
    pairs.pre_tokenizer = ByteLevel(add_prefix_space=False)
    pairs.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    pairs.train_from_iterator(TEXT.splitlines(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=pairs,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        unk_token=UNKNOWN,
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
