"""
How a model is tuned: configuration, data, command line, where the result goes.

Source: https://github.com/kaito-project/kaito/blob/v0.3.2/pkg/workspace/tuning/preset-tuning.go
"""

import hashlib
import json
import posixpath
from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from composite import names
from composite.catalog import Catalog, ParameterKind, Preset, Weights
from composite.catalog import Tuning as TuningFacts
from composite.models import JsonObject
from composite.origins import Chosen, Origin, Origins, Source, seen_there, setting, written
from composite.refusal import Problem, Refusal
from composite.workspace.api import DataDestination, DataSource, SeenTraining, Tuning
from composite.workspace.observe import Seen
from composite.workspace.seen_jobs import SeenConfig
from composite.workspace.server import flags, of_preset, of_weights, own_weights, server_image

# Directories that hold something else; results in them would hide it.
TAKEN_PATHS = (names.CONFIG_PATH, names.DATA_PATH)
LONGEST_PATH = 4096
# A tag that is meant to move on; any other holds what was pushed to it.
MOVING_TAG = "latest"
HASH_DIGITS = 10

QUANTIZED = ("load_in_4bit", "load_in_8bit")

KINDS: dict[ParameterKind, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "a text"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "list": ((list,), "a list"),
    "object": ((dict,), "an object"),
}


class Training(NamedTuple):
    """Everything about one training; equal trainings have an equal ``hash``."""

    job: str
    hash: str
    config_name: str
    config_text: str
    results_path: str
    results_directory: str | None
    source: DataSource
    destination: DataDestination
    image: str
    command: str
    gpus: int
    env: dict[str, str]
    pull_secrets: tuple[str, ...]
    weights: Weights | None
    steps_image: str
    adapter_base: str
    fetch_networks: tuple[str, ...]
    origins: Origins

    @property
    def ours(self) -> bool:
        """Whether metakaito's runtime trains, which needs no rights."""
        return self.weights is not None


def plan_training(
    name: str,
    preset: Preset,
    tuning: Tuning,
    chosen: Chosen[JsonObject],
    gpus: Chosen[int],
    seen: Seen,
    catalog: Catalog,
) -> Training:
    """
    Return how to tune, with so many GPUs and one process on each.

    A Job that runs or ran this very training keeps its name; the first is called like its
    Workspace, a later one has digits of its hash besides.
    """
    facts, config = facts_of(preset), chosen.value
    text = config_text(config)
    digest = training_hash(tuning, config)
    known = next((job.name for job in seen.jobs if job.hash == digest), None)
    where, tunes = catalog.provisioning, tuning_preset(preset)
    image = server_image(tunes, tuning.preset, catalog, "tuning.preset")
    free = name if all(job.name != name for job in seen.jobs) else f"{name}-{digest[:HASH_DIGITS]}"
    return Training(
        job=known or free,
        hash=digest,
        config_name=config_name(name, text),
        config_text=text,
        results_path=results_path(config),
        results_directory=results_directory(name, tuning, digest),
        source=tuning.input,
        destination=tuning.output,
        image=image.value,
        command=training_command(facts, gpus.value),
        gpus=gpus.value,
        env=facts.env,
        pull_secrets=pull_secrets(tuning),
        weights=own_weights(tunes, tuning.preset, catalog),
        steps_image=where.steps_image,
        adapter_base=where.adapter_base,
        fetch_networks=where.fetch_networks,
        origins={
            **OF_EVERY_TRAINING,
            "job": (written("metadata.name"),),
            "config_name": (written("metadata.name"), *chosen.origins),
            "config_text": chosen.origins,
            "results_path": chosen.origins,
            "image": of_image(image, preset),
            "command": (
                of_preset(preset, "tuning.launcher"),
                of_preset(preset, "tuning.launcherFlags"),
                *gpus.origins,
            ),
            "gpus": gpus.origins,
            "env": (Origin(Source.PRESET, "tuning.env", preset.name, alike=True),),
            "weights": of_weights(preset),
        },
    )


