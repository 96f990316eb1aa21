import gzip
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from composite.catalog import Catalog, Cloud, NodeClass, Provisioner, Provisioning
from hooks.answers import served
from hooks.recording.exchange import Question, answering, recorded
from presets import load_catalog
from tests.cli.conftest import Run
from tests.hooks.questions import JsonObject, a_namespace_sync, a_sync, a_workspace

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STAMP = "2026-01-01T12:00:00Z"
ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/workspace"
HIDING = "tuning-with-a-config-map-is-made-of-what-it-says"


def a_recording(
    question: JsonObject | None = None,
    path: str = "/workspaces/sync",
    catalog: Catalog | None = None,
    now: datetime = NOW,
) -> JsonObject:
    """A recorded exchange of this version, as a file holds it."""
    found, body = catalog or load_catalog(), question or a_sync()
    answered = served(path, body, found, now)
    who = answering("0.1.0", found)
    text = recorded(Question(path, body, now), answered, who, now, "0a").to_bytes()
    whole: JsonObject = json.loads(text)
    return whole


def put(folder: Path, name: str, content: Any) -> Path:  # noqa: ANN401  (JSON)
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def another(recording: JsonObject) -> JsonObject:
    """The same, as if it had been answered by a version with another port."""
    text = json.dumps(recording).replace('"targetPort": 5000', '"targetPort": 5001')
    found: JsonObject = json.loads(text)
    assert found != recording
    return found


def test_the_same_answer_is_equal(run: Run, folder: Path) -> None:
    put(folder, "recorded/1.json", a_recording())
    put(folder, "recorded/2.json", a_recording(a_namespace_sync([a_workspace()]), "/machines/sync"))

    assert run("replay", "recorded") == (
        0,
        (
            "equal      recorded/1.json (/workspaces/sync default/falcon)\n"
            "equal      recorded/2.json (/machines/sync default)\n"
            "2 equal\n"
        ),
        "",
    )


def test_another_answer_is_told_field_by_field(run: Run, folder: Path) -> None:
    put(folder, "1.json", another(a_recording()))

    plain, with_fields = run("replay", "1.json"), run("replay", "1.json", "--diff")

    head = "differs    1.json (/workspaces/sync default/falcon): 1 field\n"
    field = 'children["Service default/falcon"].spec.ports[0].targetPort: 5001 → 5000'
    assert plain == (3, f"{head}1 differs\n", "")
    assert (with_fields.code, with_fields.out) == (3, f"{head}  {field}\n1 differs\n")


def test_as_of_its_own_time(run: Run, folder: Path) -> None:
    put(folder, "1.json", a_recording(now=datetime(2031, 1, 1, tzinfo=UTC)))

    assert run("replay", "1.json").code == 0


def test_an_answer_of_any_shape_is_compared(run: Run, folder: Path) -> None:
    found = a_recording()
    found["answer"]["children"] = [{"name": []}, {"name": {}}, None, 7]
    found["answer"]["status"]["conditions"] = [{"type": []}]
    put(folder, "1.json", found)

    assert run("replay", "1.json", "--diff").code == 3


def test_what_an_earlier_version_hid_or_did_not_hide_is_no_difference(
    run: Run, folder: Path
) -> None:
    command = ["serve", "--token", "hunter2", "--model", "m"]
    template = {"spec": {"containers": [{"name": "server", "image": "a", "command": command}]}}
    question = a_sync(a_workspace(inference={"template": template}))
    answer = served("/workspaces/sync", question, load_catalog(), NOW).answer
    assert answer is not None
    answer["status"]["conditions"][0]["message"] = "redacted"
    assert "hunter2" not in json.dumps(a_recording(question))
    put(folder, "1.json", {**a_recording(question), "request": question, "answer": answer})

    assert run("replay", "1.json", "--diff") == (
        0,
        "equal      1.json (/workspaces/sync default/falcon)\n1 equal\n",
        "",
    )


def test_the_order_of_children_is_no_difference(run: Run, folder: Path) -> None:
    found = a_recording()
    found["answer"]["children"].reverse()
    put(folder, "1.json", found)

    assert run("replay", "1.json").code == 0


