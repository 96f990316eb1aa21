import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from composite.catalog import Cloud, NodeClass, Provisioner, Provisioning, Runtime
from hooks.misspelt import OF_THE_RUNTIME, SERVICE_LINK, hint
from hooks.settings import (
    VARIABLES,
    InvalidSettings,
    Settings,
    allowed,
    fingerprint,
    load_settings,
    meanings,
    parse_address,
    variable,
)


def test_an_empty_environment_gives_kaito_on_azure() -> None:
    settings = load_settings()

    assert settings.provisioning == Provisioning(
        provisioner=Provisioner.MACHINE,
        cloud=Cloud.AZURE,
        node_class=NodeClass(group="karpenter.azure.com", kind="AKSNodeClass", name="default"),
        image_registry="mcr.microsoft.com/aks/kaito",
    )
    assert settings.presets is None


def test_the_node_class_follows_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAKAITO_CLOUD", "aws")

    assert load_settings().node_class == NodeClass(
        group="karpenter.k8s.aws", kind="EC2NodeClass", name="default"
    )


def test_each_part_of_the_node_class_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAKAITO_NODE_CLASS_GROUP", "karpenter.k8s.oracle")
    monkeypatch.setenv("METAKAITO_NODE_CLASS_KIND", "OciNodeClass")
    monkeypatch.setenv("METAKAITO_NODE_CLASS_NAME", "gpus")

    assert load_settings().node_class == NodeClass(
        group="karpenter.k8s.oracle", kind="OciNodeClass", name="gpus"
    )


def test_reads_every_setting_from_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret")
    values = {
        "provisioner": "nodeclaim",
        "cloud": "aws",
        "node_class_group": "a.b",
        "node_class_kind": "C",
        "node_class_name": "d",
        "image_registry": "localhost:5000/kaito",
        "runtime": "metakaito",
        "runtime_image": "localhost:5000/runtime:1",
        "steps_image": f"localhost:5000/steps@sha256:{'0a' * 32}",
        "adapter_base": "scratch",
        "fetch_allow_networks": "10.0.0.0/8,fd00::/8",
        "presets": str(tmp_path),
        "bind": "[::1]:0",
        "token_file": str(tmp_path / "token"),
        "workers": "4",
        "threads": "8",
        "max_request_bytes": "1048576",
        "stop_seconds": "5",
        "log_level": "debug",
        "log_format": "text",
        "record": str(tmp_path / "recorded"),
        "record_max_requests": "5",
        "record_max_bytes": "1048577",
        "virtual_clock": "True",
    }
    for name, value in values.items():
        monkeypatch.setenv(variable(name), value)

    read = load_settings().model_dump(mode="json")

    assert {name: str(value) for name, value in read.items()} == values


def test_what_serves_tunes_fetches_and_pushes_is_part_of_the_provisioning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("METAKAITO_RUNTIME", "metakaito")
    monkeypatch.setenv("METAKAITO_RUNTIME_IMAGE", "r.example/runtime:1")
    monkeypatch.setenv("METAKAITO_STEPS_IMAGE", "r.example/steps:2")
    monkeypatch.setenv("METAKAITO_ADAPTER_BASE", "scratch")
    monkeypatch.setenv("METAKAITO_FETCH_ALLOW_NETWORKS", "10.0.0.1/8, fd00::/8")

    assert load_settings().provisioning == Provisioning(
        runtime=Runtime.METAKAITO,
        runtime_image="r.example/runtime:1",
        steps_image="r.example/steps:2",
        adapter_base="scratch",
        fetch_networks=("10.0.0.0/8", "fd00::/8"),
    )


