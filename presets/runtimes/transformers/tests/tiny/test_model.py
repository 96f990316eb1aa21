"""The tiny model is a real one, and the same every time."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tiny import make_model


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_equal_seeds_make_equal_files_and_others_do_not(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        make_model(tmp_path / name, seed)

    assert files(tmp_path / "one") == files(tmp_path / "same")
    assert files(tmp_path / "one") != files(tmp_path / "other")


def test_it_disturbs_no_random_numbers_of_its_caller(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make_model(tmp_path)

    assert torch.equal(torch.rand(3), expected)


def test_it_is_loaded_and_answers(tmp_path: Path) -> None:
    make_model(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is a GPU?"}],
        add_generation_prompt=True,
        return_dict=True,
    )
    answer = model.generate(
        input_ids=torch.tensor([chat["input_ids"]]),
        attention_mask=torch.tensor([chat["attention_mask"]]),
        max_new_tokens=5,
        do_sample=False,
    )

    assert type(model).__name__ == "Phi3ForCausalLM"
    assert tokenizer.decode(chat["input_ids"]) == "<|user|>\nWhat is a GPU?<|end|>\n<|assistant|>\n"
    assert 0 < answer.shape[1] - len(chat["input_ids"]) <= 5


def test_any_text_is_spelled_and_read_back(tmp_path: Path) -> None:
    make_model(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = "Zwölf Boxkämpfer 日本 🙂\n\ttabs"

    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