def test_what_depends_on_a_hidden_value_is_no_difference(run: Run, folder: Path) -> None:
    question = yaml.safe_load((GOLDEN / HIDING / "request.yaml").read_text())
    put(folder, "1.json", a_recording(json.loads(json.dumps(question, default=str))))

    result = run("replay", "1.json")

    assert result.code == 0
    assert result.out.splitlines() == [
        (
            "redacted   1.json (/workspaces/sync default/tuning-phi-3): the answer that was given "
            "depends on what was redacted: data of ConfigMaps (1)"
        ),
        "1 redacted",
    ]


def test_what_differs_in_spite_of_hidden_values_does(run: Run, folder: Path) -> None:
    question = yaml.safe_load((GOLDEN / HIDING / "request.yaml").read_text())
    found = a_recording(json.loads(json.dumps(question, default=str)))
    found["redacted"]["answer"]["status"]["conditions"][0]["reason"] = "Other"
    put(folder, "1.json", found)

    assert run("replay", "1.json").code == 3


def test_an_error_is_answered_again(run: Run, folder: Path) -> None:
    question = {**a_sync(), "related": {"Machine.karpenter.sh/v1alpha5": {}, "Node.v1": {}}}
    found = a_recording(question)
    put(folder, "1.json", found)
    put(folder, "2.json", {**found, "error": "another"})
    put(
        folder,
        "3.json",
        {**a_recording(), "status": 500, "answer": None, "error": "internal error"},
    )

    result = run("replay", "1.json", "2.json", "3.json", "--diff")

    assert result.code == 3
    lines = result.out.splitlines()
    assert lines[0].startswith("equal      1.json")
    assert lines[2] == (
        "  error: another → the request holds no Pod.v1: are both hooks of version v2?"
    )
    assert "  HTTP: 500 → 200" in lines


ON_AWS = load_catalog(
    Cloud.AWS,
    provisioning=Provisioning(
        provisioner=Provisioner.NODECLAIM,
        cloud=Cloud.AWS,
        node_class=NodeClass(group="karpenter.k8s.aws", kind="EC2NodeClass"),
    ),
)


class TestSettings:
    def test_are_those_of_the_recording(self, run: Run, folder: Path) -> None:
        put(folder, "1.json", a_recording(catalog=ON_AWS))

        assert run("replay", "1.json") == (
            0,
            "equal      1.json (/workspaces/sync default/falcon)\n1 equal\n",
            "",
        )

    def test_or_those_of_here_and_it_is_said_how_they_differ(self, run: Run, folder: Path) -> None:
        put(folder, "1.json", a_recording(catalog=ON_AWS))

        result = run("replay", "1.json", "--settings", "current")

        assert result.code == 3
        told = [line for line in result.out.splitlines() if "other settings" in line]
        assert "other settings than recorded: cloud: aws → azure" in told
        assert "other settings than recorded: provisioner: nodeclaim → machine" in told

    def test_other_presets_are_told(self, run: Run, folder: Path) -> None:
        found = a_recording()
        found["settings"]["presets"] = "0123456789ab"
        put(folder, "1.json", found)

        result = run("replay", "1.json")

        assert result.code == 0
        assert "\nother settings than recorded: presets: 0123456789ab → " in result.out

    def test_presets_that_are_no_directory_are_refused(self, run: Run, folder: Path) -> None:
        put(folder, "1.json", a_recording())

        result = run("replay", "1.json", "--presets", "nowhere")

        assert (result.code, result.out) == (2, "")


def an_archive(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=mode) as found:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            found.addfile(member, io.BytesIO(content))
    return whole.getvalue()


def spoilt(archive: bytes) -> bytes:
    """The same with some bytes in the middle that are others."""
    middle = len(archive) // 2
    return archive[:middle] + b"\xff" * 64 + archive[middle + 64 :]


