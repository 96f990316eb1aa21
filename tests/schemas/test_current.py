import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

import schemas.__main__ as program
from hooks.schemas import written_schemas
from schemas.files import generated

ROOT = Path(program.__file__).parent.parent
EVERY = {**generated(), **written_schemas()}
JSON_SCHEMAS = sorted(path for path in EVERY if path.endswith(".schema.json"))


@pytest.mark.parametrize("path", sorted(EVERY))
def test_the_committed_file_is_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == EVERY[path], (
        f"{path} is stale: run `make schemas`"
    )


def test_no_generated_file_is_left_over() -> None:
    found = [*ROOT.glob("schemas/crd/*"), *ROOT.glob("schemas/*.json")]

    assert sorted(str(file.relative_to(ROOT)) for file in found) == sorted(EVERY)


def test_two_runs_write_the_same_bytes() -> None:
    assert {**generated(), **written_schemas()} == EVERY


def test_check_names_stale_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "ROOT", tmp_path)
    runner = CliRunner()

    wrote = runner.invoke(program.main, [])
    current = runner.invoke(program.main, ["--check"])
    (tmp_path / "schemas/preset.schema.json").write_text("{}")
    stale = runner.invoke(program.main, ["--check"])

    assert (wrote.exit_code, current.exit_code, current.output) == (0, 0, "")
    assert stale.exit_code == 1
    assert stale.output == "schemas/preset.schema.json is stale: run `python -m schemas`\n"


@pytest.mark.parametrize("path", JSON_SCHEMAS)
def test_it_is_a_json_schema(path: str) -> None:
    schema = json.loads(EVERY[path])

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "x-kubernetes-" not in EVERY[path]
