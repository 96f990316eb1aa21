"""The push step against a real registry."""

import base64
import io
import json
import os
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hooks.steps.failures import CannotBe, StepFailed
from hooks.steps.images import DOCKER, OCI, Family, digest_of, encode, parse_platform
from hooks.steps.push import Order, Pushed, push
from hooks.steps.registry import Words
from hooks.steps.transport import Transport
from hooks.steps.trust import trust
from tests.hooks.steps.certificates import Authority
from tests.hooks.steps.conftest import Time
from tests.hooks.steps.registries import Registry, running
from tests.hooks.steps.servers import (
    Answer,
    Line,
    Site,
    body,
    cut_before_the_answer,
    serving,
    status,
)
from tests.hooks.steps.token_server import ISSUER, REFRESH_TOKEN, SERVICE, Rights, TokenServer

AMD64 = parse_platform("linux/amd64")
WEIGHTS = os.urandom(3_000_000)
# The password is "right".
HTPASSWD = "me:$2y$04$ANpUosvWs0om8wQsycl7yOWb0q0oiQNDjdnWslU3fW6Ea6KUlkR8O\n"
# Where a token for the base as well as for the target is asked for.
PULL_AND_MORE = "repository:base:pull"
JOB = Words("tuning.output.image", "the Secret of tuning.output.imagePushSecret")


class Push(NamedTuple):
    """Pushes of one result, at a time that does not wait."""

    results: Path
    config: Path
    time: Time
    lines: list[str]

    def __call__(self, image: str, base: str = "scratch", patience: float = 0) -> Pushed:
        order = Order(self.results, image, base, AMD64, self.config, patience, JOB)
        return push(order, self.time.clock, self.lines.append)

    def log_in(self, host: str, **entry: str) -> None:
        self.config.joinpath("config.json").write_text(json.dumps({"auths": {host: entry}}))

    @property
    def uploaded(self) -> list[str]:
        return [line for line in self.lines if line.endswith("is uploaded")]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results" / "out"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(WEIGHTS)
    (folder / "fine_tuning_completed.txt").write_text("done")
    return folder.parent


@pytest.fixture
def pushing(results: Path, tmp_path: Path, virtual: Time, lines: list[str]) -> Push:
    config = tmp_path / "docker"
    config.mkdir()
    return Push(results, config, virtual, lines)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("registry")) as started:
        yield started


def basic(password: str) -> str:
    return base64.b64encode(f"me:{password}".encode()).decode()


def unpacked(registry: Registry, repository: str, layer: dict[str, Any]) -> dict[str, bytes | None]:
    content = registry.get(f"{repository}/blobs/{layer['digest']}")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        found: dict[str, bytes | None] = {}
        for member in archive:
            assert (member.uid, member.gid, member.mtime) == (0, 0, 0)
            assert member.mode == (0o755 if member.isdir() else 0o644)
            file = archive.extractfile(member)
            found[member.name] = file.read() if file else None
    return found


def put_base(registry: Registry, repository: str, family: Family = OCI, arch: str = "amd64") -> str:
    """Put an image with one layer into the registry, and return its digest."""
    layer = f"a layer for {arch}, compressed or not".encode()
    config = encode(
        {
            "architecture": arch,
            "os": "linux",
            "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
            "history": [{"created_by": "somebody"}],
        }
    )
    manifest = encode(
        {
            "schemaVersion": 2,
            "mediaType": family.manifest,
            "config": described(family.config, config),
            "layers": [described(family.layer, layer)],
        }
    )
    for content in (layer, config):
        registry.put_blob(repository, content, digest_of(content))
    registry.put_manifest(repository, "1", manifest, family.manifest)
    return digest_of(manifest)


def described(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}


def test_a_result_becomes_an_image_with_its_files_in_data(
    registry: Registry, pushing: Push
) -> None:
    pushed = pushing(f"{registry.host}/plain/adapter:1")

    manifest = registry.get("plain/adapter/manifests/1", OCI.manifest)
    described = json.loads(manifest)
    config = json.loads(registry.get(f"plain/adapter/blobs/{described['config']['digest']}"))
    assert pushed.digest == digest_of(manifest)
    assert pushed.image == f"{registry.host}/plain/adapter:1"
    assert pushed.layers == described["layers"]
    assert pushed.size == (
        len(manifest) + described["config"]["size"] + described["layers"][0]["size"]
    )
    assert described["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    assert unpacked(registry, "plain/adapter", described["layers"][0]) == {
        "data": None,
        "data/adapter_config.json": b"{}",
        "data/adapter_model.safetensors": WEIGHTS,
    }
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert [entry["created_by"] for entry in config["history"]] == ["metakaito push"]