LONG = {
    f"recorded/{number}.json": json.dumps([*range(number, 9000, 7)]).encode()
    for number in range(20)
}
NONE = "is no archive: neither tar nor tar compressed with gzip, bzip2 or xz\n"
BROKEN_OFF = "is broken, or not the whole archive: "
BROKEN = {
    "text": (b"nothing of the kind", NONE),
    "nothing": (b"", NONE),
    "no tar": (gzip.compress(b"no tar"), NONE),
    "compressed and cut short": (an_archive({"a.json": b"{}"})[:40], BROKEN_OFF),
    "cut short": (an_archive({"a.json": bytes(1000)}, "w:")[:1000], BROKEN_OFF),
    "spoilt": (spoilt(an_archive(LONG, "w:xz")), BROKEN_OFF),
}


class TestArchives:
    @pytest.mark.parametrize(("name", "mode"), [("a.tar.gz", "w:gz"), ("a.tar", "w")])
    def test_of_a_directory_are_read(self, run: Run, folder: Path, name: str, mode: str) -> None:
        text = json.dumps(a_recording()).encode()
        content = an_archive({"recorded/2.json": text, "recorded/1.json": text}, mode)
        (folder / name).write_bytes(content)

        result = run("replay", name)

        assert result.code == 0
        assert result.out.splitlines() == [
            f"equal      {name}:recorded/1.json (/workspaces/sync default/falcon)",
            f"equal      {name}:recorded/2.json (/workspaces/sync default/falcon)",
            "2 equal",
        ]

    def test_that_are_bundles_hold_other_objects_too(self, run: Run, folder: Path) -> None:
        files = {
            "b/manifest.json": b"{}",
            "b/objects/Pod/default/a.json": b"{}",
            "b/requests/1.json": json.dumps(a_recording()).encode(),
        }
        (folder / "b.tgz").write_bytes(an_archive(files))
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

        packed, unpacked = run("replay", "b.tgz"), run("replay", "b")

        assert (
            packed.out
            == "equal      b.tgz:b/requests/1.json (/workspaces/sync default/falcon)\n1 equal\n"
        )
        assert (
            unpacked.out
            == "equal      b/requests/1.json (/workspaces/sync default/falcon)\n1 equal\n"
        )

    @pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN)
    def test_that_are_none_are_told_in_one_sentence(
        self, run: Run, folder: Path, content: bytes, said: str
    ) -> None:
        (folder / "a.tar").write_bytes(content)

        result = run("replay", "a.tar")

        assert result.code == 1
        assert result.err.startswith(f"a.tar: {said}")
        assert len(result.err.splitlines()) == 1


class TestOtherForms:
    def test_a_golden_case(self, run: Run, folder: Path) -> None:
        assert folder.is_dir()
        result = run("replay", str(GOLDEN / HIDING), "--now", STAMP)

        assert (result.code, result.out.splitlines()[-1]) == (0, "1 equal")

    def test_a_golden_case_of_another_installation(self, run: Run, folder: Path) -> None:
        case = next(GOLDEN.glob("falcon-7b-on-aws*"))
        assert folder.is_dir()

        assert run("replay", str(case / "request.yaml"), "--now", STAMP).code == 0
        assert run("replay", str(case), "--now", STAMP, "--settings", "current").code == 3

    @pytest.mark.parametrize(
        "form",
        [
            lambda found: {
                "path": "http://h:80/workspaces/sync",
                "request": found["request"],
                "response": found["answer"],
            },
            lambda found: {key: found[key] for key in ("path", "request", "status", "answer")},
        ],
        ids=["of metakaito dev", "of a proxy"],
    )
    def test_an_exchange(self, run: Run, folder: Path, form: Any) -> None:  # noqa: ANN401  (a function)
        put(folder, "1.json", form(a_recording()))

        assert run("replay", "1.json", "--now", STAMP).code == 0
        assert run("replay", "1.json", "--now", "2026-01-02T00:00:00Z").code == 3


