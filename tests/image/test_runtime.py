"""The runtime's image works as a Pod runs it, though much of its packages is left out."""

import json
import re
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from image.interpreter import USER
from image.omissions import OMISSIONS, VARIANTS, omit
from image.packages import SITE
from image.runtime import NO_CODE, RUNTIME, WORKSPACE, lock_file, make_code
from image.runtime_image import runtime_image
from tests.image.container import container, why_not

IMAGE = runtime_image("cpu")

# A model of its own, an adapter trained by one step, an answer by both, and what of it was loaded.
WORK = """
import accelerate, datasets, fastapi, peft, torch, transformers, uvicorn
from pathlib import Path
from tiny import make_model
make_model(Path("/tmp/tiny"))
tokenizer = transformers.AutoTokenizer.from_pretrained("/tmp/tiny")
model = transformers.AutoModelForCausalLM.from_pretrained("/tmp/tiny")
model = peft.get_peft_model(model, peft.LoraConfig(target_modules="all-linear"))
row = dict(tokenizer("What is a GPU?"))
row["labels"] = row["input_ids"]
arguments = transformers.TrainingArguments("/tmp/out", max_steps=1, report_to=[], use_cpu=True)
rows = datasets.Dataset.from_list([row])
transformers.Trainer(model=model, args=arguments, train_dataset=rows).train()
made = model.generate(**tokenizer("What", return_tensors="pt"), min_new_tokens=3, max_new_tokens=3)
print("made", made.shape[-1] - len(tokenizer("What")["input_ids"]))
"""


def run(root: Path, *command: str) -> str:
    """What a command prints that a Pod runs in the image's working directory."""
    if reason := why_not():
        pytest.skip(reason)
    begin = ('cd "$0" && exec "$@"', IMAGE.working_directory)
    done = subprocess.run(  # noqa: S603  (our own image)
        container(root, "/bin/sh", "-c", *begin, *command),
        env={**IMAGE.environment, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_it_trains_and_generates_without_what_is_left_out(runtime_root: Path) -> None:
    assert run(runtime_root, "python3", "-c", WORK).splitlines()[-1] == "made 3"


def test_command_lines_as_presets_write_them_run(runtime_root: Path) -> None:
    script = "import sys; print('launched', *sys.argv[1:])"
    command = (
        f'echo "{script}" > /tmp/script.py;'
        " python3 -c 'print(1)' > /tmp/beside & accelerate launch --gpu_ids=all --machine_rank=0"
        " --num_machines=1 --num_processes=1 /tmp/script.py --pipeline=text-generation"
        " && wait && read -r line < /tmp/beside && echo $line"
    )

    assert run(runtime_root, "/bin/sh", "-c", command).splitlines()[-2:] == [
        "launched --pipeline=text-generation",
        "1",
    ]


def test_it_is_not_root_and_writes_only_to_tmp(runtime_root: Path) -> None:
    program = (
        "import os, pathlib, pwd, ssl\n"
        "print(os.getcwd(), os.getuid(), os.getgid(), pwd.getpwuid(os.getuid()).pw_name)\n"
        "print(*(os.access(place, os.W_OK) for place in ('/', '.', 'weights', '/tmp')))\n"
        "print(pathlib.Path.home(), list(pathlib.Path('weights').iterdir()))\n"
        "print(ssl.create_default_context().cert_store_stats()['x509_ca'] > 100)\n"
    )

    assert run(runtime_root, "python3", "-c", program).splitlines() == [
        f"/{WORKSPACE} {USER} {USER} metakaito",
        "False False False True",
        "/tmp []",  # noqa: S108  (the image's own)
        "True",
    ]


def test_each_program_that_command_lines_name_starts(runtime_root: Path) -> None:
    helps = "accelerate --help && torchrun --help && python3 fetch_weights.py --help"
    said = run(runtime_root, "/bin/sh", "-c", helps)

    assert re.findall(r"^usage: (\S+)", said, re.MULTILINE) == [
        "accelerate",
        "torchrun",
        "fetch_weights.py",
    ]


def test_exactly_what_is_locked_is_installed_but_what_is_left_out(runtime_root: Path) -> None:
    pins = re.findall(r"^([^\s=]+)==", lock_file("cpu").read_text(encoding="utf-8"), re.MULTILINE)
    patterns = [pattern for each in OMISSIONS for pattern in each.patterns]
    whole = {
        canonicalize_name(found[1])
        for pattern in patterns
        if (found := re.fullmatch(r"(.*)-\*\.dist-info", pattern))
    }

    assert installed(runtime_root) == {canonicalize_name(name) for name in pins} - whole
    assert whole == {
        "cuda-bindings",
        "cuda-pathfinder",
        "nvidia-cusolver",
        "nvidia-nvjitlink",
        "triton",
    }


def test_the_bill_lists_what_is_installed(runtime_root: Path) -> None:
    place = runtime_root / IMAGE.labels["io.metakaito.sbom"].lstrip("/")
    bill = json.loads(place.read_text(encoding="utf-8"))

    assert bill["metadata"]["component"]["name"] == "metakaito-transformers"
    assert {canonicalize_name(each["name"]) for each in bill["components"]} == installed(
        runtime_root
    )


def installed(root: Path) -> set[str]:
    return {canonicalize_name(each.name) for each in distributions(path=[str(root / SITE)])}


def test_all_modules_are_compiled(runtime_root: Path) -> None:
    sources = [*(runtime_root / SITE).rglob("*.py"), *(runtime_root / WORKSPACE).rglob("*.py")]
    compiled = {path.parent.parent / path.name.split(".")[0] for path in byte_code(runtime_root)}

    assert [path for path in sources if path.with_suffix("") not in compiled] == []


def byte_code(root: Path) -> list[Path]:
    return list(root.rglob("__pycache__/*.pyc"))


def test_our_code_is_there_without_what_makes_and_tests_it(tmp_path: Path) -> None:
    make_code(tmp_path)
    found = {path.name for path in (tmp_path / WORKSPACE).iterdir()}
    left = NO_CODE(str(RUNTIME), [path.name for path in RUNTIME.iterdir()])

    assert {"fetch_weights.py", "hub", "pyproject.toml", "tiny", "weights"} <= found
    assert found - {"__pycache__", "weights"} == {path.name for path in RUNTIME.iterdir()} - left
    assert {".venv", "Dockerfile", "requirements", "tests"} & found == set()
    assert list((tmp_path / WORKSPACE / "weights").iterdir()) == []


def test_what_is_left_out_has_to_be_there(tmp_path: Path) -> None:
    """So that the list does not outlive a new version of torch."""
    with pytest.raises(LookupError, match=r"^image/omissions\.py: bin fits nothing in /"):
        omit(tmp_path, VARIANTS[0])