def test_a_second_push_sends_nothing_and_gives_the_same_image(
    registry: Registry, pushing: Push
) -> None:
    first = pushing(f"{registry.host}/twice:1")
    begun = len(registry.requests("POST"))
    pushing.lines.clear()

    assert pushing(f"{registry.host}/twice:1") == first
    assert len(registry.requests("POST")) == begun
    assert pushing.uploaded == []


@pytest.mark.parametrize("family", [DOCKER, OCI], ids=["docker", "oci"])
def test_the_layer_is_laid_on_the_base_in_the_words_of_the_base(
    registry: Registry, pushing: Push, family: Family
) -> None:
    name = "docker" if family is DOCKER else "oci"
    put_base(registry, f"base/{name}", family)

    pushed = pushing(f"{registry.host}/on/{name}:1", f"{registry.host}/base/{name}:1")

    manifest = json.loads(registry.get(f"on/{name}/manifests/1", family.manifest))
    config = json.loads(registry.get(f"on/{name}/blobs/{manifest['config']['digest']}"))
    base = json.loads(registry.get(f"base/{name}/manifests/1", family.manifest))
    assert manifest["mediaType"] == family.manifest
    assert manifest["config"]["mediaType"] == family.config
    assert [layer["mediaType"] for layer in manifest["layers"]] == [family.layer, family.layer]
    assert manifest["layers"][0] == base["layers"][0]
    assert manifest["layers"] == pushed.layers
    assert config["config"] == {"Cmd": ["sh"]}
    assert len(config["rootfs"]["diff_ids"]) == 2
    assert [one["created_by"] for one in config["history"]] == ["somebody", "metakaito push"]
    assert any(f"is mounted from base/{name}" in line for line in pushing.lines)


def test_of_an_index_the_image_for_the_platform_is_taken(registry: Registry, pushing: Push) -> None:
    entries = []
    for arch in ("arm64", "amd64"):
        digest = put_base(registry, "base/index", arch=arch)
        size = len(registry.get(f"base/index/manifests/{digest}", OCI.manifest))
        platform = {"os": "linux", "architecture": arch}
        entries.append(
            {"mediaType": OCI.manifest, "digest": digest, "size": size, "platform": platform}
        )
    index = encode({"schemaVersion": 2, "mediaType": OCI.manifest_list, "manifests": entries})
    registry.put_manifest("base/index", "all", index, OCI.manifest_list)

    pushing(f"{registry.host}/on/index:1", f"{registry.host}/base/index:all")

    manifest = json.loads(registry.get("on/index/manifests/1", OCI.manifest))
    config = json.loads(registry.get(f"on/index/blobs/{manifest['config']['digest']}"))
    assert config["architecture"] == "amd64"
    order = Order(
        pushing.results,
        f"{registry.host}/on/index:2",
        f"{registry.host}/base/index:all",
        parse_platform("linux/s390x"),
        None,
        0,
    )
    with pytest.raises(StepFailed) as failed:
        push(order, pushing.time.clock, pushing.lines.append)
    assert str(failed.value) == (
        "the base image, which is named by --base: "
        f"{registry.host}/base/index:all is not made for linux/s390x, only for linux/arm64, "
        "linux/amd64"
    )


def test_a_base_of_another_registry_is_carried_over(
    registry: Registry, pushing: Push, tmp_path: Path
) -> None:
    with running(tmp_path) as other:
        put_base(other, "base/far")
        pushing(f"{registry.host}/on/far:1", f"{other.host}/base/far:1")

    manifest = json.loads(registry.get("on/far/manifests/1", OCI.manifest))
    first = registry.get(f"on/far/blobs/{manifest['layers'][0]['digest']}")
    assert first == b"a layer for amd64, compressed or not"
    assert len(pushing.uploaded) == 3