# What is decided by the same fields, whatever is tuned.
OF_EVERY_TRAINING: Origins = {
    "hash": (written("tuning"),),
    "results_directory": (written("metadata.name"), written("tuning")),
    "source": (written("tuning.input", alike=True),),
    "destination": (written("tuning.output", alike=True),),
    "pull_secrets": (
        written("tuning.input.imagePullSecrets"),
        written("tuning.preset.presetOptions.imagePullSecrets"),
    ),
    "steps_image": (setting("STEPS_IMAGE"),),
    "adapter_base": (setting("ADAPTER_BASE"),),
    "fetch_networks": (setting("FETCH_ALLOW_NETWORKS"),),
}


def of_image(image: Chosen[str], preset: Preset) -> tuple[Origin, ...]:
    """Return the origins of the image that tunes, which a preset may have apart."""
    own = of_preset(preset, "tuning.image")
    apart = preset.tuning is not None and preset.tuning.image is not None
    return tuple(own if apart and each.field == "image" else each for each in image.origins)


def facts_of(preset: Preset) -> TuningFacts:
    """Return what is known of tuning a preset that the rules have let pass."""
    if preset.tuning is None:
        raise ValueError(f"{preset.name} cannot be tuned")
    return preset.tuning


def training_hash(tuning: Tuning, config: JsonObject) -> str:
    """
    Return what tells one training from another: model, method, data, destination, configuration.

    Not the nodes, nor what a new version of the catalog would choose, its default configuration
    included: neither is a reason to throw away a training that runs or is done. The names of
    Secrets are told too, for another one reaches no pod that is there already.
    """
    source, destination = tuning.input, tuning.output
    words = {
        "preset": tuning.preset.name,
        "image": tuning.preset.presetOptions.image or None,
        "method": tuning.method.lower(),
        "input": [source.urls or None, source.image or None, source.volumeSource],
        "output": [destination.image or None, destination.volumeSource],
        "secrets": [
            tuning.preset.presetOptions.imagePullSecrets or None,
            source.imagePullSecrets or None,
            destination.imagePushSecret or None,
        ],
        "config": config if tuning.config else None,
    }
    text = json.dumps(words, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def results_directory(name: str, tuning: Tuning, digest: str) -> str | None:
    """Return where in the user's volume the results go: each training has a directory there."""
    return f"{name}-{digest[:HASH_DIGITS]}" if tuning.output.volumeSource is not None else None


def config_name(name: str, text: str) -> str:
    """Return the name of a ConfigMap, which says what it holds."""
    return f"{name}-config-{hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]}"


def config_text(config: JsonObject) -> str:
    """Write a configuration as the trainer reads it: JSON, which is YAML, in one order of keys."""
    text = json.dumps({names.TRAINING_CONFIG: config}, indent=2, sort_keys=True, ensure_ascii=False)
    return text + "\n"


def tuning_preset(preset: Preset) -> Preset:
    """Return a preset with the image that tunes it in place of the one that serves it."""
    return preset.model_copy(update={"image": facts_of(preset).image or preset.image})


def training_command(facts: TuningFacts, gpus: int) -> str:
    """Return the shell command, with one process for each GPU of the node."""
    launch = flags({**facts.launcherFlags, "num_processes": str(gpus)})
    return " ".join([facts.launcher, *launch, names.TRAINING_SCRIPT])


def pull_secrets(tuning: Tuning) -> tuple[str, ...]:
    """Return each Secret that an image of the pod may need, once; not the one to push with."""
    listed = (*(tuning.input.imagePullSecrets or ()),)
    return tuple(dict.fromkeys((*listed, *(tuning.preset.presetOptions.imagePullSecrets or ()))))


def find_config(
    tuning: Tuning, namespace: str, config: SeenConfig | None, catalog: Catalog
) -> Chosen[JsonObject]:
    """
    Return the training configuration: the user's, or the default of the method.

    Raises:
        Refusal: The user's is not there, cannot be read, or holds what the trainer does not know.

    """
    method = tuning.method.lower()
    if not tuning.config:
        default = Origin(Source.METHOD, "its default configuration", method)
        return Chosen(resolved(catalog.tuning_configs[method]), (default,))
    if config is None:
        raise refused(f"there is no ConfigMap {tuning.config!r} in namespace {namespace!r}")
    found = read_config(config, catalog)
    problems = [*section_problems(found, catalog), *method_problems(found, method)]
    problems += [*path_problems(found), *format_problems(found)]
    if problems:
        raise Refusal(*problems)
    holds = seen_there(f"ConfigMap {tuning.config}")
    return Chosen(resolved(found), (written("tuning.config"), holds))


def given_config(name: str, digest: str, seen: Seen) -> Chosen[JsonObject] | None:
    """Return the configuration that the Job of this very training was given, if it is there."""
    used = {job.config for job in seen.jobs if job.hash == digest}
    return next((as_given(c) for c in intact_configs(name, seen) if c.name in used), None)


def as_given(config: SeenConfig) -> Chosen[JsonObject]:
    """Return a configuration of an earlier sync."""
    return Chosen(own_config(config), (seen_there(f"ConfigMap {config.name}, which its Job has"),))


def intact_configs(name: str, seen: Seen) -> list[SeenConfig]:
    """Return our own ConfigMaps that hold what their name says, so that we wrote them."""
    return [c for c in seen.own_configs if c.text and config_name(name, c.text) == c.name]


def own_config(config: SeenConfig) -> JsonObject:
    """Read what we wrote, as what we write: JSON, in which every number is what it was."""
    found: JsonObject = json.loads(config.text or "{}").get(names.TRAINING_CONFIG, {})
    return found


def accepted_config(
    name: str, seen: Seen, before: SeenTraining | None
) -> Chosen[JsonObject] | None:
    """
    Return the configuration that was accepted last, or None if it is not there any more.

    That of the Job of which the status speaks; before there is one, the only one that there is.
    """
    spoken_of = before.job if before is not None else ""
    used = {job.config: job.name for job in seen.jobs}
    last = min(
        intact_configs(name, seen),
        key=lambda config: (used.get(config.name) != spoken_of, config.name in used, config.name),
        default=None,
    )
    return as_given(last) if last is not None else None


def refused(message: str) -> Refusal:
    """Say no because of the configuration as a whole."""
    return Refusal(Problem(field="tuning.config", message=message))


def read_config(config: SeenConfig, catalog: Catalog) -> JsonObject:
    """
    Return what stands below ``training_config``.

    Raises:
        Refusal: There is nothing of the kind.

    """
    where = f"ConfigMap {config.name!r}"
    if config.text is None:
        raise refused(f"{where} has no key {names.TRAINING_CONFIG_FILE}")
    try:
        document = catalog.read_document(config.text)
    except ValueError as error:
        message = f"{where}: {names.TRAINING_CONFIG_FILE} cannot be read: {error}"
        raise refused(message) from None
    found = document.get(names.TRAINING_CONFIG) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise refused(
            f"{where}: {names.TRAINING_CONFIG_FILE} needs the key {names.TRAINING_CONFIG} "
            "with the sections below it"
        )
    return found


def section_problems(config: JsonObject, catalog: Catalog) -> Iterator[Problem]:
    """Check each section and each of its parameters by name and kind."""
    for section, values in config.items():
        known = catalog.parameters.get(str(section))
        if known is None:
            yield unknown("section", str(section), list(catalog.parameters))
        elif not isinstance(values, dict):
            yield wrong(str(section), "must hold parameters, one on each line")
        else:
            for key, value in values.items():
                yield from parameter_problems(str(section), str(key), value, known)


def parameter_problems(
    section: str, key: str, value: object, known: dict[str, ParameterKind]
) -> Iterator[Problem]:
    """Check one parameter; null stands for the library's default everywhere."""
    kind = known.get(key)
    if kind is None:
        yield unknown(f"parameter of {section}", key, list(known))
    elif kind != "any" and value is not None:
        types, words = KINDS[kind]
        mistaken = isinstance(value, bool) and kind != "boolean"
        if mistaken or not (isinstance(value, types) or (kind == "number" and is_number(value))):
            # Not the value: a ConfigMap may hold what nobody else shall read in a status or a plan.
            yield wrong(f"{section}.{key}", f"must be {words}, is {words_for(value)}")


def words_for(value: object) -> str:
    """Return of which kind a value is."""
    if isinstance(value, bool):
        return KINDS["boolean"][1]
    return next(words for types, words in KINDS.values() if isinstance(value, types))


def is_number(value: object) -> bool:
    """Whether a text is a number, as 2e-4 is, which YAML 1.1 reads as text."""
    try:
        float(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


def unknown(what: str, name: str, known: list[str]) -> Problem:
    """Say that there is no such thing, and what there is."""
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return Problem(
        field="tuning.config",
        message=f"there is no {what} called {name!r}; {hint}there are {', '.join(sorted(known))}",
    )


def wrong(where: str, message: str) -> Problem:
    """Say what is wrong with a section or a parameter."""
    return Problem(field="tuning.config", message=f"{where} {message}")


def method_problems(config: JsonObject, method: str) -> Iterator[Problem]:
    """Check that the quantization is that of the method, which decides which one runs."""
    section = config.get("QuantizationConfig")
    section = section if isinstance(section, dict) else {}
    used = [key for key in QUANTIZED if section.get(key) is True]
    if len(used) > 1:
        yield wrong("QuantizationConfig", "cannot have both load_in_4bit and load_in_8bit")
    if method == "lora" and used:
        yield wrong(
            f"QuantizationConfig.{used[0]}", "must not be true for the method lora: use qlora"
        )
    if method == "qlora" and not used:
        yield wrong("QuantizationConfig", "needs load_in_4bit or load_in_8bit for the method qlora")


def path_problems(config: JsonObject) -> Iterator[Problem]:
    """Check that the results go to a directory of their own, where they are looked for."""
    arguments = config.get("TrainingArguments")
    written = arguments.get("output_dir") if isinstance(arguments, dict) else None
    path = results_path(config)
    below = path.startswith(f"{names.MOUNT_ROOT}/") and written not in ("", names.MOUNT_ROOT)
    taken = any(path == other or path.startswith(f"{other}/") for other in TAKEN_PATHS)
    # What a mount path may hold. https://kubernetes.io/docs/concepts/storage/volumes/
    possible = ":" not in path and len(path) <= LONGEST_PATH
    if not below or taken or not possible:
        yield wrong(
            "TrainingArguments.output_dir",
            f"leads to {path}, must be a directory of its own below {names.MOUNT_ROOT}, "
            "for example /mnt/results",
        )


def format_problems(config: JsonObject) -> Iterator[Problem]:
    """Check that the adapter is written in the one format that is delivered and served."""
    arguments = config.get("TrainingArguments")
    if isinstance(arguments, dict) and arguments.get("save_safetensors") is False:
        yield wrong(
            "TrainingArguments.save_safetensors",
            "must not be false: an adapter is served from its adapter_model.safetensors",
        )


def results_path(config: JsonObject) -> str:
    """Return the directory of the results; a relative one is meant below /mnt."""
    arguments = config.get("TrainingArguments")
    written = arguments.get("output_dir") if isinstance(arguments, dict) else None
    if not isinstance(written, str) or not written:
        return names.RESULTS_PATH
    if written.startswith(f"{names.MOUNT_ROOT}/"):
        return posixpath.normpath(written)
    return posixpath.normpath(posixpath.join(names.MOUNT_ROOT, written.lstrip("/")))


def resolved(config: JsonObject) -> JsonObject:
    """
    Return the configuration as the trainer shall read it.

    With the directory of the results written out, so that it writes where the volume is mounted;
    without nulls, which mean the default and which it would take for the text "None".
    """
    sections = {
        section: {key: value for key, value in (values or {}).items() if value is not None}
        for section, values in config.items()
    }
    arguments = {**sections.get("TrainingArguments", {}), "output_dir": results_path(config)}
    return {**sections, "TrainingArguments": arguments}


def require_free_tag(tuning: Tuning, digest: str, seen: Seen, before: SeenTraining | None) -> None:
    """
    Refuse to push another result under a tag that holds one of this Workspace's.

    Raises:
        Refusal: Another training of this Workspace ended well and was pushed there.

    """
    image = tuning.output.image
    if (before is not None and before.hash == digest) or not image:
        return
    delivered = {*(before.delivered if before is not None else ()), *done_images(seen, digest)}
    if image in delivered and image.rpartition(":")[2] != MOVING_TAG:
        raise Refusal(
            Problem(
                field="tuning.output.image",
                message=f"{image} holds the result of an earlier training: use another tag to "
                f"keep it, or the tag {MOVING_TAG} to overwrite it",
            )
        )


def done_images(seen: Seen, digest: str) -> list[str]:
    """Return what Jobs of other trainings have pushed, whether a status says so already or not."""
    return [job.image for job in seen.jobs if job.done and job.image and job.hash != digest]
