"""
How a model is tuned: configuration, data, command line, where the result goes.

Source: https://github.com/kaito-project/kaito/blob/v0.3.2/pkg/workspace/tuning/preset-tuning.go
"""

import hashlib
import json
from typing import NamedTuple

from composite import names
from composite.catalog import Catalog, Preset, Weights
from composite.catalog import Tuning as TuningFacts
from composite.models import JsonObject
from composite.origins import Chosen, Origin, Origins, Source, setting, written
from composite.refusal import Problem, Refusal
from composite.workspace.api import DataDestination, DataSource, SeenTraining, Tuning
from composite.workspace.observe import Seen
from composite.workspace.server import flags, of_preset, of_weights, own_weights, server_image
from composite.workspace.training_config import HASH_DIGITS, config_name, config_text, results_path

# A tag that is meant to move on; any other holds what was pushed to it.
MOVING_TAG = "latest"


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
