import pytest

from hooks.steps.failures import CannotBe
from hooks.steps.references import Reference, parse_reference

DIGEST = "sha256:" + "0" * 64
NAMES = {
    "busybox": Reference("docker.io", "library/busybox", "latest", None),
    "busybox:1.37.0": Reference("docker.io", "library/busybox", "1.37.0", None),
    "me/adapter:1": Reference("docker.io", "me/adapter", "1", None),
    "docker.io/busybox": Reference("docker.io", "library/busybox", "latest", None),
    "index.docker.io/me/a:1": Reference("docker.io", "me/a", "1", None),
    "ghcr.io/me/a.b-c__d:V_1": Reference("ghcr.io", "me/a.b-c__d", "V_1", None),
    "localhost/a:1": Reference("localhost", "a", "1", None),
    "host:5000/a": Reference("host:5000", "a", "latest", None),
    "[::1]:5000/a:1": Reference("[::1]:5000", "a", "1", None),
    f"host.test/a@{DIGEST}": Reference("host.test", "a", None, DIGEST),
    f"host.test/a:1@{DIGEST}": Reference("host.test", "a", "1", DIGEST),
}


@pytest.mark.parametrize(("text", "meant"), NAMES.items(), ids=NAMES)
def test_a_name_means_what_docker_means_by_it(text: str, meant: Reference) -> None:
    assert parse_reference(text) == meant


def test_docker_hub_answers_elsewhere() -> None:
    assert parse_reference("busybox").host == "registry-1.docker.io"
    assert str(parse_reference("busybox")) == "docker.io/library/busybox:latest"
    assert parse_reference(f"host.test/a:1@{DIGEST}").version == DIGEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://host.test/a",
        "host.test/A",
        "host.test/",
        "host.test//a",
        "host.test/a:",
        "host.test/a:b c",
        "host.test/a:-b",
        "host.test/a..b",
        "host.test/../a",
        "host.test/a@sha256:12",
        "host.test/a\n",
        "-host.test/a",
        "host.test/" + "a" * 256,
        "host.test/a:" + "b" * 129,
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(CannotBe) as refused:
        parse_reference(text)

    assert str(refused.value).startswith(f"{text!r} is not the name of an image: ")