UNREADABLE = {
    "is not JSON: EOF while parsing an object at line 1 column 1": "{",
    "must be one object": "[]",
    "holds no recorded request": "{}",
    (
        "is metakaito.recorded/v7, and this version of metakaito reads metakaito.recorded/v1"
    ): '{"format": "metakaito.recorded/v7"}',
    (
        "is no metakaito.recorded/v1: version: is missing; recorded: is missing; id: is missing; "
        "and 4 more"
    ): '{"format": "metakaito.recorded/v1"}',
    "does not say as of when it was answered: give --now": (
        '{"path": "/workspaces/sync", "request": {}, "response": {}}'
    ),
    (
        "holds a request and no answer to compare with: 'metakaito sync' or 'metakaito customize' "
        "answers it"
    ): json.dumps(a_sync()),
}


@pytest.mark.parametrize(("reason", "text"), UNREADABLE.items(), ids=UNREADABLE)
def test_what_is_no_recording_is_told(run: Run, folder: Path, reason: str, text: str) -> None:
    put(folder, "d/2.json", a_recording())
    (folder / "d/1.json").write_text(text)

    result = run("replay", "d")

    assert result.code == 1
    assert result.out.splitlines() == [
        f"unreadable d/1.json: {reason}",
        "equal      d/2.json (/workspaces/sync default/falcon)",
        "1 equal, 1 unreadable",
    ]


def test_an_answer_that_never_came_is_told(run: Run, folder: Path) -> None:
    put(folder, "1.json", {"path": "/workspaces/sync", "request": {}, "error": "x"})
    put(folder, "2.json", {"path": "/a", "request": {}, "response": {}})
    put(folder, "3.json", {"path": "/workspaces/sync", "request": [], "response": {}})

    lines = run("replay", "1.json", "2.json", "3.json", "--now", STAMP).out.splitlines()

    assert lines[:3] == [
        "unreadable 1.json: holds a question that was not answered",
        "unreadable 2.json: asks /a, which is no hook of ours",
        "unreadable 3.json: must have a request that is an object, and a status that is a number",
    ]


def test_a_file_that_is_not_there(run: Run) -> None:
    assert run("replay", "none.json") == (
        1,
        "unreadable none.json: No such file or directory\n1 unreadable\n",
        "",
    )
    assert run("replay", "none.tar") == (
        1,
        "",
        "none.tar: cannot be read: No such file or directory\n",
    )


def test_an_empty_directory_holds_nothing(run: Run, folder: Path) -> None:
    (folder / "d").mkdir()

    assert run("replay", "d") == (1, "", "d: holds no recorded request (*.json)\n")


def test_hidden_files_are_none(run: Run, folder: Path) -> None:
    put(folder, "d/.recording-1.json", {})
    put(folder, "d/1.json", a_recording())

    assert run("replay", "d").code == 0


def test_json_for_a_program(run: Run, folder: Path) -> None:
    put(folder, "1.json", another(a_recording()))
    put(folder, "2.json", {})

    result = run("replay", "1.json", "2.json", "-o", "json")

    assert result.code == 1
    assert json.loads(result.out) == {
        "files": [
            {
                "file": "1.json",
                "verdict": "differs",
                "path": "/workspaces/sync",
                "object": "default/falcon",
                "asOf": STAMP,
                "version": "0.1.0",
                "differences": [
                    {
                        "field": 'children["Service default/falcon"].spec.ports[0].targetPort',
                        "was": 5001,
                        "is": 5000,
                    }
                ],
            },
            {"file": "2.json", "verdict": "unreadable", "reason": "holds no recorded request"},
        ],
        "counts": {"equal": 0, "differs": 1, "redacted": 0, "unreadable": 1},
    }


def test_what_is_only_here_has_no_value_before(run: Run, folder: Path) -> None:
    found = a_recording()
    del found["answer"]["children"][0]
    put(folder, "1.json", found)

    [entry] = json.loads(run("replay", "1.json", "-o", "json").out)["files"]

    assert [sorted(each) for each in entry["differences"]] == [["field", "is"]]


def test_every_golden_case_is_equal(run: Run, folder: Path) -> None:
    assert folder.is_dir()
    result = run("replay", str(ROOT / "tests/golden"), "--now", STAMP)

    assert [line for line in result.out.splitlines() if not line.startswith("equal")] == [
        f"{len(result.out.splitlines()) - 1} equal"
    ]