def test_an_upload_that_is_cut_goes_on_where_it_was(registry: Registry, pushing: Push) -> None:
    def settle(seconds: float) -> None:
        """Wait until the registry has noticed each cut, as it has after a second."""
        pushing.time.sleep(seconds)
        cuts = len(pushing.time.waits)
        end = time.monotonic() + 30
        while len(uploads(registry, "cut/up")) < cuts and time.monotonic() < end:
            time.sleep(0.01)

    # The first connection asks whether TLS is spoken; the next two are cut in the layer.
    line = Line(registry.port, up=[None, 1_000_000, 1_000_000])
    image = f"127.0.0.1:{line.port}/cut/up:1"
    order = Order(pushing.results, image, "scratch", AMD64, pushing.config, 0)
    pushed = push(order, pushing.time.clock._replace(sleep=settle), pushing.lines.append)
    line.close()

    manifest = registry.get("cut/up/manifests/1", OCI.manifest)
    assert pushed.digest == digest_of(manifest)
    files = unpacked(registry, "cut/up", pushed.layers[0])
    assert files["data/adapter_model.safetensors"] == WEIGHTS
    size = int(str(pushed.layers[0]["size"]))
    assert size < sum(line.carried) < size + 500_000, "what had arrived was not sent again"
    assert pushing.time.waits == [1.0, 1.0]
    assert len([told for told in pushing.lines if "going on in 1 s" in told]) == 2


def uploads(registry: Registry, repository: str) -> list[str]:
    """The requests with a part of a blob that the registry is done with."""
    asked = [*registry.requests("PUT"), *registry.requests("PATCH")]
    return [path for path in asked if path.startswith(f"/v2/{repository}/blobs/")]


def test_a_download_that_is_cut_is_tried_again(
    registry: Registry, pushing: Push, tmp_path: Path
) -> None:
    with running(tmp_path) as other:
        put_base(other, "base/cut")
        line = Line(other.port, down=[10_000, 700, 700])
        pushed = pushing(f"{registry.host}/cut/down:1", f"127.0.0.1:{line.port}/base/cut:1", 3600)
        line.close()

    assert pushed.digest == digest_of(registry.get("cut/down/manifests/1", OCI.manifest))
    assert pushing.time.waits
    assert pushing.time.waits == [10.0, 20.0][: len(pushing.time.waits)]


def test_a_registry_that_is_down_is_waited_for_about_an_hour(pushing: Push) -> None:
    with pytest.raises(StepFailed) as failed:
        pushing("127.0.0.1:1/adapter:1", patience=3600)

    assert str(failed.value) == (
        "127.0.0.1:1 does not answer: Connection refused; gave up after 16 tries in 55 min 10 s"
    )
    assert pushing.time.waits == [10, 20, 40, 80, 160, *[300] * 10]


def test_a_registry_with_an_authority_of_its_own_is_trusted_by_the_ca_crt_beside_the_config(
    pushing: Push, tmp_path: Path, authority: Authority
) -> None:
    with running(tmp_path, authority=authority) as secure:
        with pytest.raises(StepFailed) as failed:
            pushing(f"{secure.host}/adapter:1")
        (pushing.config / "ca.crt").write_bytes(authority.certificate.read_bytes())
        pushed = pushing(f"{secure.host}/adapter:1")

    assert str(failed.value).startswith(f"the certificate of {secure.host} is not trusted (")
    assert str(failed.value).endswith("as ca.crt, in a Secret under the key ca.crt")
    assert pushed.reference == f"{secure.host}/adapter:1@{pushed.digest}"


