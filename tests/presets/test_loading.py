"""Our YAML is strict: plain words mean one thing, and nothing is lost silently."""

from pathlib import Path

import pytest

from presets.loading import InvalidPresets, each, read_yaml


def read(tmp_path: Path, text: str | bytes) -> object:
    file = tmp_path / "file.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yaml(file)


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(InvalidPresets) as refused:
        read(tmp_path, text)
    return [problem.removeprefix(f"{tmp_path}/file.yaml: ") for problem in refused.value.problems]


@pytest.mark.parametrize("text", ["yes", "on", "No", "2024-11-16", "1:30", "0x10", "0.0.2", "1_0"])
def test_text_is_text(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == text


def test_numbers_booleans_and_null(tmp_path: Path) -> None:
    text = "[8, -1, 0, 1.5, -0.25, true, false, null, ~, { empty: }, '8']"
    values = [8, -1, 0, 1.5, -0.25, True, False, None, None, {"empty": None}, "8"]

    assert read(tmp_path, text) == values


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_is_none(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) is None


def test_a_key_written_twice_is_told_wherever_it_is(tmp_path: Path) -> None:
    text = "a: 1\nb: { c: 1, d: [{ e: 1, e: 2 }], c: 2 }\na: 3\n"

    assert problems(tmp_path, text) == [
        "line 2, column 24: 'e' is written twice",
        "line 2, column 33: 'c' is written twice",
        "line 3, column 1: 'a' is written twice",
    ]


def test_a_merged_key_may_be_overridden(tmp_path: Path) -> None:
    text = (
        "- &big { gpus: 8, memory: 640 }\n- &half { <<: *big, gpus: 4 }\n- { <<: *half, gpus: 2 }\n"
    )

    assert read(tmp_path, text) == [
        {"gpus": 8, "memory": 640},
        {"gpus": 4, "memory": 640},
        {"gpus": 2, "memory": 640},
    ]


def test_a_map_within_itself_is_read_once(tmp_path: Path) -> None:
    assert problems(tmp_path, "&all { self: *all, a: 1, a: 2 }") == [
        "line 1, column 26: 'a' is written twice"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: b: c", "line 1, column 5"),
        ("a: [b\n", "line 2, column 1"),
        ("a: *b", "line 1, column 4"),
        ("a\n---\nb", "line 2, column 1"),
        ("a: !system {}", "line 1, column 4"),
        ("? [a]\n: b", "line 1, column 3"),
        ("!!int eight", "is not YAML"),
    ],
)
def test_what_is_not_our_yaml_is_refused(tmp_path: Path, text: str, place: str) -> None:
    """The words after the place are the parser's, which has two implementations."""
    (problem,) = problems(tmp_path, text)

    assert problem.startswith(f"{place}: ")


def test_bytes_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, b"name: caf\xe9\n")

    assert problem.startswith("is not YAML: ")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPresets, match=r"/none.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")


def test_each_goes_on_after_a_mistake() -> None:
    def half(number: int) -> int:
        if number % 2:
            raise InvalidPresets(f"{number}: is odd")
        return number // 2

    assert each(half, [2, 4]) == [1, 2]
    with pytest.raises(InvalidPresets, match=r"^1: is odd\n3: is odd$"):
        each(half, [1, 2, 3])
