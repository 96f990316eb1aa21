"""Adapters beside the model: strengths, combinations, and what is broken."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

from serving.adapters import adapter_directories, planned_adapters
from serving.lora import with_adapters
from serving.refusal import LoadError
from serving.service import require_finite_scores
from serving.settings import adapter_strengths
from tests.serving.lab import family_model, said_by_generate

PROMPT = [40, 50, 60, 70]


def make_adapter(directory: Path, base: PreTrainedModel, *, seed: int = 0, **options: Any) -> None:  # noqa: ANN401  (LoRA's options)
    """Write an adapter that changes what the model says."""
    config = LoraConfig(
        **{
            "r": 4,
            "lora_alpha": 8,
            "target_modules": ["qkv_proj", "o_proj"],
            "task_type": "CAUSAL_LM",
            **options,
        },
    )
    torch.manual_seed(seed)
    tuned = get_peft_model(base, config)
    for name, parameter in tuned.named_parameters():
        if "lora_" in name or name.endswith(".bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    tuned.save_pretrained(directory)
    tuned.unload()


@pytest.fixture
def base(tiny_directory: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(tiny_directory).eval()


@pytest.fixture
def mounted(tmp_path: Path, base: PreTrainedModel) -> Path:
    """Two adapters of different ranks and modules, the second with stabilized rank."""
    make_adapter(tmp_path / "first", base, seed=1)
    make_adapter(
        tmp_path / "second.v2",
        base,
        seed=2,
        r=6,
        use_rslora=True,
        target_modules=["o_proj", "down_proj"],
    )
    return tmp_path


def answers(model: PreTrainedModel) -> list[int]:
    return said_by_generate(model, PROMPT, max_new_tokens=30, do_sample=False)


def scores(model: PreTrainedModel) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([PROMPT])).logits
    return logits


def applied(
    model: PreTrainedModel,
    root: Path,
    *,
    combination: str = "svd",
    **strengths: str,
) -> PreTrainedModel:
    """Serve the adapters of a directory as the server does."""
    directories = adapter_directories(root)
    names = [each.name for each in directories]
    environment = {name.replace("__", "."): text for name, text in strengths.items()}
    planned = planned_adapters(directories, adapter_strengths(names, environment))
    return with_adapters(model, planned, combination)


def test_a_strength_of_0_answers_like_the_model_itself(
    base: PreTrainedModel,
    mounted: Path,
    tiny_directory: Path,
) -> None:
    untouched = AutoModelForCausalLM.from_pretrained(tiny_directory)

    served = applied(base, mounted, first="0", second__v2="0.0")

    assert torch.equal(scores(served), scores(untouched))
    assert answers(served) == answers(untouched)


@pytest.mark.parametrize("combination", ["svd", "linear", "ties"])
def test_a_single_adapter_at_strength_1_is_exactly_itself(
    base: PreTrainedModel,
    mounted: Path,
    tiny_directory: Path,
    combination: str,
) -> None:
    untouched = AutoModelForCausalLM.from_pretrained(tiny_directory)
    alone = PeftModel.from_pretrained(untouched, mounted / "second.v2").eval()

    served = applied(base, mounted, combination=combination, first="0")

    assert torch.equal(scores(served), scores(alone))
    assert answers(served) != answers(AutoModelForCausalLM.from_pretrained(tiny_directory))


def test_strengths_weigh_a_sum_of_adapters_of_other_ranks_and_modules(
    base: PreTrainedModel,
    mounted: Path,
    tiny_directory: Path,
) -> None:
    expected = AutoModelForCausalLM.from_pretrained(tiny_directory)
    deltas: dict[str, torch.Tensor] = {}
    for name, strength in (("first", 0.5), ("second.v2", 0.25)):
        before = {key: value.clone() for key, value in expected.state_dict().items()}
        other = AutoModelForCausalLM.from_pretrained(tiny_directory)
        merged = PeftModel.from_pretrained(other, mounted / name).merge_and_unload()
        for key, value in merged.state_dict().items():
            deltas[key] = deltas.get(key, 0) + strength * (value - before[key])
    weights = {key: value + deltas[key] for key, value in expected.state_dict().items()}
    expected.load_state_dict(weights)

    served = applied(base, mounted, first="0.5", second__v2="0.25")

    torch.testing.assert_close(scores(served), scores(expected), rtol=1e-4, atol=1e-4)


def test_the_single_adapters_are_gone_and_their_names_are_logged(
    base: PreTrainedModel,
    mounted: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "metakaito.adapters"):
        served = applied(base, mounted)

    names = {name.split(".")[-2] for name, _ in served.named_parameters() if "lora_" in name}
    assert names == {"combined_adapter"}
    assert caplog.messages == ["Adapter added: first, second.v2"]


def test_an_adapter_may_be_called_like_the_combined_one(
    base: PreTrainedModel,
    tmp_path: Path,
) -> None:
    make_adapter(tmp_path / "combined_adapter", base, seed=1)
    make_adapter(tmp_path / "other", base, seed=2)

    served = applied(base, tmp_path)

    assert {n.split(".")[-2] for n, _ in served.named_parameters() if "lora_" in n} == {
        "combined_adapter",
    }


@pytest.mark.parametrize("kind", ["cat", "linear", "ties", "dare_linear", "magnitude_prune_svd"])
def test_each_combination_type_is_applied(
    base: PreTrainedModel,
    tmp_path: Path,
    kind: str,
    tiny_directory: Path,
) -> None:
    make_adapter(tmp_path / "one", base, seed=1)
    make_adapter(tmp_path / "two", base, seed=2)

    served = applied(base, tmp_path, combination=kind)

    untouched = AutoModelForCausalLM.from_pretrained(tiny_directory)
    assert not torch.allclose(scores(served), scores(untouched))


def test_no_directory_holds_no_adapter(tmp_path: Path) -> None:
    assert adapter_directories(tmp_path / "nothing") == []
    assert adapter_directories(tmp_path) == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            lambda d: (d / WEIGHTS).unlink(),
            r"^adapter first: .*/first has no adapter_model\.safetensors$",
        ),
        (lambda d: cut(d / WEIGHTS), r"^adapter first: its weights cannot be read: .+"),
        (
            lambda d: (d / CONFIG).unlink(),
            r"^adapter first: .*/first has no adapter_config\.json: .+",
        ),
        (
            lambda d: (d / CONFIG).write_text("{"),
            r"^adapter first: adapter_config\.json cannot be read: .+",
        ),
        (
            lambda d: rewrite(d / CONFIG, r=5),
            r"^adapter first: does not fit this model: .*size mismatch.+",
        ),
        (
            lambda d: rewrite(d / CONFIG, target_modules=["query_key_value"]),
            r"^adapter first: does not fit this model: .+query_key_value.+",
        ),
        (
            lambda d: rewrite(d / CONFIG, target_modules=["qkv_proj", "o_proj", "down_proj"]),
            r"^adapter first: was made for another model: it has no weights for .+down_proj.+",
        ),
        (
            lambda d: rewrite(d / CONFIG, target_modules=["qkv_proj"]),
            r"^adapter first: was made for another model: it has weights for .+o_proj.+",
        ),
        (
            lambda d: rewrite(d / CONFIG, peft_type="PROMPT_TUNING", num_virtual_tokens=4),
            r"^adapter first: .*(only LORA can be served|cannot be read).*",
        ),
    ],
    ids=range(9),
)  # fmt: skip
def test_a_broken_adapter_is_named_with_what_is_wrong(
    base: PreTrainedModel,
    mounted: Path,
    damage: object,
    sentence: str,
) -> None:
    damage(mounted / "first")  # type: ignore[operator]

    with pytest.raises(LoadError, match=sentence) as told:
        applied(base, mounted)
    assert "\n" not in str(told.value)


def test_an_adapter_of_another_architecture_is_refused(
    mounted: Path,
) -> None:
    with pytest.raises(LoadError, match=r"^adapter first: does not fit this model: .+"):
        applied(family_model("falcon-7b"), mounted)


@pytest.mark.parametrize("text", ["strong", "nan", "inf", "1,5"])
def test_a_strength_that_is_no_number_is_refused(
    base: PreTrainedModel,
    mounted: Path,
    text: str,
) -> None:
    with pytest.raises(LoadError) as told:
        applied(base, mounted, first=text)

    assert str(told.value) == (
        f"adapter first: its strength, the environment variable first, is {text!r}, which is not a "
        "number"
    )


def test_what_peft_cannot_combine_is_refused(base: PreTrainedModel, tmp_path: Path) -> None:
    make_adapter(tmp_path / "one", base, seed=1)
    make_adapter(tmp_path / "two", base, seed=2, use_dora=True)
    make_adapter(tmp_path / "wide", base, seed=2, r=8)

    with pytest.raises(LoadError, match=r"^adapter two: changes more than LoRA's matrices"):
        applied(base, tmp_path)


@pytest.mark.parametrize("text", ["-0.1", "1.01", "7"])
def test_a_strength_that_is_not_from_0_to_1_is_refused(
    base: PreTrainedModel, mounted: Path, text: str
) -> None:
    with pytest.raises(LoadError) as told:
        applied(base, mounted, first=text)

    assert str(told.value) == (
        f"adapter first: its strength, the environment variable first, is {text!r}, must be from "
        "0 to 1"
    )


@pytest.mark.parametrize("bias", ["all", "lora_only"])
def test_an_adapter_with_biases_is_served_alone(tmp_path: Path, bias: str) -> None:
    options: dict[str, Any] = {"target_modules": ["query_key_value"]}
    make_adapter(tmp_path / "biased", family_model("falcon-rw"), seed=3, bias=bias, **options)
    make_adapter(tmp_path / "other", family_model("falcon-rw"), seed=4, bias=bias, **options)
    expected = PeftModel.from_pretrained(family_model("falcon-rw"), tmp_path / "biased").eval()

    served = applied(family_model("falcon-rw"), tmp_path, other="0")
    unchanged = applied(family_model("falcon-rw"), tmp_path, biased="0", other="0")

    assert torch.equal(scores(served), scores(expected))
    assert torch.equal(scores(unchanged), scores(family_model("falcon-rw")))
    assert not torch.equal(scores(served), scores(unchanged))


@pytest.fixture
def whole(tmp_path: Path, tiny_directory: Path) -> Path:
    """An adapter that has the output layer whole, and another one."""
    base = AutoModelForCausalLM.from_pretrained(tiny_directory)
    make_adapter(tmp_path / "whole", base, seed=1, modules_to_save=["lm_head"])
    weights = load_file(tmp_path / "whole" / WEIGHTS)
    (name,) = [name for name in weights if "lm_head" in name]
    weights[name] = weights[name] + torch.randn(weights[name].shape)
    save_file(weights, tmp_path / "whole" / WEIGHTS)
    make_adapter(tmp_path / "plain", AutoModelForCausalLM.from_pretrained(tiny_directory), seed=2)
    return tmp_path


def test_whole_modules_are_served_at_strength_1_and_not_at_0(
    whole: Path, tiny_directory: Path
) -> None:
    def fresh() -> PreTrainedModel:
        return AutoModelForCausalLM.from_pretrained(tiny_directory).eval()

    alone = scores(PeftModel.from_pretrained(fresh(), whole / "whole").eval())
    plain = scores(PeftModel.from_pretrained(fresh(), whole / "plain").eval())

    assert torch.equal(scores(applied(fresh(), whole, plain="0")), alone)
    assert torch.equal(scores(applied(fresh(), whole, whole="0")), plain)
    assert torch.equal(scores(applied(fresh(), whole, whole="0", plain="0")), scores(fresh()))
    assert not torch.equal(alone, scores(fresh()))


def test_whole_modules_at_another_strength_are_refused(base: PreTrainedModel, whole: Path) -> None:
    with pytest.raises(LoadError) as told:
        applied(base, whole, whole="0.5", plain="0")

    assert str(told.value) == (
        "adapter whole: its strength is 0.5, but it replaces biases or whole modules "
        "(modules_to_save), which have no strength: it has to be 0 or 1"
    )


def test_whole_modules_at_strength_0_still_have_to_fit(base: PreTrainedModel, whole: Path) -> None:
    weights = load_file(whole / "whole" / WEIGHTS)
    (name,) = [name for name in weights if "lm_head" in name]
    weights[name] = weights[name][:5].clone()
    save_file(weights, whole / "whole" / WEIGHTS)

    with pytest.raises(LoadError, match=r"^adapter whole: does not fit this model: .+ \(5, "):
        applied(base, whole, whole="0")


def test_an_adapter_that_has_diverged_is_named(base: PreTrainedModel, mounted: Path) -> None:
    weights = load_file(mounted / "first" / WEIGHTS)
    spoiled = sorted(weights)[3]
    weights[spoiled][0, 0] = torch.nan
    save_file(weights, mounted / "first" / WEIGHTS)

    with pytest.raises(LoadError) as told:
        applied(base, mounted)

    assert str(told.value) == (
        f"adapter first: its weights {spoiled} are not all finite numbers: its training has "
        "diverged"
    )


def test_a_model_whose_scores_overflow_is_refused_with_its_adapters(
    base: PreTrainedModel, mounted: Path
) -> None:
    weights = load_file(mounted / "first" / WEIGHTS)
    save_file({name: each * 1e30 for name, each in weights.items()}, mounted / "first" / WEIGHTS)
    served = applied(base, mounted, second__v2="0")

    with pytest.raises(LoadError) as told:
        require_finite_scores(served, ["first"])

    assert str(told.value) == (
        "with the adapters first the model gives scores that are not finite numbers: its training "
        "has diverged, or its weights are broken"
    )


def test_ranks_that_a_type_cannot_combine_are_refused(base: PreTrainedModel, mounted: Path) -> None:
    with pytest.raises(
        LoadError,
        match=r"^adapters first, second\.v2: cannot be combined with --combination_type=linear: ",
    ):
        applied(base, mounted, combination="linear")