def test_a_proxy_is_used_for_a_registry_that_is_elsewhere(
    pushing: Push,
    tmp_path: Path,
    authority: Authority,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{site.server_port}")
    (pushing.config / "ca.crt").write_bytes(authority.certificate.read_bytes())
    with running(tmp_path, authority=authority) as secure:
        pushed = pushing(f"data.test:{secure.port}/adapter:1")

    assert pushed.image == f"data.test:{secure.port}/adapter:1"
    assert {request.path for request in site.asked} == {f"data.test:{secure.port}"}


def test_a_certificate_that_is_put_there_meanwhile_is_read(
    pushing: Push, tmp_path: Path, authority: Authority, virtual: Time
) -> None:
    def mend(seconds: float) -> None:
        virtual.sleep(seconds)
        (pushing.config / "ca.crt").write_bytes(authority.certificate.read_bytes())

    with running(tmp_path, authority=authority) as secure:
        order = Order(
            pushing.results, f"{secure.host}/adapter:1", "scratch", AMD64, pushing.config, 3600
        )
        push(order, virtual.clock._replace(sleep=mend), pushing.lines.append)

    assert virtual.waits == [10.0]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants a password."""
    folder = tmp_path_factory.mktemp("guarded")
    passwords = folder / "htpasswd"
    passwords.write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "guarded", "path": str(passwords)}}
    with running(folder, auth=auth) as started:
        yield started


def test_a_password_is_shown_to_who_asks_for_it(guarded: Registry, pushing: Push) -> None:
    pushing.log_in(guarded.host, auth=basic("right"))

    pushed = pushing(f"{guarded.host}/adapter:1")

    assert pushed.digest.startswith("sha256:")


def test_a_wrong_password_is_told_with_the_field_to_change(
    guarded: Registry, pushing: Push
) -> None:
    pushing.log_in(guarded.host, auth=basic("mistaken"))

    with pytest.raises(StepFailed) as failed:
        pushing(f"{guarded.host}/adapter:1")

    assert str(failed.value) == (
        f"push of the layer to {guarded.host}/adapter:1: {guarded.host} answers HTTP 401 for what "
        "it has in the Secret of tuning.output.imagePushSecret: correct that"
    )
    assert "mistaken" not in "".join(pushing.lines)


def test_a_missing_entry_is_told_with_those_there_are(guarded: Registry, pushing: Push) -> None:
    pushing.log_in("ghcr.io", auth=basic("right"))

    with pytest.raises(StepFailed) as failed:
        pushing(f"{guarded.host}/adapter:1")

    assert str(failed.value) == (
        f"{guarded.host} wants a password, and there is no entry for {guarded.host} in the Secret "
        "of tuning.output.imagePushSecret, only for ghcr.io: add one"
    )


def test_a_secret_that_is_mended_meanwhile_is_read(guarded: Registry, pushing: Push) -> None:
    pushing.log_in(guarded.host, auth=basic("mistaken"))

    def mend(seconds: float) -> None:
        pushing.time.sleep(seconds)
        pushing.log_in(guarded.host, auth=basic("right"))

    image = f"{guarded.host}/mended:1"
    order = Order(pushing.results, image, "scratch", AMD64, pushing.config, 3600, JOB)
    pushed = push(order, pushing.time.clock._replace(sleep=mend), pushing.lines.append)

    assert (pushed.image, pushing.time.waits) == (image, [10.0])


class Tokens(NamedTuple):
    """A registry that wants tokens, and who gives them."""

    registry: Registry
    server: TokenServer


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Tokens]:
    server = TokenServer(authority)
    with serving(Site()) as site:
        site.answers["/token"] = [server.answer]
        auth = {
            "token": {
                "realm": site.url("/token"),
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(authority.certificate),
            }
        }
        with running(tmp_path_factory.mktemp("tokens"), auth=auth) as started:
            yield Tokens(started, server)


@pytest.mark.parametrize(
    "entry",
    [
        {"auth": basic("right")},
        {"username": "me", "password": "right"},
        {"auth": basic(""), "identitytoken": REFRESH_TOKEN},
    ],
    ids=["auth", "password", "identity token"],
)
def test_a_token_is_fetched_with_what_is_known(
    tokens: Tokens, pushing: Push, entry: dict[str, str]
) -> None:
    host = tokens.registry.host
    pushing.log_in(host, **entry)
    tokens.server.scopes.clear()

    pushed = pushing(f"{host}/adapter:1")

    assert pushed.image == f"{host}/adapter:1"
    assert tokens.server.scopes == [["repository:adapter:pull,push"]]


@pytest.mark.parametrize(
    ("rights", "how"),
    [
        (Rights(), "is mounted from base"),
        (Rights(refused=(PULL_AND_MORE,)), "is uploaded"),
        (Rights(refused=(PULL_AND_MORE,), all_or_nothing=True), "is uploaded"),
    ],
    ids=["every right", "not both at once", "no token for both"],
)
def test_a_layer_is_mounted_where_the_token_lets_it_be(
    tokens: Tokens, pushing: Push, rights: Rights, how: str
) -> None:
    host = tokens.registry.host
    pushing.log_in(host, auth=basic("right"))
    pushing(f"{host}/base:1")
    (pushing.results / "out" / "adapter_config.json").write_text('{"of": "another"}')
    tokens.server.rights = rights

    pushing(f"{host}/on-{rights.all_or_nothing:d}-{len(rights.refused)}:1", f"{host}/base:1")
    tokens.server.rights = Rights()

    [told] = [line for line in pushing.lines if line.startswith("a layer of the base")]
    assert told.endswith(how)


def test_no_token_is_told_with_the_field_to_change(tokens: Tokens, pushing: Push) -> None:
    host = tokens.registry.host
    pushing.log_in(host, auth=basic("mistaken"))

    with pytest.raises(StepFailed) as failed:
        pushing(f"{host}/adapter:1")

    assert re.fullmatch(
        r"127\.0\.0\.1:\d+ gives no token \(HTTP 401\) for what it has in the Secret of "
        r"tuning\.output\.imagePushSecret: correct that",
        str(failed.value),
    )


@pytest.mark.parametrize("image", ["registry.test/UPPER:1", "host:5000/a b", "registry.test/a:b:c"])
def test_a_name_that_is_none_fails_at_once(pushing: Push, image: str) -> None:
    with pytest.raises(CannotBe, match=r"is not the name of an image: "):
        pushing(image, patience=3600)

    assert pushing.time.waits == []


def test_without_a_result_nothing_is_tried(pushing: Push) -> None:
    (pushing.results / "out" / "fine_tuning_completed.txt").unlink()

    with pytest.raises(StepFailed) as failed:
        pushing("127.0.0.1:1/adapter:1", patience=3600)

    assert str(failed.value) == (
        "the training ended without a result: there is no fine_tuning_completed.txt in "
        f"{pushing.results}"
    )
    assert pushing.time.waits == []


def test_plain_http_is_spoken_to_this_machine_only() -> None:
    with pytest.raises(StepFailed, match=r"registry\.example/v2/ is not https, and"):
        Transport(trust()).send("GET", "http://registry.example/v2/", {})


def test_blobs_that_the_registry_keeps_elsewhere_are_there(pushing: Push, site: Site) -> None:
    site.head = status(307, Location="http://store.example/blob")
    site.answers = fake_registry({"/v2/adapter/manifests/1": [status(201), body(b"{}")]})

    with pytest.raises(StepFailed, match="was pushed and the registry has"):
        pushing(f"127.0.0.1:{site.server_port}/adapter:1")

    assert [asked.path for asked in site.asked if "uploads" in asked.path] == []


@pytest.mark.parametrize(
    ("code", "answer", "sentence"),
    [
        (405, b"", "answers HTTP 405: change tuning.output.image"),
        (
            413,
            b"",
            (
                "answers HTTP 413: the registry, or a proxy in front of it, limits the size of a "
                "request; whoever runs it can raise that limit"
            ),
        ),
        (412, b"{}", "answers HTTP 412: change tuning.output.image"),
        (
            400,
            b'{"errors": [{"code": "NAME_INVALID", "message": "two\\nlines"}]}',
            "answers HTTP 400 (NAME_INVALID: two lines): change tuning.output.image",
        ),
    ],
)
def test_what_a_registry_will_never_take_fails_at_once(
    pushing: Push, site: Site, code: int, answer: bytes, sentence: str
) -> None:
    site.answers = fake_registry({"/v2/adapter/blobs/uploads/": [body(answer, code=code)]})

    with pytest.raises(CannotBe) as refused:
        pushing(f"127.0.0.1:{site.server_port}/adapter:1", patience=3600)

    assert str(refused.value).endswith(sentence)
    assert pushing.time.waits == []


def test_what_is_wrong_with_the_base_image_is_said_of_it(pushing: Push, site: Site) -> None:
    host = f"127.0.0.1:{site.server_port}"
    site.answers = {"/v2/": [status(200)], "/v2/base/manifests/1": [status(405)]}

    with pytest.raises(CannotBe) as refused:
        pushing(f"{host}/adapter:1", base=f"{host}/base:1", patience=3600)

    assert str(refused.value) == (
        f"the base image, which is named by --base: pull of {host}/base:1: {host} answers HTTP "
        "405: change it"
    )


@pytest.mark.parametrize("code", [429, 503])
def test_a_refused_part_keeps_the_wait_that_is_asked_for(
    pushing: Push, site: Site, code: int
) -> None:
    site.answers = fake_registry(
        {
            "/v2/adapter/blobs/uploads/": [status(202, Location="/upload")],
            # Whole and cut, how far it is, in parts, whole again.
            "/upload": [
                cut_before_the_answer,
                status(404),
                status(code, Retry_After="77"),
                status(201),
            ],
            "/v2/adapter/manifests/1": [status(201), body(b"{}")],
        }
    )

    with pytest.raises(StepFailed, match="was pushed and the registry has"):
        pushing(f"127.0.0.1:{site.server_port}/adapter:1", patience=100)

    assert 77.0 in pushing.time.waits


@pytest.mark.parametrize("code", [400, 405, 413])
def test_a_registry_that_takes_no_parts_gets_all_of_it_again(
    pushing: Push, site: Site, code: int
) -> None:
    unsupported = b'{"errors": [{"code": "UNSUPPORTED"}]}'
    site.answers = fake_registry(
        {
            "/v2/adapter/blobs/uploads/": [status(202, Location="/upload")],
            # Whole and cut, how far it is, in parts, whole again.
            "/upload": [
                cut_before_the_answer,
                status(404),
                body(unsupported, code=code),
                status(201),
            ],
            "/v2/adapter/manifests/1": [status(201), body(b"{}")],
        }
    )

    with pytest.raises(StepFailed, match="was pushed and the registry has"):
        pushing(f"127.0.0.1:{site.server_port}/adapter:1", patience=30)

    sent = [asked.method for asked in site.asked if asked.path.startswith("/upload")]
    assert sent[:4] == ["PUT", "GET", "PATCH", "PUT"]


def test_a_401_that_asks_for_nothing_is_tried_again(pushing: Push, site: Site) -> None:
    site.answers = fake_registry({"/v2/adapter/blobs/uploads/": [status(401)]})

    with pytest.raises(StepFailed, match="gave up after 2 tries"):
        pushing(f"127.0.0.1:{site.server_port}/adapter:1", patience=15)


def test_a_wait_beyond_the_patience_is_cut_to_a_last_try(pushing: Push, site: Site) -> None:
    site.answers = fake_registry({"/v2/adapter/blobs/uploads/": [status(503, Retry_After="7200")]})

    with pytest.raises(StepFailed, match="gave up after 2 tries in 1 h"):
        pushing(f"127.0.0.1:{site.server_port}/adapter:1", patience=3600)

    assert pushing.time.waits == [3600.0]


def test_a_registry_that_has_something_else_afterwards_is_not_believed(
    pushing: Push, site: Site
) -> None:
    site.answers = fake_registry(
        {
            "/v2/adapter/blobs/uploads/": [status(202, Location="/upload?x=1")],
            "/upload": [status(201)],
            "/v2/adapter/manifests/1": [status(201), body(b"{}")],
        }
    )

    with pytest.raises(StepFailed) as failed:
        pushing(f"127.0.0.1:{site.server_port}/adapter:1")

    assert re.search(
        rf"sha256:[0-9a-f]{{64}} was pushed and the registry has {digest_of(b'{}')}$",
        str(failed.value),
    )


def test_a_blob_that_is_kept_elsewhere_is_fetched_without_credentials(
    registry: Registry, pushing: Push, site: Site
) -> None:
    content = b"a layer"
    config = encode(
        {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [digest_of(content)]}}
    )
    manifest = encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI.manifest,
            "config": described(OCI.config, config),
            "layers": [described(OCI.layer, content)],
        }
    )
    with serving(Site()) as store:
        store.answers = {"/layer": [body(content)], "/config": [body(config)]}
        challenge = status(401, WWW_Authenticate='Basic realm="x"')
        site.answers = {
            "/v2/base/manifests/1": [challenge, body(manifest)],
            f"/v2/base/blobs/{digest_of(config)}": [status(307, Location=store.url("/config"))],
            f"/v2/base/blobs/{digest_of(content)}": [status(307, Location=store.url("/layer"))],
        }
        pushing.log_in(f"127.0.0.1:{site.server_port}", auth=basic("right"))
        pushing(f"{registry.host}/on/store:1", f"127.0.0.1:{site.server_port}/base:1")

        assert store.headers("Authorization") == [None, None]
    assert site.headers("Authorization")[-2:] == [f"Basic {basic('right')}"] * 2


def fake_registry(answers: dict[str, list[Answer]]) -> dict[str, list[Answer]]:
    """Answers of a registry that has nothing; it takes whatever is not said otherwise."""
    return {"/v2/": [status(200)], **answers}