@pytest.mark.parametrize(
    "name", ["METAKAITO_WORKERS", "METAKAITO_REGISTY", "METAKAITO_PORT", "metakaito_cloud"]
)
def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")

    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "METAKAITO_PROVISIONER",
            "karpenter",
            "METAKAITO_PROVISIONER='karpenter' cannot be used; allowed: machine, nodeclaim, none",
        ),
        (
            "METAKAITO_CLOUD",
            "gcp",
            "METAKAITO_CLOUD='gcp' cannot be used; allowed: azure, aws",
        ),
        (
            "METAKAITO_NODE_CLASS_KIND",
            "My Class",
            (
                "METAKAITO_NODE_CLASS_KIND='My Class' cannot be used; "
                "allowed: letters, digits, '-' and '.'"
            ),
        ),
        (
            "METAKAITO_IMAGE_REGISTRY",
            "https://registry.example/",
            (
                "METAKAITO_IMAGE_REGISTRY='https://registry.example/' cannot be used; "
                "allowed: host[:port][/path], without https:// and a last slash"
            ),
        ),
        (
            "METAKAITO_RUNTIME",
            "vllm",
            "METAKAITO_RUNTIME='vllm' cannot be used; allowed: kaito, metakaito",
        ),
        *(
            (
                f"METAKAITO_{name}",
                "https://registry.example/a:1",
                (
                    f"METAKAITO_{name}='https://registry.example/a:1' cannot be used; "
                    "allowed: registry/repository:tag, or with @sha256:..."
                ),
            )
            for name in ("RUNTIME_IMAGE", "STEPS_IMAGE", "ADAPTER_BASE")
        ),
        *(
            (
                "METAKAITO_FETCH_ALLOW_NETWORKS",
                networks,
                (
                    f"METAKAITO_FETCH_ALLOW_NETWORKS={networks!r} cannot be used; "
                    "allowed: networks in CIDR notation, with commas between them"
                ),
            )
            for networks in ("intranet", "10.0.0.0/8 fd00::/8", "10.0.0.0/33")
        ),
        (
            "METAKAITO_PRESETS",
            "/nowhere/at/all",
            "METAKAITO_PRESETS='/nowhere/at/all' cannot be used; allowed: a directory that exists",
        ),
        (
            "METAKAITO_BIND",
            "8080",
            (
                "METAKAITO_BIND='8080' cannot be used; allowed: host:port, [host]:port or :port, "
                "the port from 0 to 65535"
            ),
        ),
        (
            "METAKAITO_WORKERS",
            "two",
            "METAKAITO_WORKERS='two' cannot be used; allowed: a whole number from 1 to 64",
        ),
        (
            "METAKAITO_THREADS",
            "0",
            "METAKAITO_THREADS='0' cannot be used; allowed: a whole number from 1 to 256",
        ),
        (
            "METAKAITO_MAX_REQUEST_BYTES",
            "64MiB",
            (
                "METAKAITO_MAX_REQUEST_BYTES='64MiB' cannot be used; "
                "allowed: a whole number from 65536 to 1073741824"
            ),
        ),
        (
            "METAKAITO_LOG_LEVEL",
            "INFO",
            "METAKAITO_LOG_LEVEL='INFO' cannot be used; allowed: debug, info, warning, error",
        ),
        (
            "METAKAITO_WORKER",
            "3",
            "METAKAITO_WORKER: there is no such setting; did you mean METAKAITO_WORKERS?",
        ),
        (
            "METAKAITO_IMAGE_REGISTY",
            "r.example",
            (
                "METAKAITO_IMAGE_REGISTY: there is no such setting; "
                "did you mean METAKAITO_IMAGE_REGISTRY?"
            ),
        ),
        (
            "METAKAITO_REGISTRY",
            "r.example",
            "METAKAITO_REGISTRY: there is no such setting; did you mean METAKAITO_IMAGE_REGISTRY?",
        ),
        (
            "metakaito_cloud",
            "aws",
            "metakaito_cloud: there is no such setting; did you mean METAKAITO_CLOUD?",
        ),
        (
            "METAKAITO_FOO",
            "1",
            (
                "METAKAITO_FOO: there is no such setting; after METAKAITO_ comes PROVISIONER, "
                "CLOUD, NODE_CLASS_GROUP, NODE_CLASS_KIND, NODE_CLASS_NAME, IMAGE_REGISTRY, "
                "RUNTIME, RUNTIME_IMAGE, STEPS_IMAGE, ADAPTER_BASE, FETCH_ALLOW_NETWORKS, "
                "PRESETS, BIND, TOKEN_FILE, WORKERS, THREADS, MAX_REQUEST_BYTES, STOP_SECONDS, "
                "LOG_LEVEL, LOG_FORMAT, RECORD, RECORD_MAX_REQUESTS, RECORD_MAX_BYTES or "
                "VIRTUAL_CLOCK"
            ),
        ),
        (
            "METAKAITO_PORT",
            "8080",
            "METAKAITO_PORT: there is no such setting; did you mean METAKAITO_BIND, such as :8080?",
        ),
    ],
)
def test_says_which_variable_cannot_be_used_and_what_can(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidSettings) as caught:
        load_settings()

    assert str(caught.value) == message


MEANT = {
    "REGISTY": ["IMAGE_REGISTRY"],
    "RECORDS": ["RECORD"],
    "PRESETS_DIR": ["PRESETS"],
    # A whole word of a name comes before what is like it: BIND, CLOUD, WORKERS.
    "KIND": ["NODE_CLASS_KIND"],
    "CLOCK": ["VIRTUAL_CLOCK"],
    "NETWORKS": ["FETCH_ALLOW_NETWORKS"],
    "NAME": ["NODE_CLASS_NAME"],
    "STOP": ["STOP_SECONDS"],
    # Of several settings.
    "LOG": ["LOG_LEVEL", "LOG_FORMAT"],
    "IMAGE": ["IMAGE_REGISTRY", "RUNTIME_IMAGE", "STEPS_IMAGE"],
    # Of none, though half of it is like PROVISIONER, RECORD, RUNTIME.
    "VERSION": [],
    "EXPORT": [],
    "TIMEOUT": [],
}


@pytest.mark.parametrize(("name", "meant"), MEANT.items(), ids=MEANT)
def test_a_setting_is_only_hinted_at_where_it_can_have_been_meant(
    name: str, meant: list[str]
) -> None:
    told = hint(f"METAKAITO_{name}", "METAKAITO_", VARIABLES)

    asked = told.removeprefix("did you mean ").removesuffix("?")
    found = re.split(", | or ", asked) if asked != told else []
    assert found == [f"METAKAITO_{each}" for each in meant]


def test_says_everything_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAKAITO_WORKERS", "0")
    monkeypatch.setenv("METAKAITO_CLOUD", "gcp")

    with pytest.raises(InvalidSettings) as caught:
        load_settings()

    assert str(caught.value).splitlines() == [
        "METAKAITO_CLOUD='gcp' cannot be used; allowed: azure, aws",
        "METAKAITO_WORKERS='0' cannot be used; allowed: a whole number from 1 to 64",
    ]


def service_links(service: str, port: str, protocol: str) -> dict[str, str]:
    """
    Return what Kubernetes puts into every container of the namespace of a Service.

    Source: https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/envvars/envvars.go
    """
    prefix = service.upper().replace("-", "_")
    url = f"{protocol}://10.0.0.1:8080"
    numbered = f"{prefix}_PORT_8080_{protocol.upper()}"
    return {
        f"{prefix}_SERVICE_HOST": "10.0.0.1",
        f"{prefix}_SERVICE_PORT": "8080",
        f"{prefix}_SERVICE_PORT_{port.upper().replace('-', '_')}": "8080",
        f"{prefix}_PORT": url,
        numbered: url,
        f"{numbered}_PROTO": protocol,
        f"{numbered}_PORT": "8080",
        f"{numbered}_ADDR": "10.0.0.1",
    }


RELEASES = (
    *("metakaito", "metakaito-hooks", "metakaito-metacontroller", "metakaito-worker"),
    *("metakaito-image-registy", "metakaito-port", "metakaito-service", "metakaito-threads-2"),
    *("metakaito-service-host", "metakaito-clouds", "metakaito-node-class-names"),
)


@pytest.mark.parametrize("service", RELEASES)
def test_nothing_that_kubernetes_sets_for_a_service_of_any_name_stops_the_server(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    for port, protocol in (("http", "tcp"), ("bind", "udp"), ("a-port", "sctp")):
        for name, value in service_links(service, port, protocol).items():
            monkeypatch.setenv(name, value)

    assert load_settings() == Settings()
    assert not [name for name in VARIABLES if SERVICE_LINK.search(name)]


def test_a_variable_of_the_model_server_or_of_the_tests_is_no_misspelt_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = Path("presets/runtimes/transformers/serving/settings.py")
    spec = spec_from_file_location("settings_of_the_runtime", file)
    assert spec is not None
    assert spec.loader is not None
    runtime = module_from_spec(spec)
    spec.loader.exec_module(runtime)
    theirs = [runtime.variable(name) for name in runtime.Settings.model_fields]
    assert {f"METAKAITO_{name}" for name in OF_THE_RUNTIME} == {
        name for name in theirs if name.startswith("METAKAITO_")
    }

    for name in [*theirs, "METAKAITO_TEST_RECORD", "_METAKAITO_COMPLETE", "HOOKS", "workers"]:
        monkeypatch.setenv(name, "1")

    assert load_settings() == Settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_means_and_what_is_allowed(name: str) -> None:
    description = meanings()[name]

    assert len(description) > 60
    assert "default" in description, "say why the default is what it is"
    assert allowed(name)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":8080", ("", 8080)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_an_address_has_an_optional_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "8080", "::1:80", "host:", "host:65536", "http://a:80", "a b:1"]
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address such as :8080"):
        parse_address(text)


def test_a_fingerprint_tells_what_differs() -> None:
    usual = fingerprint(Settings().catalog())
    other = Settings(provisioner=Provisioner.NODECLAIM, image_registry="mirror.example")

    assert usual == fingerprint(Settings().catalog())
    assert {
        name for name, value in fingerprint(other.catalog()).items() if value != usual[name]
    } == {
        "provisioner",
        "image registry",
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"runtime": Runtime.METAKAITO}, "runtime"),
        ({"runtime_image": "r.example/runtime:1"}, "runtime"),
        ({"steps_image": "r.example/steps:1"}, "steps"),
        ({"adapter_base": "scratch"}, "steps"),
        ({"fetch_allow_networks": "10.0.0.0/8"}, "steps"),
    ],
)
def test_a_fingerprint_tells_of_runtime_and_steps(changes: dict[str, str], told: str) -> None:
    usual = fingerprint(Settings().catalog())
    other = fingerprint(Settings.model_validate(changes).catalog())

    assert [name for name, value in other.items() if value != usual[name]] == [told]
